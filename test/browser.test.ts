import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runInBrowser } from './helpers/browser';

const test = suite('in a browser');

test('a convolution on WebGPU equals the reference', async () => {
  const result = await runInBrowser<typeof import('./pages/conv2d')>('test/pages/conv2d.ts');
  if (!result) return;
  const { crossOriginIsolated, adapter, length, difference } = result;
  assert.match(adapter, /swiftshader/i);
  assert.is(crossOriginIsolated, true, 'shared memory is allowed');
  assert.is(length, 5 * 7 * 8);
  assert.ok(difference < 1e-5, `off by ${difference}`);
});

test.run();
