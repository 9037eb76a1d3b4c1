import type { ExecutionResult } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { Context } from '../context.ts';

/** Adds the reads of an operation to its response, as `extensions.linq.reads`, for callers that request them. */
export function useExplainedReads(): Plugin<Context> {
  return {
    onExecute({ args: { contextValue } }) {
      const { explainedReads } = contextValue;
      if (explainedReads === undefined) return undefined;
      return {
        onExecuteDone({ result, setResult }) {
          if (Symbol.asyncIterator in result) return;
          const extensions = { ...result.extensions, linq: { reads: explainedReads.toJSON() } };
          const explained: ExecutionResult = { ...result, extensions };
          setResult(explained);
        },
      };
    },
  };
}
