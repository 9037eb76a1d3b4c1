import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Line, type Standing } from '../../../src/datasources/reads/linked-queue.ts';

interface Person extends Standing {
  readonly name: number;
}

function lineOf(count: number): { line: Line<Person>; people: Person[] } {
  const line = new Line<Person>();
  const people = Array.from({ length: count }, (_, name): Person => ({ name }));
  for (const person of people) line.join(person);
  return { line, people };
}

it('keeps the order of arrival, whoever leaves from wherever', () => {
  const moves = fc.array(fc.option(fc.nat()), { maxLength: 50 }); // null joins, a number leaves
  fc.assert(
    fc.property(moves, (script) => {
      const { line } = lineOf(0);
      const expected: Person[] = [];
      for (const [name, move] of script.entries()) {
        if (move === null || expected.length === 0) {
          const person = { name };
          line.join(person);
          expected.push(person);
        } else {
          for (const leaver of expected.splice(move % expected.length, 1)) line.leave(leaver);
        }
        expect([...line].map((person) => person.name)).toEqual(expected.map((person) => person.name));
        expect([line.first, line.last, line.size]).toEqual([expected[0], expected.at(-1), expected.length]);
      }
    }),
  );
});

it('goes on to the next when the one it has come to leaves', () => {
  const { line } = lineOf(3);
  const met: number[] = [];
  for (const person of line) {
    met.push(person.name);
    line.leave(person);
  }
  expect(met).toEqual([0, 1, 2]);
  expect(line.size).toBe(0);
});

it('keeps nobody who has left', () => {
  const { line, people } = lineOf(3);
  for (const person of people) line.leave(person);
  expect(people).toEqual([{ name: 0 }, { name: 1 }, { name: 2 }]);
  expect([line.first, line.last]).toEqual([undefined, undefined]);
});
