import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend, Numbers } from '../../../src/kernels/backend';
import { type Conv2dSizes, type KernelCall, outputSlots, type Slot } from '../../../src/kernels/kernel';
import { openReference } from '../../../src/kernels/reference/backend';
import { openWasm } from '../../../src/kernels/wasm/backend';
import { random } from '../../../src/tensor/random';

const test = suite('wasm training kernels');

/** The call's output, its slots made by `make` from seeded numbers. */
async function resultOf(
  backend: Backend,
  make: (filled: (length: number, change?: (value: number) => number) => Slot) => KernelCall,
): Promise<Numbers> {
  const { normal } = random(11);
  const slots: Slot[] = [];
  const call = make((length, change = (value) => value) => {
    const slot = backend.allocate(length);
    backend.write(
      slot,
      Float32Array.from({ length }, () => change(normal())),
    );
    slots.push(slot);
    return slot;
  });
  backend.run(call);
  const [output] = outputSlots(call);
  const numbers = await backend.read(output);
  for (const slot of slots) backend.free(slot);
  assert.is(backend.liveBytes, 0);
  return numbers;
}

function relativeError(actual: Numbers, expected: Numbers): number {
  let difference = 0;
  let magnitude = 0;
  for (const [i, value] of expected.entries()) {
    difference = Math.max(difference, Math.abs(actual[i] - value));
    magnitude = Math.max(magnitude, Math.abs(value));
  }
  return difference / magnitude;
}

/** Large enough for several blocks, chunks and parts of the transposed product, and for tables of several images. */
const LARGE: [title: string, sizes: Conv2dSizes][] = (
  [
    [2, 30, 33, 8, 24, 3, 1],
    [3, 25, 25, 70, 20, 3, 2],
    [1, 9, 9, 40, 150, 3, 1],
    [2, 41, 37, 3, 16, 7, 2],
    [1, 40, 41, 20, 9, 1, 1],
    [2, 40, 40, 12, 8, 1, 2],
    [2, 20, 21, 2, 3, 4, 3],
  ] as const
).map(([batch, height, width, inChannels, outChannels, filter, stride]) => {
  const [top, left] = [filter >> 1, filter >> 1];
  const sizes: Conv2dSizes = {
    ...{ batch, height, width, inChannels, outChannels, top, left },
    ...{ filterHeight: filter, filterWidth: filter, strideY: stride, strideX: stride },
    outHeight: Math.ceil(height / stride),
    outWidth: Math.ceil(width / stride),
  };
  return [`${batch} x ${height} x ${width} x ${inChannels} to ${outChannels}, ${filter}/${stride}`, sizes];
});

test('gradients of large convolutions, the same bits with 1, 2 and 3 threads', async () => {
  const reference = openReference();
  const backends = await Promise.all([1, 2, 3].map((threads) => openWasm({ threads })));
  for (const [title, sizes] of LARGE) {
    const { batch, height, width, inChannels, outHeight, outWidth, outChannels } = sizes;
    const image = batch * height * width * inChannels;
    const result = batch * outHeight * outWidth * outChannels;
    const filter = sizes.filterHeight * sizes.filterWidth * inChannels * outChannels;
    const calls: Parameters<typeof resultOf>[1][] = [
      (filled) => ({
        kernel: 'conv2dInputGradient',
        inputs: { outputGradient: filled(result), filter: filled(filter) },
        outputs: { output: filled(image) },
        attributes: sizes,
      }),
      (filled) => ({
        kernel: 'conv2dFilterGradient',
        inputs: { input: filled(image), outputGradient: filled(result) },
        outputs: { output: filled(filter) },
        attributes: sizes,
      }),
    ];
    for (const call of calls) {
      const expected = await resultOf(reference, call);
      const results = await Promise.all(backends.map((backend) => resultOf(backend, call)));
      const error = relativeError(results[0], expected);
      assert.ok(error < 5e-6, `${title}: relative error ${error}`);
      for (const other of results) assert.equal(other, results[0], title);
    }
  }
  for (const backend of backends) await backend.close();
});

test('moments of channels whose mean is large against the deviation, or whose first row is far off', async () => {
  const reference = openReference();
  const backend = await openWasm({ threads: 2 });
  const [channels, rows] = [20, 5000];
  for (const [mean, outlier] of [
    [100, 0],
    [-3000, 0],
    [1, 500],
  ]) {
    let index = 0;
    const change = (value: number) => (index++ < channels ? value + mean + outlier : value + mean);
    const call: Parameters<typeof resultOf>[1] = (filled) => {
      index = 0;
      return {
        kernel: 'channelMoments',
        inputs: { input: filled(rows * channels, change) },
        outputs: { output: filled(2 * channels) },
        attributes: { length: rows * channels, channels },
      };
    };
    const expected = await resultOf(reference, call);
    const actual = await resultOf(backend, call);
    for (const [i, value] of expected.entries())
      assert.ok(Math.abs(actual[i] / value - 1) < 1e-6, `number ${i}, mean ${mean}: ${actual[i]}, not ${value}`);
  }
  await backend.close();
});

test('a sum of a million numbers', async () => {
  const backend = await openWasm({ threads: 2 });
  for (const length of [1_000_000, 1_000_001]) {
    const [sum] = await resultOf(backend, (filled) => ({
      kernel: 'channelSums',
      inputs: { input: filled(length, () => 0.1) },
      outputs: { output: filled(1) },
      attributes: { length, channels: 1 },
    }));
    assert.ok(Math.abs(sum / (length * Math.fround(0.1)) - 1) < 3e-6, String(sum));
  }
  await backend.close();
});

test.run();
