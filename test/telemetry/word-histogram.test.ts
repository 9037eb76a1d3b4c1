import fc from 'fast-check';
import { AggregatorRegistry, Histogram, Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { WordHistogram } from '../../src/telemetry/word-histogram.ts';

const buckets = [0.1, 0.5, 1, 10];
const routes = ['/a/{id}', '/b/{id}'] as const;
const words = ['one', 'two'] as const;

// It exists only for speed, so it must print the same as prom-client.
it('prints the same as a histogram of prom-client, for one process and for the sum of several', async () => {
  const value = fc.oneof(
    fc.constantFrom(0, ...buckets),
    fc.integer({ min: 0, max: 40 }).map((n) => n / 4),
  );
  const observations = fc.array(fc.tuple(fc.constantFrom(...routes), fc.constantFrom(...words), value), {
    maxLength: 50,
  });
  await fc.assert(
    fc.asyncProperty(observations, observations, async (first, second) => {
      const ours: Registry[] = [];
      const theirs: Registry[] = [];
      for (const each of [first, second]) {
        const [own, reference] = [new Registry(), new Registry()];
        const options = { name: 'a_seconds', help: 'A.', buckets };
        const histogram = new WordHistogram({ ...options, labels: { route: routes, word: words }, register: own });
        const twin = new Histogram({ ...options, labelNames: ['route', 'word'], registers: [reference] });
        for (const route of routes) for (const word of words) twin.zero({ route, word });
        const bare = new WordHistogram({ ...options, name: 'b', register: own });
        const bareTwin = new Histogram({ ...options, name: 'b', registers: [reference] });
        for (const [route, word, observed] of each) {
          histogram.observe(observed, route, word);
          twin.observe({ route, word }, observed);
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
