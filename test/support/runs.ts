/** How many random cases of a property are tested: `npm test` tests few, `npm run fuzz` many times as many. */
export function runs(count: number): number {
  return Math.round(count * Number(process.env['RUNS_FACTOR'] ?? 1));
}
