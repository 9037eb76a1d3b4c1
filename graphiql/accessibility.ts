/** What GraphiQL and its explorer leave out for screen readers and the keyboard; null removes an attribute. */
const attributes: readonly [selector: string, change: (element: Element) => Record<string, string | null>][] = [
  ['.graphiql-main', () => ({ role: 'main' })],
  // Tabs with a button to close them inside are no tabs for screen readers; they are a list of buttons.
  ['.graphiql-tabs', () => ({ role: null, 'aria-label': 'Tabs' })],
  ['.graphiql-tab', (tab) => ({ role: null, 'aria-selected': null, 'aria-current': `${isActive(tab)}` })],
  ['#graphiql-session', () => ({ role: 'region', 'aria-labelledby': null, 'aria-label': 'Operation and response' })],
  ['.graphiql-history-item-label', () => ({ 'aria-label': null })],
  ['.graphiql-explorer-root', () => ({ role: 'region', 'aria-label': 'Explorer' })],
  ['[data-arg-name] input', (input) => ({ 'aria-label': argumentOf(input) })],
  ['.graphiql-explorer-actions select', () => ({ 'aria-label': 'Kind of operation to add' })],
  ['.graphiql-explorer-node > span[title]', () => ({ role: 'button', tabindex: '0' })],
];

const isActive = (tab: Element) => tab.classList.contains('graphiql-tab-active');
const argumentOf = (input: Element) => input.closest('[data-arg-name]')?.getAttribute('data-arg-name') ?? '';

export function completeAccessibility(root: Element): void {
  const complete = () => {
    for (const [selector, change] of attributes) {
      for (const element of root.querySelectorAll(selector)) {
        for (const [name, value] of Object.entries(change(element))) {
          if (value === element.getAttribute(name)) continue;
          if (value === null) element.removeAttribute(name);
          else element.setAttribute(name, value);
        }
      }
    }
  };
  const changes = {
    childList: true,
    subtree: true,
    attributes: true,
    attributeFilter: ['class', 'aria-label', 'aria-selected'],
  };
  new MutationObserver(complete).observe(root, changes);
  // The explorer's fields react to the mouse alone.
  root.addEventListener('keydown', (event) => {
    if (!(event instanceof KeyboardEvent) || !(event.target instanceof HTMLElement)) return;
    if (![' ', 'Enter'].includes(event.key) || !event.target.matches('.graphiql-explorer-node > span[title]')) return;
    event.preventDefault();
    event.target.click();
  });
}
