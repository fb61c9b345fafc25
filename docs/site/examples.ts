import katex from 'katex';
import type MarkdownIt from 'markdown-it';

/* Numbers that stand in a chapter once: shown on its page, and recomputed by its test (test/docs/). */

export type Values = number | readonly Values[];

/** A block ```example NAME or ```answer NAME of a chapter: JSON, arrays of numbers by name. */
export interface Block {
  kind: 'example' | 'answer';
  name: string;
  values: Record<string, Values>;
}

/** All blocks of a chapter. @throws Error for one that is not JSON, or two of one name */
export function blocksOf(markdown: string): Block[] {
  const found = Array.from(
    markdown.matchAll(/^ *```(example|answer) +(.+)\n([\s\S]*?)^ *```$/gm),
    ([, kind, name, json]) => parseBlock(kind === 'example' ? 'example' : 'answer', name.trim(), json),
  );
  const names = found.map(({ name }) => name);
  const twice = names.find((name, k) => names.indexOf(name) !== k);
  if (twice) throw new Error(`docs: two blocks are called ${twice}`);
  return found;
}

function parseBlock(kind: Block['kind'], name: string, json: string): Block {
  let values: unknown;
  try {
    values = JSON.parse(json);
  } catch (error) {
    throw new Error(`docs: block ${name} is no JSON: ${error}`, { cause: error });
  }
  if (!isRecord(values)) throw new Error(`docs: block ${name} is no object of arrays of numbers`);
  return { kind, name, values };
}

const isValues = (value: unknown): value is Values =>
  typeof value === 'number' || (Array.isArray(value) && value.length > 0 && value.every(isValues));

const isRecord = (value: unknown): value is Record<string, Values> =>
  typeof value === 'object' && value !== null && Object.values(value).every(isValues);

/** A formula as HTML. @throws Error for a mistake in it */
export const formula = (tex: string, displayMode: boolean): string =>
  katex.renderToString(tex, {
    displayMode,
    throwOnError: true,
    strict: 'error',
    macros: { '\\d': '\\mathrm{d}', '\\relu': '\\operatorname{ReLU}', '\\BN': '\\operatorname{BN}' },
  });

/** Shows blocks of numbers as formulas. */
export function examples(md: MarkdownIt): void {
  const fence = md.renderer.rules.fence;
  md.renderer.rules.fence = (tokens, index, ...rest) => {
    const { info, content } = tokens[index];
    const [, kind, name] = info.match(/^(example|answer) +(.+)$/) ?? [];
    if (!kind) return fence?.(tokens, index, ...rest) ?? '';
    const { values } = parseBlock(kind === 'example' ? 'example' : 'answer', name.trim(), content);
    const shown = Object.entries(values).map(([symbol, value]) => `<span>${formula(tex(symbol, value), false)}</span>`);
    return `<div class="numbers">${shown.join('\n')}</div>\n`;
  };
}

/** `x1` is x with index 1, `xhat` has a hat, `dX` is the gradient of X; what is no letter is text. */
function symbolTex(symbol: string): string {
  const [, gradient, letter, hat, index] =
    symbol.match(/^(d?)([A-Za-z]|alpha|beta|gamma|epsilon|theta|mu|sigma|Delta)(hat)?(\d*)$/) ?? [];
  if (!letter) return `\\text{${symbol}}`;
  const base = letter.length > 1 ? `\\${letter}` : letter;
  return `${gradient ? '\\d ' : ''}${hat ? `\\hat{${base}}` : base}${index ? `_{${index}}` : ''}`;
}

const tex = (symbol: string, values: Values): string => `${symbolTex(symbol)} = ${valuesTex(values)}`;

/** Numbers in two axes are a matrix; further axes outside are matrices side by side. */
function valuesTex(values: Values): string {
  if (typeof values === 'number') return String(values);
  if (values.every((value) => typeof value === 'number')) return `\\begin{pmatrix}${values.join(' & ')}\\end{pmatrix}`;
  if (depth(values) > 2) return values.map(valuesTex).join(',\\;');
  const rows = values.map((row) => (typeof row === 'number' ? row : row.map(valuesTex).join(' & ')));
  return `\\begin{pmatrix}${rows.join(' \\\\ ')}\\end{pmatrix}`;
}

const depth = (values: Values): number => (typeof values === 'number' ? 0 : 1 + depth(values[0]));
