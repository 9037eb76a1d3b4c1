import { HISTORY_PLUGIN, History } from '@graphiql/plugin-history';
import { type GraphiQLPlugin, useGraphiQL } from '@graphiql/react';

/** GraphiQL's history, which would replace the headers by those of the entry; entries have none here. */
export const historyPlugin: GraphiQLPlugin = { ...HISTORY_PLUGIN, content: HistoryWithoutHeaders };

function HistoryWithoutHeaders() {
  const headerEditor = useGraphiQL((state) => state.headerEditor);
  const keepHeaders = () => {
    const headers = headerEditor?.getValue();
    if (headers !== undefined) queueMicrotask(() => headerEditor?.setValue(headers));
  };
  return (
    <div onClickCapture={keepHeaders}>
      <History />
    </div>
  );
}
