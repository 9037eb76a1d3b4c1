import { GraphQLError } from 'graphql';
import type { Context } from '../../context.ts';
import { lightError } from '../../errors/light-error.ts';
import { TextPieces } from '../../http/text-pieces.ts';
import type { Turns } from '../turns.ts';
import type { ObjectSelection, Part, Plan, PlannedObject, Projection, Selection } from './plan.ts';

/** What an operation led to: the JSON of `data` in pieces, and the errors of its fields. Undefined where `data` is too long. */
export type RunResult = { readonly texts: string[]; readonly errors: readonly GraphQLError[] } | undefined;

interface RunOptions<Outcome> {
  readonly maxLength: number;
  readonly turns: Turns;
  /** Whether its caller still waits for it; if not, its data is null. */
  readonly isWanted: () => boolean;
  /** Called in the turn in which the result is written. */
  readonly finish: (result: RunResult) => Outcome;
}

/**
 * Executes a plan: all reads that can start at one moment leave together, as one batch of the loaders, and each settles by itself.
 * `context` needs loaders with `batching: 'manual'`. Undefined where the variables are left to Yoga; then nothing was read.
 */
export function run<Outcome>(
  plan: Plan,
  variables: Readonly<Record<string, unknown>>,
  context: Context,
  { maxLength, turns, isWanted, finish }: RunOptions<Outcome>,
): Promise<Outcome> | undefined {
  const coerced = plan.coerce(variables);
  if (coerced === undefined) return undefined;
  return new Promise((done, fail) => {
    const running = new Run(plan, coerced, context, () => turns.run(context.lane, write));
    let result: Result | undefined;
    const write = () => {
      try {
        result ??= new Result(running.root, maxLength);
        if (!isWanted()) done(finish(unwanted()));
        else if (result.write()) done(finish(result.end()));
        else turns.run(context.lane, write, true);
      } catch (error) {
        fail(error);
      }
    };
    running.start();
  });
}

const unwanted = (): RunResult => ({ texts: ['null'], errors: [] });

/** A selected object with reads below it, once for all places where the same object is selected by the same fields. */
class Selected {
  readonly planned: PlannedObject;
  readonly value: object;
  /** For each part what was found, as `Run.#below` has it. */
  readonly found: unknown[] = [];

  constructor(planned: PlannedObject, value: object) {
    this.planned = planned;
    this.value = value;
  }
}

type PartOf<Kind> = Extract<Part, { kind: Kind }>;

class Run {
  readonly root: Selected;
  readonly #plan: Plan;
  readonly #variables: readonly unknown[];
  readonly #context: Context;
  readonly #complete: () => void;
  readonly #selected = new Map<PlannedObject, Map<object, Selected>>();
  /** Reads under way, and the root while its reads start. */
  #pending = 1;

  constructor(plan: Plan, variables: readonly unknown[], context: Context, complete: () => void) {
    this.root = new Selected(plan.root, {});
    this.#plan = plan;
    this.#variables = variables;
    this.#context = context;
    this.#complete = complete;
  }

  start(): void {
    this.#startReads(this.root);
    this.#settle();
  }

  #startReads({ planned, value, found }: Selected): void {
    for (let index = 0; index < planned.parts.length; index++) {
      const part = planned.parts[index] as Part;
      if (part.kind === 'property') {
        found[index] = this.#below(part.selection, (value as Record<string, unknown>)[part.property]);
      } else if (part.kind === 'read') this.#read(part, value, found, index);
    }
  }

  /** Sets `found[index]` when the read has ended. */
  #read(part: PartOf<'read'>, parent: object, found: unknown[], index: number): void {
    this.#pending++;
    const settle = (value: unknown) => {
      found[index] = this.#below(part.selection, value);
      this.#settle();
    };
    try {
      // A read needs no more information about the operation.
      const info = part.info && { ...part.info, variableValues: { sources: {}, coerced: this.#variablesByName() } };
      const promise = part.resolve(parent, part.args(this.#variables), this.#context, info as never);
      (promise as Promise<unknown>).then(settle, settle);
    } catch (error) {
      // Without a dispatch: the other reads of this stage have not all been started.
      found[index] = this.#below(part.selection, error);
      this.#pending--;
    }
  }

  #variablesByName(): Record<string, unknown> {
    const entries = this.#plan.variables.map((name, index) => [name, this.#variables[index]] as const);
    const values: Record<string, unknown> = Object.create(null); // a variable may have any name, such as `toString`
    return Object.assign(values, Object.fromEntries(entries.filter(([, value]) => value !== undefined)));
  }

  /** A value with what is selected from it: an error, null, an object, or a list of these; an object with reads below as `Selected`. */
  #below(selection: Selection, value: unknown): unknown {
    if (Array.isArray(value)) return value.map((entry) => this.#below(selection, entry));
    if (selection.kind !== 'projection' && typeof value === 'object' && value !== null && !(value instanceof Error)) {
      const chosen = choose(selection, value);
      if (chosen.kind === 'object') return this.#select(chosen, value);
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
    if (--this.#pending === 0) this.#complete();
  }
}

function choose(selection: Selection, value: object): ObjectSelection {
  return selection.kind === 'union' ? selection.of(value) : selection;
}

/** How much new JSON is written in one turn. In characters, of which a million takes some milliseconds. */
const newPerTurn = 1_000_000;

/**
 * The result of an operation. The JSON of the same part of the same value is written once, for all fields and entries that select it.
 * Writing stops when there is more than `maxLength`.
 */
class Result {
  readonly #root: Selected;
  readonly #maxLength: number;
  readonly #known = new Map<Projection, Map<object, string>>();
  #texts = new TextPieces();
  #left = 0;
  #newLeft = 0;
  #isInterrupted = false;
  #hasErrors = false;

  constructor(root: Selected, maxLength: number) {
    this.#root = root;
    this.#maxLength = maxLength;
  }

  /** Returns false if it must be called again, in another turn; the texts in `#known` are not written again. */
  write(): boolean {
    this.#texts = new TextPieces();
    this.#left = this.#maxLength;
    this.#newLeft = newPerTurn;
    this.#isInterrupted = false;
    this.#addSelected(this.#root);
    return !this.#isInterrupted;
  }

  /** To be called once, after all is written. */
  end(): RunResult {
    if (this.#left < 0) return undefined;
    const found = new Errors(this.#left);
    if (this.#hasErrors) found.addBelow(this.#root, []);
    return found.isTooLong ? undefined : { texts: this.#texts.end(), errors: found.errors };
  }

  get #goesOn(): boolean {
    return this.#left >= 0 && !this.#isInterrupted;
  }

  #addSelected({ planned, value, found }: Selected): void {
    this.#add('{');
    for (let index = 0; index < planned.parts.length && this.#goesOn; index++) {
      const part = planned.parts[index] as Part;
      this.#add(part.prefix);
      if (part.kind === 'plain') this.#add(this.#project(part.projection, value).slice(1, -1));
      else this.#addFound(found[index], part.selection);
    }
    this.#add('}');
  }

  #addFound(found: unknown, selection: Selection): void {
    if (Array.isArray(found)) {
      this.#add('[');
      for (let index = 0; index < found.length && this.#goesOn; index++) {
        if (index > 0) this.#add(',');
        this.#addOne(found[index], selection);
      }
      this.#add(']');
    } else this.#addOne(found, selection);
  }

  #addOne(found: unknown, selection: Selection): void {
    if (found instanceof Selected) this.#addSelected(found);
    else if (typeof found === 'object' && found !== null && !(found instanceof Error)) {
      this.#add(this.#project(choose(selection, found) as Projection, found));
    } else {
      if (found instanceof Error) this.#hasErrors = true;
      this.#add('null');
    }
  }

  #add(text: string): void {
    this.#left -= text.length;
    if (this.#left >= 0) this.#texts.add(text);
  }

  #project(projection: Projection, value: object): string {
    const known = this.#known.get(projection) ?? new Map<object, string>();
    this.#known.set(projection, known);
    const existing = known.get(value);
    if (existing !== undefined) return existing;
    if (this.#newLeft < 0) this.#isInterrupted = true;
    if (!this.#goesOn) return '';
    const leastLength = projection.leastLength?.(value) ?? 0;
    if (leastLength > this.#left) {
      this.#left -= leastLength;
      return '';
    }
    const text = JSON.stringify(projection.of(value));
    this.#newLeft -= text.length;
    known.set(value, text);
    return text;
  }
}

type Path = readonly (string | number)[];

/** The least length of the JSON of an error, without its message and path. */
const leastErrorLength = 100;

/** Each error at every place where it nulls a field, in the order of the response. Stops when there are too many. */
class Errors {
  readonly errors: GraphQLError[] = [];
  #left: number;

  constructor(maxLength: number) {
    this.#left = maxLength;
  }

  get isTooLong(): boolean {
    return this.#left < 0;
  }

  addBelow({ planned, found }: Selected, path: Path): void {
    for (let index = 0; index < planned.parts.length && !this.isTooLong; index++) {
      const part = planned.parts[index] as Part;
      if (part.kind !== 'plain') this.#add(found[index], part, [...path, part.name]);
    }
  }

  #add(found: unknown, part: PartOf<'property' | 'read'>, path: Path): void {
    if (Array.isArray(found)) {
      if (!found.some((entry) => entry instanceof Error || entry instanceof Selected)) return;
      for (let place = 0; place < found.length && !this.isTooLong; place++) {
        this.#add(found[place], part, [...path, place]);
      }
    } else if (found instanceof Selected) this.addBelow(found, path);
    else if (found instanceof Error && part.kind === 'read') {
      this.#left -= leastErrorLength + found.message.length;
      const extensions = found instanceof GraphQLError ? found.extensions : {};
      this.errors.push(
        lightError({ message: found.message, nodes: part.nodes, path, extensions, originalError: found }),
      );
    }
  }
}
