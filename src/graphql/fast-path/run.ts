import { type GraphQLError, locatedError } from 'graphql';
import type { Context } from '../../context.ts';
import type { Turns } from '../turns.ts';
import type { Plan, PlannedField, Project } from './plan.ts';

/** What an operation led to: the JSON of `data`, and the errors of its fields. Undefined where `data` is too long. */
export type RunResult = { readonly text: string; readonly errors: readonly GraphQLError[] } | undefined;

interface RunOptions<Outcome> {
  readonly maxLength: number;
  readonly turns: Turns;
  /** Whether its caller still waits for it; if not, its result is undefined. */
  readonly isWanted: () => boolean;
  /** Called in the turn in which the result is written. */
  readonly finish: (result: RunResult) => Outcome;
}

/**
 * Executes a plan: all reads leave together, as one batch of the loaders, and each settles by itself. `context` needs
 * loaders with `batching: 'manual'`. Undefined where the variables are left to Yoga; then nothing was read.
 */
export function run<Outcome>(
  plan: Plan,
  variables: Readonly<Record<string, unknown>>,
  context: Context,
  { maxLength, turns, isWanted, finish }: RunOptions<Outcome>,
): Promise<Outcome> | undefined {
  const coerced = plan.coerce(variables);
  if (coerced === undefined) return undefined;
  const { fields } = plan;
  return new Promise((done, fail) => {
    const values: unknown[] = [];
    let pending = 1;
    const complete = () => {
      try {
        done(finish(isWanted() ? resultOf(fields, values, maxLength) : undefined));
      } catch (error) {
        fail(error);
      }
    };
    const settle = () => {
      if (--pending === 0) turns.run(complete);
    };
    fields.forEach(({ read }, index) => {
      if (read === undefined) return;
      pending++;
      const set = (value: unknown) => {
        values[index] = value;
        settle();
      };
      try {
        // A read needs no information about the operation.
        (read.resolve(undefined, read.args(coerced), context, undefined as never) as Promise<unknown>).then(set, set);
      } catch (error) {
        set(error);
      }
    });
    context.loaders.dispatch();
    settle();
  });
}

/** `values` holds for each field what was read, or the error; in a list an error stands in the place of its entry. */
function resultOf(fields: readonly PlannedField[], values: readonly unknown[], maxLength: number): RunResult {
  const texts = new Texts(maxLength);
  let text = '{';
  for (let index = 0; index < fields.length; index++) {
    const { prefix, read, text: typename } = fields[index] as PlannedField;
    text += prefix + (read === undefined ? typename : texts.of(values[index], read.project));
    if (texts.left < 0 || text.length > maxLength) return undefined;
  }
  return { text: `${text}}`, errors: errorsOf(fields, values) };
}

/**
 * The JSON of the selected parts of values: written once for all fields and entries that select the same part of the same value.
 * It stops when there is more than may be `left`.
 */
class Texts {
  left: number;
  readonly #known = new Map<Project, Map<object, string>>();

  constructor(maxLength: number) {
    this.left = maxLength;
  }

  of(value: unknown, project: Project): string {
    if (!Array.isArray(value)) return this.#textOf(value, project);
    let list = '';
    for (let index = 0; index < value.length && this.left >= 0; index++) {
      list += (index === 0 ? '' : ',') + this.#textOf(value[index], project);
    }
    return `[${list}]`;
  }

  #textOf(value: unknown, project: Project): string {
    const text = this.#find(value, project);
    this.left -= text.length;
    return text;
  }

  #find(value: unknown, project: Project): string {
    if (typeof value !== 'object' || value === null || value instanceof Error) return 'null';
    const known = this.#known.get(project) ?? new Map<object, string>();
    this.#known.set(project, known);
    const found = known.get(value);
    if (found !== undefined) return found;
    const leastLength = project.leastLength?.(value) ?? 0;
    if (leastLength > this.left) {
      this.left = -1;
      return '';
    }
    const text = JSON.stringify(project.of(value));
    known.set(value, text);
    return text;
  }
}

function errorsOf(fields: readonly PlannedField[], values: readonly unknown[]): GraphQLError[] {
  const errors: GraphQLError[] = [];
  for (let index = 0; index < fields.length; index++) {
    const { name, nodes } = fields[index] as PlannedField;
    const value = values[index];
    if (value instanceof Error) errors.push(locatedError(value, nodes, [name]));
    else if (Array.isArray(value)) {
      for (let place = 0; place < value.length; place++) {
        if (value[place] instanceof Error) errors.push(locatedError(value[place], nodes, [name, place]));
      }
    }
  }
  return errors;
}
