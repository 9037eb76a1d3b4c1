/**
 * Where a reader is in a list of messages; call what it returns after a change. What is being read then stays where it is, and at
 * the end, new messages come into sight.
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
