import type { RawImage } from '../src/face/image';

type Children = readonly (Node | string | undefined)[];

export interface Properties {
  class?: string;
  /** Attributes by their names in HTML; undefined and false leave one out. */
  [attribute: string]: string | number | boolean | undefined;
}

/** An element of HTML with attributes and what is in it. */
export function html<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Properties = {},
  ...children: Children
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  setAttributes(element, properties);
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

/** An element of SVG, likewise. */
export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  properties: Properties = {},
  ...children: Children
): SVGElementTagNameMap[K] {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  setAttributes(element, properties);
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

function setAttributes(element: Element, properties: Properties) {
  for (const [name, value] of Object.entries(properties))
    if (value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : String(value));
}

export function listen<E extends HTMLElement, K extends keyof HTMLElementEventMap>(
  element: E,
  type: K,
  listener: (event: HTMLElementEventMap[K]) => void,
): E {
  element.addEventListener(type, listener);
  return element;
}

export const button = (label: string, onClick: () => void, properties: Properties = {}): HTMLButtonElement =>
  listen(html('button', { type: 'button', ...properties }, label), 'click', onClick);

/** A choice among names, with its label before it. */
export function choice<T extends string>(
  label: string,
  values: readonly T[],
  onChange: (value: T) => void,
  nameOf: (value: T) => string = (value) => value,
): { element: HTMLLabelElement; value(): T; set(value: T): void } {
  const select = html('select', {}, ...values.map((value) => html('option', { value }, nameOf(value))));
  const value = () => values[Math.max(0, select.selectedIndex)];
  listen(select, 'change', () => onChange(value()));
  return {
    element: html('label', {}, `${label} `, select),
    value,
    set: (chosen) => {
      select.value = chosen;
    },
  };
}

/** A slider, with its label before it and what it stands at behind. */
export function slider(
  label: string,
  range: { min: number; max: number; step: number; value: number },
  onInput: (value: number) => void,
  inWords: (value: number) => string = String,
): { element: HTMLLabelElement; value(): number; set(value: number): void } {
  const input = html('input', { type: 'range', ...range });
  const output = html('output', {}, inWords(range.value));
  const tell = () => {
    output.textContent = inWords(input.valueAsNumber);
    input.setAttribute('aria-valuetext', inWords(input.valueAsNumber));
  };
  listen(input, 'input', () => {
    tell();
    onInput(input.valueAsNumber);
  });
  tell();
  return {
    element: html('label', { class: 'slider' }, html('span', {}, label), input, output),
    value: () => input.valueAsNumber,
    set: (value) => {
      input.value = String(value);
      tell();
    },
  };
}

/** A definition list of facts; a name again replaces what stood there. */
export function facts(entries: Readonly<Record<string, string>>): HTMLDListElement {
  const rows = Object.entries(entries).map(([name, value]) =>
    html('div', {}, html('dt', {}, name), html('dd', {}, value)),
  );
  return html('dl', { class: 'facts' }, ...rows);
}

export function table(headings: readonly string[], rows: readonly (readonly string[])[], caption: string) {
  const cells = (tag: 'th' | 'td', values: readonly string[]) =>
    html('tr', {}, ...values.map((value) => html(tag, tag === 'th' ? { scope: 'col' } : {}, value)));
  return tableOf(caption, [
    html('thead', {}, cells('th', headings)),
    html('tbody', {}, ...rows.map((row) => cells('td', row))),
  ]);
}

/** A table of a head and a body, which scrolls where it is wider than the page. @param properties of what it scrolls in */
export const tableOf = (caption: string, parts: readonly HTMLElement[], properties: Properties = {}): HTMLDivElement =>
  html(
    'div',
    { class: 'table', tabindex: 0, role: 'region', 'aria-label': caption, ...properties },
    html('table', {}, html('caption', {}, caption), ...parts),
  );

export function contextOf(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const context = canvas.getContext('2d');
  if (!context) throw new Error('this browser gives no 2D canvas');
  return context;
}

/** Fills a canvas with pixels, at the pixels' own size. */
export function paint(canvas: HTMLCanvasElement, { width, height, data }: RawImage): void {
  canvas.width = width;
  canvas.height = height;
  contextOf(canvas).putImageData(new ImageData(Uint8ClampedArray.from(data), width, height), 0, 0);
}

/** A picture for the page, told to those who do not see it. */
export const picture = (label: string, image?: RawImage, properties: Properties = {}): HTMLCanvasElement => {
  const canvas = html('canvas', { role: 'img', 'aria-label': label, ...properties });
  if (image) paint(canvas, image);
  return canvas;
};

export const inPercent = (share: number, digits = 1): string => `${(100 * share).toFixed(digits)} %`;

/** So many digits that count, without an exponent where a reader can do without. */
export function digits(value: number, count = 4): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  return size < 1e-4 || size >= 1e6 ? value.toExponential(count - 1) : value.toPrecision(count);
}

/** One sentence on what went wrong. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
