import { html, table, tableOf } from '../dom';
import type { ChannelProducts, Explanation, WindowNumbers } from './explain';
import { signed } from './words';

/** All that a 32-bit number knows. */
const exactly = (value: number): string => signed(value, 7);
const channelOf = (channel: number, channels: number) =>
  channels === 3 ? ['red', 'green', 'blue'][channel] : `channel ${channel}`;

/** More than this share of the terms' sizes is not left over by adding 32-bit numbers in another order. */
const ROUNDING = 1e-5;

/** How one number came about: the terms, their sum beside what the engine has, and the numbers that were multiplied. */
export class ExplanationView {
  readonly #formula = html('code');
  readonly #terms = html('div');
  /** It stays, for only what changes in a place that was there before is read out. */
  readonly #result = html('p', { class: 'network-result', role: 'status' });
  readonly #tables = html('div');
  readonly element = html(
    'div',
    {},
    html('p', { class: 'network-formula' }, this.#formula),
    this.#terms,
    this.#result,
    this.#tables,
  );

  /** @param explanation none for a number that is given */
  show(formula: string, value: number, explanation: Explanation | undefined, inputChannels: number): void {
    this.#formula.textContent = formula;
    this.#terms.replaceChildren(...(explanation ? [termsOf(explanation, inputChannels)] : []));
    this.#tables.replaceChildren(...(explanation ? tablesOf(explanation, inputChannels) : []));
    this.#result.replaceChildren(...(explanation ? resultOf(explanation) : [`It is given: ${signed(value)}.`]));
  }
}

function resultOf({ value, computed, magnitude }: Explanation): (string | HTMLElement)[] {
  const difference = Math.abs(value - computed);
  const reason = difference <= ROUNDING * magnitude ? 'rounding' : 'more than rounding';
  return [
    '= ',
    html('b', { 'data-sum': true }, exactly(computed)),
    '; the engine has ',
    html('b', { 'data-engine': true }, exactly(value)),
    difference === 0 ? ', the same.' : `, apart by ${difference.toExponential(1).replace('-', '−')}: ${reason}.`,
  ];
}

/** Each input one number: a row of a table does for a window. */
const isDense = (products: readonly ChannelProducts[]) => products.every(({ inputs }) => inputs.length === 1);

function termsOf(explanation: Explanation, inputChannels: number): HTMLElement {
  switch (explanation.kind) {
    case 'products': {
      const { largest, rest, bias } = explanation;
      const ofAll: Term = [`the ${largest.length} largest`, largest.reduce((total, { sum }) => total + sum, 0)];
      const ofEach = largest.map(({ channel, sum }): Term => [channelOf(channel, inputChannels), sum]);
      const terms = isDense(largest) ? [ofAll] : ofEach;
      if (rest.channels > 0) terms.push([`the other ${rest.channels}`, rest.sum]);
      if (bias !== undefined) terms.push(['bias', bias]);
      return sumOf(terms);
    }
    case 'affine': {
      const { x, scale, shift } = explanation;
      return formula(`${signed(x)} · ${signed(scale)} + (${signed(shift)})`);
    }
    case 'relu':
      return formula(`max(0, ${signed(explanation.x)})`);
    case 'add':
      return sumOf([
        ['the convolutions', explanation.branch],
        ['the shortcut', explanation.shortcut],
      ]);
    case 'largest':
      return formula('The largest number under the window');
    case 'mean':
      return formula('The mean of the numbers under the window');
    case 'padding':
      return formula(explanation.x === null ? 'Nothing lies here: 0' : `x = ${signed(explanation.x)}, as it was`);
    case 'length': {
      const { x, length, count } = explanation;
      return formula(`${signed(x)} / ${signed(length)}, the root of the sum of all ${count} squares`);
    }
  }
}

function tablesOf(explanation: Explanation, inputChannels: number): HTMLElement[] {
  if (explanation.kind === 'largest' || explanation.kind === 'mean')
    return [windowTable(explanation, 'Under the window')];
  if (explanation.kind !== 'products') return [];
  const { largest } = explanation;
  const tables = isDense(largest)
    ? [productTable(largest)]
    : largest.map((one) => windowTable(one, `${channelOf(one.channel, inputChannels)}, in all ${signed(one.sum)}`));
  return [html('div', { class: 'network-windows' }, ...tables)];
}

type Term = readonly [name: string, value: number];

const formula = (text: string) => html('p', { class: 'network-terms' }, text);

function sumOf(terms: readonly Term[]): HTMLElement {
  const parts = terms.flatMap(([name, value], k) => [
    k > 0 ? ' + ' : '',
    html('span', { class: 'network-term' }, html('b', {}, signed(value)), html('small', {}, name)),
  ]);
  return html('p', { class: 'network-terms' }, ...parts);
}

const productTable = (products: readonly ChannelProducts[]) =>
  table(
    ['Channel', 'x', 'W', 'x · W'],
    products.map(({ channel, inputs, weights, sum }) => [
      String(channel),
      ...[inputs[0] ?? 0, weights[0], sum].map((number) => signed(number)),
    ]),
    'The largest products',
  );

/** A window as it lies in the map; products warm where they add and cold where they take away. */
function windowTable(window: WindowNumbers & { weights?: number[] }, caption: string): HTMLElement {
  const { height, width, inputs, weights } = window;
  const shown = inputs.map((x, k) => (x ?? 0) * (weights?.[k] ?? 1));
  const largest = Math.max(...shown.map(Math.abs), 1e-12);
  const cell = (k: number) => {
    const x = inputs[k];
    const made = html('td', {}, html('span', {}, x === null ? 'edge' : signed(x, 3)));
    if (weights) made.append(html('small', {}, `× ${signed(weights[k], 3)}`));
    const colour = shown[k] < 0 ? '84 112 214' : '214 112 40';
    made.style.background = `rgb(${colour} / ${((0.34 * Math.abs(shown[k])) / largest).toFixed(3)})`;
    return made;
  };
  const rows = Array.from({ length: height }, (_, i) =>
    html('tr', {}, ...Array.from({ length: width }, (_, j) => cell(i * width + j))),
  );
  return tableOf(caption, [html('tbody', {}, ...rows)], { class: 'table network-window' });
}
