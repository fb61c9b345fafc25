import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { chapters } from '../../docs/site/chapters';
import { checkSite } from '../../docs/site/check';
import { blocksOf } from '../../docs/site/examples';
import { render } from '../../docs/site/markdown';
import { cut, linkedFiles, readSource } from '../../docs/site/source';
import { thrown } from '../helpers/numbers';

const test = suite('docs: site');

const files = readdirSync('docs').filter((file) => file.endsWith('.md'));

test('each chapter stands in the list, and has a test', () => {
  const listed = ['index', ...chapters.flatMap(({ items }) => items.map(([, name]) => name))];
  assert.equal(files.map((file) => file.replace('.md', '')).sort(), listed.toSorted());
  for (const name of listed) assert.ok(existsSync(`test/docs/${name}.test.ts`), `test/docs/${name}.test.ts is missing`);
});

test('each chapter has exercises with answers, an example, and links to all three backends', () => {
  for (const file of files.filter((one) => one !== 'index.md')) {
    const text = readFileSync(`docs/${file}`, 'utf8');
    const [exercises] = text.split('## Exercises').slice(1);
    const count = exercises?.match(/^\*\*\d\.\*\*/gm)?.length ?? 0;
    assert.ok(count >= 2, `${file} has ${count} exercises`);
    assert.is(exercises.match(/^<summary>Answer<\/summary>$/gm)?.length, count, `${file}: answers`);
    assert.ok(
      blocksOf(text).some(({ kind }) => kind === 'example'),
      `${file} has no example`,
    );
    for (const backend of ['src/kernels/reference/', 'src/kernels/wasm/', /src\/kernels\/webgpu\/|shaders\//])
      assert.match(text, backend, `${file} does not lead to ${backend}`);
  }
});

test('declarations are cut out with their comments', () => {
  const loop = cut('src/kernels/reference/channel-sums.ts', 'channelSums');
  assert.ok(loop.startsWith('// y[c] = sum over r of x[r,c]\nexport const channelSums'));
  assert.ok(loop.endsWith('};'));
  const member = cut('src/nn/residual-block.ts', 'ResidualBlock.#joined');
  assert.ok(member.startsWith('#joined('));
  assert.ok(member.endsWith('\n}'), 'and are moved to the left');
  const rule = cut('src/tensor/ops/matmul.ts', 'matmul:differentiable');
  assert.ok(rule.startsWith('// Y = A B') && rule.includes('return differentiable('));
  const shader = cut('shaders/gemm.wgsl', 'plus_product');
  assert.ok(shader.startsWith('// Four rows') && shader.endsWith('}\n'));
});

test('what does not exist is not included', () => {
  for (const [path, symbol] of [
    ['src/kernels/reference/conv2d.ts', 'conv3d'],
    ['src/nn/residual-block.ts', 'ResidualBlock.backward'],
    ['src/tensor/ops/matmul.ts', 'matmul:missing'],
    ['shaders/gemm.wgsl', 'missing'],
  ])
    assert.is(thrown(() => cut(path, symbol)).message, `docs: ${path} has no ${symbol}`);
  assert.is(thrown(() => readSource('src/none.ts')).message, 'docs: there is no file src/none.ts');
});

test('all that chapters include and link to exists', () => {
  for (const path of linkedFiles()) readSource(path);
  for (const file of files)
    for (const [, path, symbol] of readFileSync(`docs/${file}`, 'utf8').matchAll(/\]\(\.\.\/([^)#\s]+)#([^)]+)\)/g))
      cut(path, symbol);
});

test('blocks of numbers that cannot be understood are refused', () => {
  assert.match(thrown(() => blocksOf('```example a\n{ "x": [1, }\n```')).message, 'block a is no JSON');
  assert.match(thrown(() => blocksOf('```example a\n{ "x": "1" }\n```')).message, 'no object of arrays');
  assert.match(thrown(() => blocksOf('```example a\n{}\n```\n```answer a\n{}\n```')).message, 'two blocks');
});

test('a chapter with a mistake is not rendered', () => {
  assert.match(thrown(() => render('$\\nothing$')).message, 'Undefined control sequence');
  assert.match(thrown(() => render('[all](../src/nn/loss.ts#noLoss)')).message, 'src/nn/loss.ts has no noLoss');
  assert.match(thrown(() => render('[it](../src/nothing.ts)')).message, 'there is no file src/nothing.ts');
});

test('a paragraph that is a link to a declaration becomes the declaration', () => {
  const { html } = render('# One\n\n[The add](../src/kernels/reference/add.ts#add)\n\nSee [it](../src/nn/loss.ts).\n');
  assert.match(html, '<a href="source/src-kernels-reference-add-ts.html">The add</a>');
  assert.match(html, 'left[i] + right[i mod rightLength]');
  assert.match(html, 'See <a href="source/src-nn-loss-ts.html">it</a>.');
});

test('links that lead nowhere, and what another host would be asked for, are found', () => {
  const check = (html: string, css = '') =>
    checkSite(
      new Map<string, string | Uint8Array>([
        ['a.html', html],
        ['b.html', '<h2 id="c">'],
        ['s/t.css', css],
        ['s/font.woff2', new Uint8Array()],
      ]),
    );
  check('<a href="b.html#c">x</a><a href="#d">x</a><p id="d"><a href="https://example.org">x</a>', 'url(font.woff2)');
  for (const [html, css, message] of [
    ['<a href="c.html">x</a>', '', 'there is no such page'],
    ['<a href="b.html#d">x</a>', '', 'no such heading'],
    ['<script src="https://example.org/x.js"></script>', '', 'a.html fetches https://example.org/x.js'],
    ['<link rel="stylesheet" href="x.css">', '', 'a.html misses x.css'],
    ['', 'src: url("//example.org/a.woff2")', 's/t.css fetches //example.org/a.woff2'],
    ['', '@import "https://example.org/x.css"', 's/t.css fetches https://example.org/x.css'],
    ['', 'url(other.woff2)', 's/t.css misses other.woff2'],
  ])
    assert.match(thrown(() => check(html, css)).message, message);
});

test.run();
