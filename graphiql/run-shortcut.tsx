import { useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { useEffect } from 'react';
import { operationsIn, parseDocument } from './operations.ts';

/**
 * Ctrl-Enter runs what is in the editor at that moment, wherever the focus is. GraphiQL itself notices a change only after
 * 100 ms, and until then would run with the name of the operation before it.
 */
export function RunShortcut() {
  const { queryEditor, variableEditor } = useGraphiQL(({ queryEditor, variableEditor }) => ({
    queryEditor,
    variableEditor,
  }));
  const operationName = useGraphiQL((state) => state.operationName);
  const { run, stop, setOperationFacts, updateActiveTabValues } = useGraphiQLActions();

  useEffect(() => {
    if (queryEditor === undefined) return undefined;
    const readEditors = () => {
      const query = queryEditor.getValue();
      const documentAST = parseDocument(query);
      const operations = operationsIn(documentAST);
      const position = queryEditor.hasTextFocus() ? queryEditor.getPosition() : null;
      const offset = position === null ? undefined : queryEditor.getModel()?.getOffsetAt(position);
      const atCursor = operations.find(
        ({ loc }) => loc !== undefined && offset !== undefined && loc.start <= offset && offset <= loc.end,
      );
      const selected = operations.find(({ name }) => name !== undefined && name.value === operationName);
      const name = (atCursor ?? selected ?? operations[0])?.name?.value;
      setOperationFacts({ operations, ...(documentAST && { documentAST }), ...(name && { operationName: name }) });
      updateActiveTabValues({ query, variables: variableEditor?.getValue() ?? null, operationName: name ?? null });
    };
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      stop();
      readEditors();
      void run();
    };
    const onClick = ({ target }: MouseEvent) => {
      const button = target instanceof Element ? target.closest('button.graphiql-execute-button') : null;
      if (button !== null && button.ariaHasPopup !== 'menu') readEditors();
    };
    addEventListener('keydown', onKeyDown, true);
    addEventListener('click', onClick, true);
    return () => {
      removeEventListener('keydown', onKeyDown, true);
      removeEventListener('click', onClick, true);
    };
  }, [queryEditor, variableEditor, operationName, run, stop, setOperationFacts, updateActiveTabValues]);
  return null;
}
