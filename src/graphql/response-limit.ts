import { type ExecutionResult, GraphQLError } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { responseTooLarge } from '../errors/client-errors.ts';
import type { FailureLog } from '../errors/failure-log.ts';
import { type PublicErrorOptions, publicError } from '../errors/public-error.ts';
import { withoutHttp } from './public-errors.ts';
import type { ServerContext } from './server-context.ts';

/** Writes each result, and refuses a response with more bytes before they are joined. For results with public errors. */
export function useResponseLimit(
  maxBytes: number,
  log: FailureLog,
  options: PublicErrorOptions,
): Plugin<object, ServerContext> {
  return {
    onResultProcess({ result, setResult, serverContext: { record } }) {
      if (Array.isArray(result) || Symbol.asyncIterator in result) return;
      const data = result.data ? textOf(result.data, maxBytes) : JSON.stringify(result.data);
      const text = data === undefined && result.data ? undefined : textWith(withoutHttp(result), data);
      if (text !== undefined && Buffer.byteLength(text) <= maxBytes) {
        // Yoga looks at errors for the status alone, which none with a path sets.
        setResult({
          ...result,
          errors: (result.errors ?? []).filter(({ path }) => path === undefined),
          stringify: () => text,
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

/** The JSON of `data`, written once for all equal entries of lists; undefined when it is longer. */
function textOf(data: object, maxLength: number): string | undefined {
  const known = new Map<object, string>();
  const pieces: string[] = [];
  let left = maxLength;
  const add = (piece: string) => {
    left -= piece.length;
    if (left >= 0) pieces.push(piece);
  };
  const addValue = (value: unknown) => {
    if (typeof value !== 'object' || value === null) return add(JSON.stringify(value));
    const text = known.get(value) ?? JSON.stringify(value);
    known.set(value, text);
    add(text);
  };
  for (const [name, value] of Object.entries(data)) {
    add(`${pieces.length === 0 ? '{' : ','}${JSON.stringify(name)}:`);
    if (Array.isArray(value)) {
      for (let index = 0; index < value.length && left >= 0; index++) {
        add(index === 0 ? '[' : ',');
        addValue(value[index]);
      }
      add(value.length === 0 ? '[]' : ']');
    } else addValue(value);
    if (left < 0) return undefined;
  }
  return pieces.length === 0 ? '{}' : `${pieces.join('')}}`;
}

function textWith(result: ExecutionResult, data: string | undefined): string {
  const parts = Object.entries(result).flatMap(([name, value]) => {
    const text = name === 'data' ? data : JSON.stringify(value);
    return text === undefined ? [] : [`${JSON.stringify(name)}:${text}`]; // of a function, or of undefined
  });
  return `{${parts.join()}}`;
}
