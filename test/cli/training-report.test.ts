import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type TrainingReport, writeReport } from '../../src/cli/report';

const test = suite('the report of a training');

const history = (epochs: number) =>
  Array.from({ length: epochs }, (_, k) => ({
    epoch: k + 1,
    loss: 4 / (k + 1),
    accuracy: 1 - 1 / (k + 1),
    testLoss: k === 0 ? 90 : 3 / (k + 1),
    testAccuracy: 1 - 0.9 / (k + 1),
  }));

const report = (epochs: number, more: Partial<TrainingReport> = {}): TrainingReport => ({
  title: 'Training of model.safetensors',
  result: 'Fine.',
  command: "likeness train 'my people' --out model.safetensors",
  history: history(epochs),
  learningRates: history(epochs).map(({ epoch }) => 0.1 / epoch),
  mistakes: [],
  facts: { people: 40 },
  settings: { batchSize: 20, learningRate: 0.1 },
  ...more,
});

/** What is written in a picture. */
const textsOf = (svg: string) => [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text);
const countOf = (text: string, part: string) => text.split(part).length - 1;

test('the picture has three panels with names, axes and a legend', () => {
  const { svg, html } = writeReport(report(30));
  assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox="0 0 1080 260" /);
  const texts = textsOf(svg);
  for (const name of ['Loss', 'Accuracy, %', 'Learning rate'])
    assert.is(texts.filter((text) => text === name).length, 1, name);
  for (const name of ['— training', '— test']) assert.is(texts.filter((text) => text === name).length, 2, name);
  assert.is(texts.filter((text) => text === 'Epoch').length, 3);
  assert.ok(texts.includes('30') && texts.includes('100') && texts.includes('0.10'));
  assert.is(countOf(svg, 'stroke="#4c78dd"'), 3); // training: loss, accuracy, rate
  assert.is(countOf(svg, 'stroke="#e4692c"'), 2);
  assert.is(countOf(html, 'stroke="#4c78dd"'), 3);
  assert.not.match(svg, /NaN|undefined/);
});

test('a loss beyond the scale stays within the panel', () => {
  const [first] = writeReport(report(30)).svg.matchAll(/<path d="M([\d.]+),([\d.]+)[^"]*" stroke="#e4692c"/g);
  assert.is(Number(first[2]), 40); // the margin above the first panel
});

test('one epoch is a dot with whole numbers beside it, and nothing is warned of', () => {
  const { warn } = console;
  const warnings: unknown[] = [];
  console.warn = (...words) => warnings.push(words);
  try {
    for (const epochs of [1, 2, 3]) {
      const { svg } = writeReport(report(epochs));
      assert.match(svg, /marker-end|marker-start/);
      assert.not.match(svg, /NaN|undefined/);
      assert.not(textsOf(svg).includes('1.5'));
    }
  } finally {
    console.warn = warn;
  }
  assert.equal(warnings, []);
});

test('the page holds figures, settings, mistakes and the command; names are text, whatever they hold', () => {
  const mistakes = Array.from({ length: 23 }, (_, k) => ({
    person: k === 0 ? '<b>Ada</b> & co' : `Ada ${k}`,
    takenFor: 'Ben',
    files: ['people/Ada/1.jpg', 'people/Ada/2.jpg'],
    of: 3,
    probability: 0.873,
  }));
  const { html } = writeReport(report(5, { mistakes }));
  assert.match(html, /^<!doctype html>/i);
  assert.ok(html.includes('<title>Training of model.safetensors</title>'));
  assert.ok(html.includes('&lt;b&gt;Ada&lt;/b&gt; &amp; co'));
  assert.not.match(html, /<b>Ada/);
  assert.ok(html.includes('<td>Ben</td><td>2 of 3</td><td>87.3 %</td><td>people/Ada/1.jpg</td>'));
  assert.ok(html.includes('And 3 more'));
  assert.ok(html.includes('<th>batch size</th><td>20</td>') && html.includes('<th>people</th><td>40</td>'));
  assert.ok(html.includes("likeness train 'my people' --out model.safetensors"));
  assert.ok(writeReport(report(5)).html.includes('every test image was given the right name'));
  assert.not.match(html, /(src|href)=/); // it needs no other file, and no network
});

test.run();
