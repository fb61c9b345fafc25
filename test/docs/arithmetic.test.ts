import { readdirSync, readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { evaluate } from './formula';

const test = suite('docs: arithmetic');

test('formulas are evaluated', () => {
  const values: [string, number][] = [
    ['1 + 2 \\cdot 3', 7],
    ['2 \\cdot (-1) - 4', -6],
    ['\\frac{3}{4} \\cdot 8', 6],
    ['-3/\\sqrt{5}', -3 / Math.sqrt(5)],
    ['(1 - 0.6^2)^{2}', 0.4096],
    ['e^2/(e^2 + e^{-1})', Math.exp(2) / (Math.exp(2) + Math.exp(-1))],
    ['\\ln(\\frac{39 \\cdot 0.9}{0.1})', Math.log(351)],
    ['\\lfloor (112 + 2 - 3)/2 \\rfloor + 1', 56],
    ['\\left(\\tfrac{1}{4}\\right)^{10}', 0.25 ** 10],
    ['0.8 \\cdot \\cos(0.5)', 0.8 * Math.cos(0.5)],
  ];
  for (const [tex, value] of values) assert.ok(Math.abs((evaluate(tex) ?? Number.NaN) - value) < 1e-12, tex);
  for (const tex of ['x + 1', '1 +', '\\sum_k 1', '', '2 3']) assert.is(evaluate(tex), undefined, tex);
});

const decimals = (tex: string): number => tex.match(/\.(\d+)\s*$/)?.[1].length ?? 0;

/** Neighbours of = and \approx that are both numbers and nothing else. */
function equations(markdown: string): { left: string; right: string; isExact: boolean }[] {
  const prose = markdown.replace(/^ *```[\s\S]*?^ *```$/gm, '');
  const formulas = Array.from(prose.matchAll(/\$\$([^$]+)\$\$|\$([^$]+)\$/g), ([, block, inline]) => block ?? inline);
  return formulas.flatMap((formula) => {
    const parts = formula.replace(/[,.;]?\s*$/, '').split(/(=|\\approx)/);
    const found = [];
    for (let k = 1; k < parts.length; k += 2)
      found.push({ left: parts[k - 1].trim(), right: parts[k + 1].trim(), isExact: parts[k] === '=' });
    return found;
  });
}

const chapters = readdirSync('docs').filter((file) => file.endsWith('.md'));
let checked = 0;

for (const file of chapters)
  test(`the sums in the text of ${file}`, () => {
    for (const { left, right, isExact } of equations(readFileSync(`docs/${file}`, 'utf8'))) {
      const [a, b] = [evaluate(left), evaluate(right)];
      if (a === undefined || b === undefined) continue;
      checked++;
      // What is only about equal is rounded to the digits that are shown.
      const tolerance = isExact ? 1e-9 * Math.max(1, Math.abs(b)) : 0.5 * 10 ** -decimals(right) + 1e-9;
      assert.ok(Math.abs(a - b) <= tolerance, `${left} is ${a}, not ${right}`);
    }
  });

test('there are sums to check', () => assert.ok(checked > 100, `only ${checked} were understood`));

test.run();
