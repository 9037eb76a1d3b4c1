import { expect, it } from 'vitest';
import { Turns } from '../../src/graphql/turns.ts';

/** As long as one turn of the event loop may take. */
function compute(): void {
  const until = performance.now() + 11;
  while (performance.now() < until);
}

const by = (caller: string) => () => caller;

it('lets callers take turns where work takes long', async () => {
  const turns = new Turns();
  const done: string[] = [];
  const work = (caller: string, index: number) =>
    turns.start(by(caller), () => {
      compute();
      done.push(`${caller}${index}`);
    });
  const all = ['a', 'a', 'a', 'a', 'b', 'c', 'b'].map(work);
  expect(done).toEqual(['a0']); // the first one does not wait
  await Promise.all(all);
  expect(done).toEqual(['a0', 'a1', 'b4', 'c5', 'a2', 'b6', 'a3']);
});

it('does one piece of long work in each turn of the event loop, and work of others in between', async () => {
  const turns = new Turns();
  const done: string[] = [];
  let loops = 0;
  const count = () => {
    loops++;
    if (done.length < 4) setImmediate(count);
  };
  setImmediate(count);
  await Promise.all(
    ['a', 'a', 'b', 'a'].map(
      (caller) =>
        new Promise<void>((resolve) => {
          turns.run(
            by(caller),
            () => {
              compute();
              done.push(caller);
              resolve();
            },
            true,
          );
        }),
    ),
  );
  expect(done).toEqual(['a', 'b', 'a', 'a']);
  expect(loops).toBeGreaterThanOrEqual(3 * 10); // Node accepts one new connection in each
});

it('returns what work returns where it does not wait, and throws what it throws', () => {
  const turns = new Turns();
  expect(turns.start(by('a'), () => 7)).toBe(7);
  expect(() =>
    turns.start(by('a'), () => {
      throw new Error('wrong');
    }),
  ).toThrow('wrong');
});

it('rejects with what waiting work throws, and continues', async () => {
  const turns = new Turns();
  turns.run(by('a'), compute);
  const failed = turns.start(by('a'), () => {
    throw new Error('wrong');
  });
  const next = turns.start(by('a'), () => 7);
  await expect(failed).rejects.toThrow('wrong');
  expect(await next).toBe(7);
});
