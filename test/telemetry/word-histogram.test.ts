import fc from 'fast-check';
import { AggregatorRegistry, Histogram, Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { WordHistogram } from '../../src/telemetry/word-histogram.ts';

const buckets = [0.1, 0.5, 1, 10];
const words = ['one', 'two'] as const;

// Its only reason to be is speed, so all that it prints must be what prom-client prints.
it('prints what a histogram of prom-client prints, in one process and for the sum over several', async () => {
  const value = fc.oneof(
    fc.constantFrom(0, ...buckets),
    fc.integer({ min: 0, max: 40 }).map((n) => n / 4),
  );
  const observations = fc.array(fc.tuple(fc.constantFrom(...words), value), { maxLength: 50 });
  await fc.assert(
    fc.asyncProperty(observations, observations, async (first, second) => {
      const ours: Registry[] = [];
      const theirs: Registry[] = [];
      for (const each of [first, second]) {
        const [own, reference] = [new Registry(), new Registry()];
        const options = { name: 'a_seconds', help: 'A.', buckets };
        const histogram = new WordHistogram({ ...options, label: 'word', words, register: own });
        const twin = new Histogram({ ...options, labelNames: ['word'], registers: [reference] });
        for (const word of words) twin.zero({ word });
        const bare = new WordHistogram({ ...options, name: 'b', register: own });
        const bareTwin = new Histogram({ ...options, name: 'b', registers: [reference] });
        for (const [word, observed] of each) {
          histogram.observe(observed, word);
          twin.observe({ word }, observed);
          bare.observe(observed);
          bareTwin.observe(observed);
        }
        expect(await own.metrics()).toBe(await reference.metrics());
        ours.push(own);
        theirs.push(reference);
      }
      expect(await sumOf(ours)).toBe(await sumOf(theirs));
    }),
  );
});

async function sumOf(registries: Registry[]): Promise<string> {
  const all = await Promise.all(registries.map((registry) => registry.getMetricsAsJSON()));
  return AggregatorRegistry.aggregate(all).metrics();
}
