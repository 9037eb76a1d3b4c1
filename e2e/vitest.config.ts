import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['*.test.ts'],
    typecheck: { enabled: true, include: ['*.test-d.ts'], tsconfig: './tsconfig.json' },
    // Whole processes boot here, one after the other: two at once would fight for the machine.
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
