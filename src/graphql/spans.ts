import type { Plugin } from 'graphql-yoga';
import type { ServerContext } from './server-context.ts';

/** Spans of operations that Yoga executes, where the request is traced. */
export function useOperationSpans(): Plugin<ServerContext> {
  return {
    onExecute({ args: { contextValue }, executeFn, setExecuteFn }) {
      const { trace } = contextValue.record;
      if (trace !== undefined) setExecuteFn((args) => trace.operation(() => executeFn(args)));
    },
  };
}
