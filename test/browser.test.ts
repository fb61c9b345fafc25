import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FacePipeline } from '../src/index';
import { platform } from '../src/platform/node';
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

test('a photo is embedded through navigator.gpu as it is in Node', async () => {
  const samples = new URL('../demo/', platform.weightsDirectory());
  const result = await runInBrowser<typeof import('./pages/pipeline')>('test/pages/pipeline.ts', {
    folders: {
      '/weights/': platform.weightsDirectory().pathname,
      '/models/': platform.modelsDirectory().pathname,
      '/samples/': samples.pathname,
    },
    argument: { device: 'webgpu', photo: '/samples/sample2.jpg' },
  });
  if (!result) return;
  await using faces = await FacePipeline.open({ device: 'wasm', flip: false });
  const [expected] = await faces.embed(new URL('sample2.jpg', samples), { onlyMostProminent: true });
  assert.is(result.device.name, 'webgpu');
  // Chromium's JPEG decoder rounds and enlarges the colours a little differently from Node's.
  result.box.forEach((side, k) => {
    assert.ok(Math.abs(side - expected.box[k]) < 2, `box ${result.box}, in Node ${expected.box}`);
  });
  const cosine = result.embedding.reduce((sum, value, k) => sum + value * expected.embedding[k], 0);
  assert.ok(cosine > 0.995, `cosine ${cosine}`);
});

test.run();
