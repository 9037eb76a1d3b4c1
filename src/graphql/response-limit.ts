import { type ExecutionResult, GraphQLError } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { responseTooLarge } from '../errors/client-errors.ts';
import type { FailureLog } from '../errors/failure-log.ts';
import { type PublicErrorOptions, publicError } from '../errors/public-error.ts';
import { TextPieces } from '../http/text-pieces.ts';
import { withoutHttp } from './public-errors.ts';
import type { ServerContext } from './server-context.ts';
import type { Turns } from './turns.ts';

/** A larger response is sent in pieces, past Yoga, which would join and copy them. In bytes. */
const largeBytes = 65_536;

/** How much is written in one turn. In characters, of which a million takes some milliseconds, or more where its memory is new. */
const lengthPerTurn = 1_000_000;

/** Writes each result, and refuses a response with more bytes before they are joined. For results with public errors. */
export function useResponseLimit(
  maxBytes: number,
  turns: Turns,
  log: FailureLog,
  options: PublicErrorOptions,
): Plugin<object, ServerContext> {
  return {
    async onResultProcess({ result, setResult, serverContext: { record, res, response, lane } }) {
      if (Array.isArray(result) || Symbol.asyncIterator in result) return;
      const writing = write(withoutHttp(result), maxBytes);
      let step = writing.next();
      for (; step.done !== true; step = writing.next()) {
        await turns.next(lane);
        if (res.closed) return setResult({ data: null }); // the client has disconnected
      }
      if (step.value !== undefined) {
        const { texts, bytes } = step.value;
        const isLarge = bytes > largeBytes && response !== undefined;
        if (isLarge) response.texts = texts;
        // Yoga looks at errors for the status alone, which none with a path sets.
        setResult({
          ...result,
          errors: (result.errors ?? []).filter(({ path }) => path === undefined),
          stringify: () => (isLarge ? '' : texts.join('')),
        });
        return;
      }
      const { message, code } = responseTooLarge(maxBytes);
      const { extensions } = publicError(new GraphQLError(message, { extensions: { code } }), record, log, options);
      record.codes = [];
      record.note(false, [{ extensions }]);
      setResult({ errors: [new GraphQLError(message, { extensions })] });
    },
  };
}

interface Written {
  readonly texts: readonly string[];
  readonly bytes: number;
}

/**
 * The JSON of a result in pieces, where entries of a list that are one object are written once; undefined when it is longer. Yields
 * whenever it has computed enough for one turn, but not within an entry of several, and not among the errors.
 */
function* write(result: ExecutionResult, maxBytes: number): Generator<undefined, Written | undefined> {
  const pieces = new TextPieces();
  const known = new Map<object, string>();
  let left = maxBytes;
  let leftInTurn = lengthPerTurn;
  const add = (piece: string) => {
    left -= piece.length;
    leftInTurn -= piece.length;
    if (left >= 0) pieces.add(piece);
  };
  const addEntry = (entry: unknown) => {
    if (typeof entry !== 'object' || entry === null) return add(JSON.stringify(entry));
    const text = known.get(entry) ?? JSON.stringify(entry);
    known.set(entry, text);
    add(text);
  };
  function* endTurn(): Generator<undefined, void> {
    if (leftInTurn > 0) return;
    yield;
    leftInTurn = lengthPerTurn;
  }
  function* addValue(value: unknown): Generator<undefined, void> {
    if (Array.isArray(value)) {
      add('[');
      for (let index = 0; index < value.length && left >= 0; index++) {
        if (index > 0) add(',');
        if (value.length === 1) yield* addValue(value[index]);
        else addEntry(value[index]);
        yield* endTurn();
      }
      add(']');
    } else if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === null) {
      let before = '{';
      for (const name in value) {
        add(`${before}${JSON.stringify(name)}:`);
        before = ',';
        yield* addValue(Reflect.get(value, name));
        if (left < 0) return;
      }
      add(before === '{' ? '{}' : '}');
    } else {
      add(JSON.stringify(value));
      yield* endTurn();
    }
  }
  let before = '{';
  for (const [name, value] of Object.entries(result)) {
    const text = name === 'data' && value ? undefined : JSON.stringify(value);
    if (text === undefined && typeof value !== 'object') continue; // a function, or undefined
    pieces.add(`${before}${JSON.stringify(name)}:`);
    before = ',';
    if (text === undefined) yield* addValue(value);
    else pieces.add(text);
    if (left < 0) return undefined;
  }
  pieces.add(before === '{' ? '{}' : '}');
  const texts = pieces.end();
  let bytes = 0;
  for (const text of texts) {
    bytes += Buffer.byteLength(text); // which also joins what the text was made of
    leftInTurn -= text.length;
    yield* endTurn();
  }
  return bytes <= maxBytes ? { texts, bytes } : undefined;
}
