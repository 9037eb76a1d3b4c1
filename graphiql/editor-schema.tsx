import { useMonaco } from '@graphiql/react';
import { useEffect } from 'react';

/** Lets the editor know the whole schema, of which GraphiQL shows less; `introspection` is its JSON, once it was read. */
export function EditorSchema({ introspection }: { readonly introspection: () => string | undefined }) {
  const monacoGraphQL = useMonaco((state) => state.monacoGraphQL);
  useEffect(() => {
    if (monacoGraphQL === undefined) return undefined;
    const complete = () => {
      const [config] = monacoGraphQL.schemas ?? [];
      const introspectionJSONString = introspection();
      // GraphiQL sets `schema`; this does not, so it is not called again and again.
      if (config?.schema === undefined || introspectionJSONString === undefined) return;
      monacoGraphQL.setSchemaConfig([{ uri: config.uri, introspectionJSONString }]);
    };
    complete();
    const listener = monacoGraphQL.onDidChange(complete);
    return () => listener.dispose();
  }, [monacoGraphQL, introspection]);
  return null;
}
