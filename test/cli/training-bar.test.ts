import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { terminalChart } from '../../src/cli/terminal-chart';
import { startTrainingBar } from '../../src/cli/training-bar';
import type { EpochRecord } from '../../src/nn/trainer';

const test = suite('how a training goes, on a terminal');

const record = (epoch: number): EpochRecord => ({
  epoch,
  loss: 4 / epoch,
  accuracy: 1 - 1 / epoch,
  testLoss: epoch === 1 ? Number.NaN : 3 / epoch,
  testAccuracy: 1 - 0.9 / epoch,
});
const epochs = (count: number) => Array.from({ length: count }, (_, k) => record(k + 1));

/** All that is written while ten epochs of two steps each go by. */
async function written(
  terminal: { isTTY?: boolean; columns?: number; rows?: number },
  options: { progress?: boolean; json?: boolean } = {},
): Promise<string> {
  const stream = Object.assign(new PassThrough({ encoding: 'utf8' }), terminal);
  const bar = await startTrainingBar([], { progress: true, json: false, ...options }, stream);
  bar.prepare(3, 17);
  for (let step = 1; step <= 20; step++)
    bar.show({
      step,
      steps: 20,
      epoch: Math.ceil(step / 2),
      epochs: 10,
      loss: 2.5,
      accuracy: 0.5,
      learningRate: 0.1,
      imagesPerSecond: 321,
      secondsLeft: 65,
      ...(step % 2 === 0 && { finished: record(step / 2) }),
    });
  bar.stop();
  const text: unknown = stream.read();
  return typeof text === 'string' ? text : '';
}

const linesOf = (text: string) => stripVTControlCharacters(text).split('\n');

test('a terminal shows the bar and a chart above it, that grows, each line within the width', async () => {
  const text = await written({ isTTY: true, columns: 90, rows: 30 });
  const lines = linesOf(text);
  assert.ok(lines.some((line) => line.includes('Loss') && line.includes('Accuracy, %')));
  assert.match(text, 'making the first step ready: 3 of 17 kernels');
  for (const last of [2, 5, 10])
    assert.ok(
      lines.some((line) => line.trim().startsWith(`epochs 1 to ${last}:`)),
      `${last}`,
    );
  assert.match(text, /█+░+ epoch 5 of 10, 1:05 left, test 82\.0 %, loss 2\.500, accuracy 50\.0 %/);
  for (const line of lines) assert.ok(line.length <= 90, line);
});

test('a narrow or low terminal shows one line only, that never wraps', async () => {
  for (const size of [
    { columns: 59, rows: 40 },
    { columns: 30, rows: 40 },
    { columns: 8, rows: 40 },
    { columns: 120, rows: 10 },
  ]) {
    const text = await written({ isTTY: true, ...size });
    assert.ok(text.includes('█'));
    assert.not.match(text, /epochs 1 to/);
    for (const line of linesOf(text)) assert.ok(line.length < size.columns, line);
  }
});

test('with --json the bar only; with --no-progress nothing', async () => {
  const json = await written({ isTTY: true, columns: 90, rows: 30 }, { json: true });
  assert.ok(json.includes('█'));
  assert.not.match(json, /epochs 1 to/);
  assert.is(await written({ isTTY: true, columns: 90, rows: 30 }, { progress: false }), '');
});

test('where there is no terminal each epoch is a plain line, and with --json none', async () => {
  const lines = (await written({})).trimEnd().split('\n');
  assert.is(lines.length, 10);
  assert.is(lines[1], 'epoch 2 of 10: loss 2.000, accuracy 50.0 %; test loss 1.500, accuracy 55.0 %');
  assert.is(await written({}, { json: true }), '');
  assert.is(await written({}, { progress: false }), '');
});

test('the chart fits its terminal, however many epochs there are', () => {
  for (const isColoured of [true, false])
    for (const columns of [60, 61, 80, 200])
      for (const count of [2, 3, 24, 25, 40, 1000]) {
        const lines = linesOf(terminalChart(epochs(count), { columns, rows: 24 }, isColoured));
        assert.ok(lines.length <= 11, `${lines.length} lines`);
        for (const line of lines) assert.ok(line.length <= columns, `${columns}: ${line}`);
        const legend = isColoured ? 'training, test' : 'test images';
        assert.is(lines[lines.length - 1].trim(), `epochs 1 to ${count}: ${legend}`);
        // The right panel's axis stands at one place.
        const axes = lines.slice(1, -1).map((line) => line.lastIndexOf('┤'));
        assert.is(new Set(axes.filter((place) => place > columns / 2)).size, 1);
      }
  assert.is(terminalChart(epochs(1), { columns: 80, rows: 24 }), '');
  assert.is(terminalChart(epochs(9), { columns: 59, rows: 24 }), '');
});

test('without colours only the test images are drawn, and it says so', () => {
  const plain = terminalChart(epochs(9), { columns: 80, rows: 24 }, false);
  assert.is(plain, stripVTControlCharacters(plain));
  assert.ok(plain.endsWith('epochs 1 to 9: test images'));
});

test.run();
