import { useMonaco } from '@graphiql/react';
import { useEffect } from 'react';

/** Gives the editor the whole schema, of which GraphiQL shows a part. `introspection` returns its JSON once it is read. */
export function EditorSchema({ introspection }: { readonly introspection: () => string | undefined }) {
  const monacoGraphQL = useMonaco((state) => state.monacoGraphQL);
  useEffect(() => {
    if (monacoGraphQL === undefined) return undefined;
    const complete = () => {
      const [config] = monacoGraphQL.schemas ?? [];
      const introspectionJSONString = introspection();
      // GraphiQL sets `schema`; the call below does not, so that it does not trigger itself.
      if (config?.schema === undefined || introspectionJSONString === undefined) return;
      monacoGraphQL.setSchemaConfig([{ uri: config.uri, introspectionJSONString }]);
    };
    complete();
    const listener = monacoGraphQL.onDidChange(complete);
    return () => listener.dispose();
  }, [monacoGraphQL, introspection]);
  return null;
}
