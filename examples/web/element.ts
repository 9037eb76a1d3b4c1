/** An element with these attributes, `false` leaving one out. Children are text or elements: data never becomes markup. */
export function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Record<string, string | false> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) if (value !== false) made.setAttribute(attribute, value);
  made.append(...children);
  return made;
}
