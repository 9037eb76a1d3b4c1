/**
 * Remembers the scroll position in a list of messages; call the returned function after a change. The first visible message then
 * stays in its place, and at the end of the list it scrolls to new messages.
 */
export function rememberPlace(box: Element): () => void {
  const isAtEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 4;
  const top = box.getBoundingClientRect().top;
  const first = [...box.querySelectorAll('ol > li')].find((item) => item.getBoundingClientRect().bottom > top);
  const before = first?.getBoundingClientRect().top ?? 0;
  return () => {
    if (isAtEnd) box.scrollTop = box.scrollHeight;
    else if (first?.isConnected) box.scrollTop += first.getBoundingClientRect().top - before;
  };
}
