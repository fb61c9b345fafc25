import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { RawImage } from '../../src/face/image';
import { warpPhoto } from '../../src/face/warp';
import type { Backend } from '../../src/kernels/backend';
import { openWasm } from '../../src/kernels/wasm/backend';
import { compile, type Forward, Parameters } from '../../src/nn/index';
import { relu } from '../../src/tensor/ops/activations';
import { conv2d } from '../../src/tensor/ops/conv2d';
import { globalAveragePool } from '../../src/tensor/ops/global-average-pool';
import { l2Normalize } from '../../src/tensor/ops/rows';
import { scaleShift } from '../../src/tensor/ops/scale-shift';
import { type Random, random } from '../../src/tensor/random';
import { scope } from '../../src/tensor/scope';
import { testDevices } from '../helpers/devices';

const SIDE = 16;

/** A convolution with a norm to be folded, one without, and a pooled embedding. */
function smallNetwork(backend: Backend): { forward: Forward; weights: Parameters } {
  const generator = random(5);
  const named = (shape: number[]) => ({
    shape,
    values: Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => generator.normal() / 10),
  });
  const weights = new Parameters(
    backend,
    new Map([
      ['first', named([3, 3, 3, 8])],
      ['scale', named([8])],
      ['shift', named([8])],
      ['second', named([3, 3, 8, 8])],
    ]),
  );
  const forward: Forward = (image) => {
    const first = conv2d(image, weights.get('first'), { stride: 2, padding: 'same' });
    const hidden = relu(scaleShift(first, weights.get('scale'), weights.get('shift')));
    return [l2Normalize(globalAveragePool(conv2d(hidden, weights.get('second'), { padding: 'same' })))];
  };
  return { forward, weights };
}

function randomPhoto(generator: Random): RawImage {
  const [width, height] = [0, 1].map(() => 17 + generator.below(40));
  return { width, height, data: new Uint8Array(4 * width * height).fill(100) };
}

/** Embeds photos of ever new sizes, and gives what `measure` sees after each. */
async function embedMany(backend: Backend, count: number, measure: () => number[]): Promise<number[][]> {
  const { forward, weights } = smallNetwork(backend);
  const plan = await compile(backend, forward, [1, SIDE, SIDE, 3]);
  weights.dispose();
  const generator = random(6);
  const seen: number[][] = [];
  for (let k = 0; k < count; k++) {
    const photo = randomPhoto(generator);
    const reading = (() => {
      using _ = scope();
      const step = photo.width / SIDE;
      return plan.run(warpPhoto(backend, photo, [step, 0.1, 0, -0.1, step, 0], SIDE))[0].data();
    })();
    const numbers = await reading;
    assert.ok(Math.abs(Math.hypot(...numbers) - 1) < 1e-5);
    seen.push(measure());
  }
  plan.dispose();
  return seen;
}

const test = suite('memory over many runs of a plan');

test('live bytes are the same after each of 1,000 embeddings of photos of different sizes, and none in the end', async () => {
  for (const backend of await testDevices()) {
    const before = backend.liveBytes;
    const seen = await embedMany(backend, 1000, () => [backend.liveBytes]);
    assert.ok(seen[0][0] > before);
    assert.equal([...new Set(seen.flat())], [seen[0][0]], backend.name);
    assert.is(backend.liveBytes, before, backend.name);
  }
});

test('on wasm neither the memory nor the number of modules grows', async () => {
  const backend = await openWasm({ threads: 2 });
  const seen = await embedMany(backend, 1000, () => [backend.memoryBytes, backend.moduleCount]);
  assert.equal(seen[999], seen[0]);
  await backend.close();
});

test('a plan goes on working when the parameters are freed, and a second one can be made of them', async () => {
  for (const backend of await testDevices()) {
    const before = backend.liveBytes;
    const { forward, weights } = smallNetwork(backend);
    const input = Float32Array.from({ length: SIDE * SIDE * 3 }, (_, k) => Math.sin(k));
    const embed = async (batch: number) => {
      const plan = await compile(backend, forward, [batch, SIDE, SIDE, 3]);
      weights.dispose();
      for (let k = 0; k < batch; k++) backend.write(plan.input.slot, input, k * input.length);
      const numbers = await plan.run()[0].data();
      plan.dispose();
      return Array.from(numbers.slice(-8), (value) => value.toFixed(5));
    };
    assert.equal(await embed(1), await embed(2), backend.name);
    assert.is(backend.liveBytes, before, backend.name);
  }
});

test.run();
