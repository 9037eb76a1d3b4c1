import { HISTORY_PLUGIN, History } from '@graphiql/plugin-history';
import { type GraphiQLPlugin, useGraphiQL } from '@graphiql/react';
import { useRef } from 'react';

/** GraphiQL's history, which would replace the headers by those of the entry; entries have none here. */
export const historyPlugin: GraphiQLPlugin = { ...HISTORY_PLUGIN, content: HistoryWithoutHeaders };

function HistoryWithoutHeaders() {
  const headerEditor = useGraphiQL((state) => state.headerEditor);
  const headers = useRef('');
  const remember = () => {
    headers.current = headerEditor?.getValue() ?? '';
  };
  const restore = () => {
    if (headerEditor?.getValue() !== headers.current) headerEditor?.setValue(headers.current);
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: it reacts to the buttons inside
    // biome-ignore lint/a11y/useKeyWithClickEvents: which click on Enter and Space
    <div onClickCapture={remember} onClick={restore}>
      <History />
    </div>
  );
}
