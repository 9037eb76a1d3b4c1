import { type GraphQLError, locatedError } from 'graphql';
import type { Context } from '../../context.ts';
import type { Plan, PlannedField, Project } from './plan.ts';

/** What an operation led to: `text` is the JSON of `data` where nothing failed, else `data` holds the same beside the errors. */
export type RunResult =
  | { readonly text: string }
  | { readonly data: Record<string, unknown>; readonly errors: readonly GraphQLError[] };

/**
 * Executes a plan: all reads leave together, as one batch of the loaders, and each settles by itself. `context` needs
 * loaders with `batching: 'manual'`. Undefined where the variables are left to Yoga; then nothing was read.
 */
export function run(
  plan: Plan,
  variables: Readonly<Record<string, unknown>>,
  context: Context,
): Promise<RunResult> | undefined {
  const coerced = plan.coerce(variables);
  if (coerced === undefined) return undefined;
  const { fields } = plan;
  return new Promise((done) => {
    const values: unknown[] = [];
    let pending = 1;
    const settle = () => {
      if (--pending === 0) done(resultOf(fields, values));
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
function resultOf(fields: readonly PlannedField[], values: readonly unknown[]): RunResult {
  for (const value of values) {
    if (value instanceof Error || (Array.isArray(value) && value.some((entry) => entry instanceof Error))) {
      return partialResult(fields, values);
    }
  }
  const texts = new Texts();
  let text = '{';
  for (let index = 0; index < fields.length; index++) {
    const { prefix, read, text: typename } = fields[index] as PlannedField;
    text += prefix + (read === undefined ? typename : texts.of(values[index], read.project));
  }
  return { text: `${text}}` };
}

/** The JSON of the selected parts of values: written once for all fields that select the same part of the same value. */
class Texts {
  readonly #known = new Map<Project, Map<object, string>>();

  of(value: unknown, project: Project): string {
    if (!Array.isArray(value)) return this.#textOf(value, project);
    let list = '';
    for (let index = 0; index < value.length; index++) {
      list += (index === 0 ? '' : ',') + this.#textOf(value[index], project);
    }
    return `[${list}]`;
  }

  #textOf(value: unknown, project: Project): string {
    if (typeof value !== 'object' || value === null) return 'null';
    const known = this.#known.get(project) ?? new Map<object, string>();
    this.#known.set(project, known);
    const text = known.get(value) ?? JSON.stringify(project(value));
    known.set(value, text);
    return text;
  }
}

function partialResult(fields: readonly PlannedField[], values: readonly unknown[]): RunResult {
  const errors: GraphQLError[] = [];
  const entries = fields.map(({ name, nodes, read, text }, index): [string, unknown] => {
    if (read === undefined) return [name, JSON.parse(text)];
    const part = (value: unknown, path: (string | number)[]): object | null => {
      if (value instanceof Error) errors.push(locatedError(value, nodes, path));
      return typeof value !== 'object' || value === null || value instanceof Error ? null : read.project(value);
    };
    const value = values[index];
    return [name, Array.isArray(value) ? value.map((entry, place) => part(entry, [name, place])) : part(value, [name])];
  });
  return { data: Object.fromEntries(entries), errors };
}
