/**
 * Building elements. Text becomes a text node and nothing else, so no name, note or reason from outside can
 * turn into markup. There is no way to pass HTML on purpose.
 */
type Attribute = string | number | boolean | undefined | ((event: Event) => void);
export type Child = Node | string | null | undefined | false;

/**
 * h('button', { class: 'primary', disabled: busy, onclick: accept }, 'Accept'): a function listens to the event
 * after "on", true and false set and leave out a boolean attribute.
 */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Record<string, Attribute> = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child): child is Node | string => child !== null && child !== undefined && child !== false));
  return element;
}

/** Sets the text only when it differs, so that screen readers hear a change once. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export function app(): HTMLElement {
  return document.getElementById('app') as HTMLElement;
}

/** Makes children the content of parent, and leaves those alone that are in their place: they keep focus and animation. */
export function arrange(parent: Element, children: readonly Element[]): void {
  const wanted = new Set(children);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  children.forEach((child, index) => {
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null);
  });
}

/** Replaces what is shown in parent; whoever had the focus gets it back, recognised by its data-focus. */
export function show(parent: Element, ...children: Child[]): void {
  const active = document.activeElement;
  const key = active instanceof HTMLElement && parent.contains(active) ? active.dataset['focus'] : undefined;
  parent.replaceChildren(...children.filter((child): child is Node | string => Boolean(child)));
  if (key) parent.querySelector<HTMLElement>(`[data-focus="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}
