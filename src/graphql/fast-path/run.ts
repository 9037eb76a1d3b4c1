import { type GraphQLError, locatedError } from 'graphql';
import type { Context } from '../../context.ts';
import type { Part, Plan, PlannedObject, Project, Selection } from './plan.ts';

/** What an operation led to: `text` is the JSON of `data` where nothing failed, else `data` holds the same beside the errors. */
export type RunResult =
  | { readonly text: string }
  | { readonly data: Record<string, unknown>; readonly errors: readonly GraphQLError[] };

/**
 * Executes a plan: all reads that can start at one moment leave together, as one batch of the loaders, and each settles by itself.
 * `context` needs loaders with `batching: 'manual'`. Undefined where the variables are left to Yoga; then nothing was read.
 */
export function run(
  plan: Plan,
  variables: Readonly<Record<string, unknown>>,
  context: Context,
): Promise<RunResult> | undefined {
  const coerced = plan.coerce(variables);
  return coerced && new Promise((done) => new Run(coerced, context, done).start(plan.root));
}

/** A selected object with reads below it, once for all places where the same object is selected by the same fields. */
class Selected {
  readonly planned: PlannedObject;
  readonly value: object;
  /** For each part what was found, as `Run.#below` has it. */
  readonly found: unknown[] = [];
  text: string | undefined;

  constructor(planned: PlannedObject, value: object) {
    this.planned = planned;
    this.value = value;
  }
}

type ReadPart = Extract<Part, { kind: 'read' }>;

class Run {
  readonly #variables: readonly unknown[];
  readonly #context: Context;
  readonly #done: (result: RunResult) => void;
  readonly #selected = new Map<PlannedObject, Map<object, Selected>>();
  #root: Selected | undefined;
  /** Reads under way, and the root while its reads start. */
  #pending = 1;
  #hasFailed = false;

  constructor(variables: readonly unknown[], context: Context, done: (result: RunResult) => void) {
    this.#variables = variables;
    this.#context = context;
    this.#done = done;
  }

  start(root: PlannedObject): void {
    this.#root = new Selected(root, {});
    this.#startReads(this.#root);
    this.#settle();
  }

  #startReads(selected: Selected): void {
    const { planned, value, found } = selected;
    planned.parts.forEach((part, index) => {
      if (part.kind === 'property') {
        found[index] = this.#below(part.selection, (value as Record<string, unknown>)[part.property]);
      } else if (part.kind === 'read') {
        this.#read(part, value, (outcome) => {
          found[index] = outcome;
        });
      }
    });
  }

  #read(part: ReadPart, parent: object, set: (found: unknown) => void): void {
    this.#pending++;
    const settle = (value: unknown) => {
      set(this.#below(part.selection, value));
      this.#settle();
    };
    try {
      // A read needs no information about the operation.
      const promise = part.resolve(parent, part.args(this.#variables), this.#context, undefined as never);
      (promise as Promise<unknown>).then(settle, settle);
    } catch (error) {
      settle(error);
    }
  }

  /** A value with what is selected from it: an error, null, an object, or a list of these; an object with reads below as `Selected`. */
  #below(selection: Selection, value: unknown): unknown {
    if (value instanceof Error) this.#hasFailed = true;
    else if (Array.isArray(value)) return value.map((entry) => this.#below(selection, entry));
    else if (typeof selection !== 'function' && typeof value === 'object' && value !== null) {
      return this.#select(selection, value);
    }
    return value;
  }

  #select(planned: PlannedObject, value: object): Selected {
    const known = this.#selected.get(planned) ?? new Map<object, Selected>();
    this.#selected.set(planned, known);
    const existing = known.get(value);
    if (existing !== undefined) return existing;
    const selected = new Selected(planned, value);
    known.set(value, selected);
    this.#startReads(selected);
    return selected;
  }

  #settle(): void {
    this.#context.loaders.dispatch();
    if (--this.#pending > 0 || this.#root === undefined) return;
    this.#done(this.#hasFailed ? new PartialResult(this.#root) : { text: new Texts().ofSelected(this.#root) });
  }
}

/** The JSON of the selected parts of values: written once for all fields that select the same part of the same value. */
class Texts {
  readonly #known = new Map<Project, Map<object, string>>();

  ofSelected(selected: Selected): string {
    if (selected.text !== undefined) return selected.text;
    const { planned, value, found } = selected;
    let text = '{';
    for (let index = 0; index < planned.parts.length; index++) {
      const part = planned.parts[index] as Part;
      text += part.prefix;
      if (part.kind === 'plain') text += JSON.stringify(part.project(value)).slice(1, -1);
      else text += this.#of(found[index], part.selection);
    }
    selected.text = `${text}}`;
    return selected.text;
  }

  #of(found: unknown, selection: Selection): string {
    if (!Array.isArray(found)) return this.#ofOne(found, selection);
    let list = '';
    for (let index = 0; index < found.length; index++) {
      list += (index === 0 ? '' : ',') + this.#ofOne(found[index], selection);
    }
    return `[${list}]`;
  }

  #ofOne(found: unknown, selection: Selection): string {
    if (typeof found !== 'object' || found === null) return 'null';
    if (found instanceof Selected) return this.ofSelected(found);
    const project = selection as Project;
    const known = this.#known.get(project) ?? new Map<object, string>();
    this.#known.set(project, known);
    const text = known.get(found) ?? JSON.stringify(project(found));
    known.set(found, text);
    return text;
  }
}

/** Data beside errors, each error at every place where it nulls a field. */
class PartialResult {
  readonly errors: GraphQLError[] = [];
  readonly data: Record<string, unknown>;

  constructor(root: Selected) {
    this.data = this.#object(root, []);
  }

  #object({ planned, value, found }: Selected, path: readonly (string | number)[]): Record<string, unknown> {
    const entries = planned.parts.flatMap((part, index) => {
      if (part.kind === 'plain') return Object.entries(part.project(value));
      return [[part.name, this.#value(found[index], part, [...path, part.name])] as const];
    });
    return Object.fromEntries(entries);
  }

  #value(found: unknown, part: Exclude<Part, { kind: 'plain' }>, path: readonly (string | number)[]): unknown {
    if (Array.isArray(found)) return found.map((entry, place) => this.#value(entry, part, [...path, place]));
    if (found instanceof Error) this.errors.push(locatedError(found, part.kind === 'read' ? part.nodes : [], path));
    if (typeof found !== 'object' || found === null || found instanceof Error) return null;
    return found instanceof Selected ? this.#object(found, path) : (part.selection as Project)(found);
  }
}
