import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { median, repeatedTimes } from '../../src/bench/measure';
import { tasksOf } from '../../src/bench/tasks';
import type { Measurement } from '../../src/cli/bench';
import { likeness, likenessProcess } from '../helpers/command';
import { rejection } from '../helpers/numbers';

const test = suite('likeness bench');
const QUICK = ['--device', 'wasm', '--threads', '1', '--seconds', '0.02'];

async function measurementsOf(...args: string[]): Promise<Measurement[]> {
  const { code, stdout, stderr } = await likeness(['bench', ...args, '--json']);
  assert.is(code, 0, stderr);
  const report: Measurement[] = JSON.parse(stdout);
  for (const { batch, milliseconds, gflops, imagesPerSecond, multiplyAdds, fractionOfPeak, turns } of report) {
    const close = (a: number, b: number) => assert.ok(Math.abs(a / b - 1) < 1e-6, `${a} is not ${b}`);
    close(gflops, (2 * multiplyAdds) / milliseconds / 1e6);
    close(imagesPerSecond, (1000 * batch) / milliseconds);
    assert.ok(fractionOfPeak > 0 && turns >= 1);
  }
  return report;
}

test('products and layers, with the multiply-adds of their sums', async () => {
  const products = await measurementsOf('--task', 'gemm', ...QUICK);
  assert.equal(
    products.slice(0, 2).map(({ title, multiplyAdds }) => [title, multiplyAdds]),
    [
      ['256x256 by 256x256', 256 ** 3],
      ['512x512 by 512x512', 512 ** 3],
    ],
  );
  for (const { task, device, threads, batch, fractionOfPeak } of products) {
    assert.equal([task, device, threads, batch], ['gemm', 'wasm', 1, 1]);
    assert.ok(fractionOfPeak <= 1);
  }
  const [layer] = await measurementsOf('--task', 'conv', '--batch', '2', ...QUICK);
  assert.is(layer.title, '35x35x32, 3x3/1, to 32');
  assert.is(layer.multiplyAdds, 2 * 35 * 35 * 9 * 32 * 32);
});

test('the networks and a step of training', async () => {
  const [face] = await measurementsOf('--task', 'face-resnet', '--batch', '1', ...QUICK);
  assert.is(Math.round(face.multiplyAdds / 1e6), 271);
  const [network] = await measurementsOf('--task', 'mini-resnet', '--batch', '1', ...QUICK);
  const [step] = await measurementsOf('--task', 'train-step', '--batch', '2', ...QUICK);
  assert.is(step.batch, 2);
  // Forward, and the gradients of inputs and filters: three times the multiply-adds, but for the image's gradient.
  const times = step.multiplyAdds / 2 / network.multiplyAdds;
  assert.ok(times > 2.9 && times <= 3.01, String(times));
});

test('a table for people, progress on stderr, none where it is not wanted', async () => {
  const args = ['bench', '--task', 'gemm', '--device', 'wasm', '--threads', '1', '--seconds', '0.001'];
  const { stdout, stderr } = await likeness(args);
  assert.match(stdout, /Of the peak/);
  assert.match(stdout, /512x512 by 512x512/);
  assert.match(stderr, /^likeness: gemm, 256x256 by 256x256, batch 1: [\d.,]+ ms, [\d.,]+ GFLOP\/s\n/);
  assert.is((await likeness([...args, '--no-progress'])).stderr, '');
});

test('Ctrl-C ends it', async () => {
  const args = ['bench', '--device', 'wasm', '--threads', '1', '--seconds', '60'];
  const { code, stdout, stderr } = await likenessProcess(args, async ({ interrupt }) => {
    await new Promise((done) => setTimeout(done, 1800));
    interrupt();
  });
  assert.is(code, 130, stderr);
  assert.is(stdout, '');
  assert.is(stderr, 'likeness: stopped\n');
});

test('help has examples, and what it does not know is refused', async () => {
  const { code, stdout } = await likeness(['bench', '--help']);
  assert.is(code, 0);
  assert.match(stdout, /likeness bench --task face-resnet/);
  assert.is((await likeness(['bench', '--task', 'nothing'])).code, 2);
  assert.is((await likeness(['bench', '--batch', '0'])).code, 2);
});

test('tasks have the batches asked for', () => {
  assert.equal(
    tasksOf('face-resnet').map(({ batch }) => batch),
    [1, 32],
  );
  assert.equal(
    tasksOf('train-step', 8).map(({ batch }) => batch),
    [8],
  );
});

test('measures for as long as told, and is stopped between turns', async () => {
  let runs = 0;
  const times = await repeatedTimes(
    async (count) => {
      runs += count;
      await new Promise((done) => setTimeout(done, 5));
    },
    { seconds: 0.1 },
  );
  assert.ok(times.length >= 3 && times.length <= 21 && runs > times.length);
  assert.ok(median(times) >= 4);
  const stop = new AbortController();
  const stopped = rejection(repeatedTimes(async () => stop.abort(), { seconds: 10, signal: stop.signal }));
  assert.is((await stopped).name, 'AbortError');
});

test.run();
