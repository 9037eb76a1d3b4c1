import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  // One copy of graphql for our files and for the libraries: with two, `instanceof GraphQLError` is quietly false.
  resolve: { alias: { graphql: import.meta.resolve('graphql') } },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/support/bundle.ts',
    setupFiles: 'test/support/setup.ts',
    // Modules are loaded once for each worker, not for each file: half of the time. Tests keep no state in modules or globals.
    isolate: false,
    maxWorkers: availableParallelism() + 1, // many tests wait for a process or a deadline
    maxConcurrency: 4, // of tests that wait for a process or a deadline
    // A test that starts the process itself waits for a Node to boot on a machine that may be busy.
    testTimeout: 30_000,
    // Some tests look at what is left on the heap; V8 would keep what was compiled from text for several collections.
    // More room for new objects, since many tests leave large texts and whole gateways behind: fewer collections.
    execArgv: ['--expose-gc', '--no-compilation-cache', '--max-semi-space-size=64'],
  },
});
