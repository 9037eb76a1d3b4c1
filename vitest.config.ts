import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that start processes come first: to start one takes 15 ms of a new worker, and 300 ms of one with a large heap. */
class ProcessesFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const starts = ({ moduleId }: TestSpecification) =>
      /'node:child_process'|\/support\/process\.ts'/.test(readFileSync(moduleId, 'utf8'));
    return [...sorted.filter(starts), ...sorted.filter((file) => !starts(file))];
  }
}

export default defineConfig({
  // One copy of graphql for our files and for the libraries: with two, `instanceof GraphQLError` is quietly false.
  resolve: { alias: { graphql: import.meta.resolve('graphql') } },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/support/bundle.ts',
    setupFiles: 'test/support/setup.ts',
    // Modules are loaded once for each worker, not for each file: half of the time. Tests keep no state in modules or globals.
    isolate: false,
    sequence: { sequencer: ProcessesFirst },
    maxWorkers: availableParallelism() + 1, // many tests wait for a process or a deadline
    maxConcurrency: 3, // of tests that start processes
    // A test that starts the process itself waits for a Node to boot on a machine that may be busy.
    testTimeout: 30_000,
    // Some tests look at what is left on the heap; V8 would keep what was compiled from text for several collections.
    // More room for new objects, since many tests leave large texts and whole gateways behind: fewer collections.
    execArgv: ['--expose-gc', '--no-compilation-cache', '--max-semi-space-size=64'],
  },
});
