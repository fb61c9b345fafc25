/** An element with properties and content. */
export function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Partial<HTMLElementTagNameMap[Name]> = {},
  ...content: (string | Node)[]
): HTMLElementTagNameMap[Name] {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...content);
  return element;
}

let labels = 0;

/** A control under its name, and a note behind it that the control is described by. */
export function labelled(name: string, control: HTMLElement, note?: HTMLElement): HTMLElement {
  control.id ||= `training-${++labels}`;
  const row = make('div', { className: 'training-row' }, make('label', { htmlFor: control.id }, name), control);
  if (note) row.append(note);
  return row;
}

/** A choice of a few, by their values. */
export function choice<Value extends string>(
  options: readonly (readonly [value: Value, name: string])[],
): { element: HTMLSelectElement; value(): Value } {
  const element = make('select', {}, ...options.map(([value, name]) => make('option', { value }, name)));
  return { element, value: () => options[Math.max(0, element.selectedIndex)][0] };
}
