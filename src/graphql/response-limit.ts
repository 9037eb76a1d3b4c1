import { type ExecutionResult, GraphQLError } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { responseTooLarge } from '../errors/client-errors.ts';
import type { FailureLog } from '../errors/failure-log.ts';
import { type PublicErrorOptions, publicError } from '../errors/public-error.ts';
import { bytesOf, TextPieces } from '../http/text-pieces.ts';
import { withoutHttp } from './public-errors.ts';
import type { ServerContext } from './server-context.ts';

/** A larger response is sent in pieces, past Yoga, which would join and copy them. In bytes. */
const largeBytes = 65_536;

/** Writes each result, and refuses a response with more bytes before they are joined. For results with public errors. */
export function useResponseLimit(
  maxBytes: number,
  log: FailureLog,
  options: PublicErrorOptions,
): Plugin<object, ServerContext> {
  return {
    onResultProcess({ result, setResult, serverContext: { record, response } }) {
      if (Array.isArray(result) || Symbol.asyncIterator in result) return;
      const texts = textsOf(withoutHttp(result), maxBytes);
      const bytes = texts === undefined ? 0 : bytesOf(texts);
      if (texts !== undefined && bytes <= maxBytes) {
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

/** The JSON of a result in pieces, written once for all equal entries of lists; undefined when `data` is longer. */
function textsOf(result: ExecutionResult, maxLength: number): readonly string[] | undefined {
  const pieces = new TextPieces();
  const known = new Map<object, string>();
  let left = maxLength;
  const add = (piece: string) => {
    left -= piece.length;
    if (left >= 0) pieces.add(piece);
  };
  const addValue = (value: unknown) => {
    if (typeof value !== 'object' || value === null) return add(JSON.stringify(value));
    const text = known.get(value) ?? JSON.stringify(value);
    known.set(value, text);
    add(text);
  };
  const addData = (data: object) => {
    let before = '{';
    for (const [name, value] of Object.entries(data)) {
      add(`${before}${JSON.stringify(name)}:`);
      before = ',';
      if (Array.isArray(value)) {
        for (let index = 0; index < value.length && left >= 0; index++) {
          add(index === 0 ? '[' : ',');
          addValue(value[index]);
        }
        add(value.length === 0 ? '[]' : ']');
      } else addValue(value);
      if (left < 0) return;
    }
    add(before === '{' ? '{}' : '}');
  };
  let before = '{';
  for (const [name, value] of Object.entries(result)) {
    const text = name === 'data' && value ? undefined : JSON.stringify(value);
    if (text === undefined && typeof value !== 'object') continue; // a function, or undefined
    pieces.add(`${before}${JSON.stringify(name)}:`);
    before = ',';
    if (text === undefined) addData(value as object);
    else pieces.add(text);
    if (left < 0) return undefined;
  }
  pieces.add(before === '{' ? '{}' : '}');
  return pieces.end();
}
