import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Conv2dSizes, type KernelCall, LINEAR, RELU } from '../../../src/kernels/kernel';
import { examineMachine, families, type Machine, machineOf } from '../../../src/kernels/wasm/machine';
import { chooseScheme, winograd } from '../../../src/kernels/wasm/winograd';
import { FOUR, type Scheme, SIX, TWO } from '../../../src/kernels/wasm/winograd-transforms';
import { random } from '../../../src/tensor/random';
import { hasSameBits, openBare, relativeError } from './bare';

const test = suite('winograd');

/** Most that each may be off, of the largest result: two to three times what is measured. The issue allows 1e-4. */
const LIMITS = new Map<Scheme, number>([
  [TWO, 4e-6],
  [FOUR, 8e-6],
  [SIX, 3e-5],
]);

const sizesOf = (
  batch: number,
  [height, width]: readonly [number, number],
  [inChannels, outChannels]: readonly [number, number],
  padding = 1,
): Conv2dSizes => ({
  ...{ batch, height, width, inChannels, outChannels },
  ...{ outHeight: height + 2 * padding - 2, outWidth: width + 2 * padding - 2 },
  ...{ filterHeight: 3, filterWidth: 3, strideY: 1, strideX: 1, top: padding, left: padding },
});

const SIZES = [
  sizesOf(1, [35, 35], [32, 32]),
  sizesOf(3, [7, 5], [8, 24]),
  sizesOf(2, [1, 2], [16, 8]),
  sizesOf(1, [9, 14], [24, 40], 0),
  sizesOf(2, [4, 4], [256, 64]),
];

interface Operands {
  input: Float32Array;
  filter: Float32Array;
  bias: Float32Array;
  residual: Float32Array;
}

function operandsOf(sizes: Conv2dSizes): Operands {
  const { normal } = random(11);
  const filled = (length: number) => Float32Array.from({ length }, normal);
  const results = sizes.batch * sizes.outHeight * sizes.outWidth * sizes.outChannels;
  return {
    input: filled(sizes.batch * sizes.height * sizes.width * sizes.inChannels),
    filter: filled(9 * sizes.inChannels * sizes.outChannels),
    bias: filled(sizes.outChannels),
    residual: filled(results),
  };
}

/** The textbook sum, in float64. */
function convolved(sizes: Conv2dSizes, { input, filter, bias, residual }: Operands, isWhole: boolean): Float64Array {
  const { batch, height, width, inChannels, outHeight, outWidth, outChannels, top, left } = sizes;
  const sums = new Float64Array(residual.length);
  for (let n = 0; n < batch; n++)
    for (let i = 0; i < outHeight; i++)
      for (let j = 0; j < outWidth; j++)
        for (let tap = 0; tap < 9; tap++) {
          const [y, x] = [i + Math.floor(tap / 3) - top, j + (tap % 3) - left];
          if (y < 0 || y >= height || x < 0 || x >= width) continue;
          const result = ((n * outHeight + i) * outWidth + j) * outChannels;
          for (let c = 0; c < inChannels; c++) {
            const value = input[((n * height + y) * width + x) * inChannels + c];
            for (let o = 0; o < outChannels; o++)
              sums[result + o] += value * filter[(tap * inChannels + c) * outChannels + o];
          }
        }
  return isWhole ? sums.map((sum, k) => Math.max(0, sum + bias[k % outChannels] + residual[k])) : sums;
}

function computed(
  scheme: Scheme,
  sizes: Conv2dSizes,
  operands: Operands,
  isWhole: boolean,
  machine: Machine,
  threads: number,
): Float32Array {
  const bare = openBare(machine, threads);
  const output = bare.place(new Float32Array(operands.residual.length).fill(Number.NaN));
  const call: KernelCall<'conv2d'> & { kernel: 'conv2d' } = {
    kernel: 'conv2d',
    inputs: {
      input: bare.place(operands.input),
      filter: bare.place(operands.filter),
      bias: isWhole ? bare.place(operands.bias) : undefined,
      residual: isWhole ? bare.place(operands.residual) : undefined,
    },
    outputs: { output },
    attributes: { ...sizes, activation: isWhole ? RELU : LINEAR },
  };
  bare.run(winograd(call, scheme, bare.planning));
  return bare.read(output);
}

test('F(2x2), F(4x4) and F(6x6) against float64, and the same bits for any tile and number of threads', () => {
  const { fused } = examineMachine();
  for (const sizes of SIZES)
    for (const isWhole of [false, true]) {
      const operands = operandsOf(sizes);
      const expected = convolved(sizes, operands, isWhole);
      for (const [scheme, limit] of LIMITS) {
        const name = `F(${scheme.results}), ${JSON.stringify(sizes)}, ${isWhole ? 'with' : 'without'} epilogue`;
        const results = families.flatMap((family) =>
          [1, 2].map((threads) => computed(scheme, sizes, operands, isWhole, machineOf(family, fused), threads)),
        );
        const error = relativeError(results[0], expected);
        assert.ok(error < limit, `${name}: relative error ${error}`);
        for (const result of results) assert.ok(hasSameBits(result, results[0]), name);
      }
    }
});

test('without one multiply-add instruction it is as exact', () => {
  const operands = operandsOf(SIZES[0]);
  const expected = convolved(SIZES[0], operands, true);
  for (const [scheme, limit] of LIMITS)
    assert.ok(relativeError(computed(scheme, SIZES[0], operands, true, machineOf('low', false), 1), expected) < limit);
});

test('the scheme is chosen by the work; what is no 3 x 3 of stride 1 with channels in eights has none', () => {
  assert.is(chooseScheme(sizesOf(32, [17, 17], [64, 64])), SIX);
  assert.is(chooseScheme(sizesOf(32, [8, 8], [128, 128])), FOUR);
  assert.is(chooseScheme(sizesOf(32, [4, 4], [256, 256])), FOUR);
  assert.is(chooseScheme(sizesOf(1, [1, 1], [256, 256])), undefined);
  const sizes = sizesOf(32, [17, 17], [64, 64]);
  assert.is(chooseScheme({ ...sizes, strideY: 2 }), undefined);
  assert.is(chooseScheme({ ...sizes, filterWidth: 5 }), undefined);
  assert.is(chooseScheme({ ...sizes, inChannels: 12 }), undefined);
});

test.run();
