/**
 * Every kernel on wasm, with the shapes that the face networks give it.
 *
 *   npm run bench -- kernels               one thread
 *   npm run bench -- kernels 2             two threads
 *   npm run bench -- kernels 1 conv        only kernels whose name contains "conv"
 */
import Benchmark from 'benchmark';
import Table from 'cli-table3';
import { convolution, type KernelCase, only, prepareCase, product, squareWindow } from '../src/bench/kernel-case';
import type { Backend } from '../src/kernels/backend';
import { type KernelName, RELU } from '../src/kernels/kernel';
import { multiplyAdds } from '../src/kernels/multiply-adds';
import { openWasm } from '../src/kernels/wasm/backend';

import { GRAPH_CASES } from './kernel-cases/graph';
import { TRAINING_CASES } from './kernel-cases/training';

const SECONDS_PER_CASE = 0.7;

const depthwise = (side: number, stride: number, channels: number): KernelCase<'depthwiseConv2d'> => {
  const window = squareWindow(side, 3, stride);
  const outputs = window.outHeight * window.outWidth * channels;
  return {
    title: `${side}x${side}x${channels}, 3x3/${stride}`,
    call: ({ input, constant, output }) => ({
      kernel: 'depthwiseConv2d',
      inputs: { input: input(side * side * channels), filter: constant(9 * channels), bias: constant(channels) },
      outputs: { output: output(outputs) },
      attributes: { ...window, channels, activation: RELU },
    }),
  };
};

/** Kernels that go number by number are given what the first block of the face ResNet makes. */
const LENGTH = 35 * 35 * 32;
const CHANNELS = 32;
const SHAPE = '35x35x32';
const attributes = { length: LENGTH, channels: CHANNELS };

/** A kernel without a case does not compile. */
const CASES: { [K in KernelName]: KernelCase<K>[] } = {
  ...TRAINING_CASES,
  ...GRAPH_CASES,
  conv2d: [
    convolution(150, 7, 2, 3, 32),
    convolution(35, 3, 1, 32, 32),
    convolution(35, 3, 2, 32, 64),
    convolution(17, 3, 1, 64, 64),
    convolution(8, 3, 1, 128, 128),
    convolution(4, 3, 1, 256, 256),
    convolution(414, 3, 1, 3, 16),
    convolution(128, 1, 1, 64, 128),
    convolution(32, 1, 1, 512, 512),
    convolution(16, 1, 1, 1024, 1024),
  ],
  depthwiseConv2d: [depthwise(256, 1, 32), depthwise(128, 2, 128), depthwise(32, 1, 512), depthwise(13, 1, 256)],
  matmul: [product(1, 256, 128), product(16, 256, 128), product(128, 1152, 128), product(512, 512, 512)],
  batchNorm: only(SHAPE, ({ input, constant, output }) => ({
    kernel: 'batchNorm',
    inputs: {
      input: input(LENGTH),
      mean: constant(CHANNELS),
      variance: constant(CHANNELS),
      gamma: constant(CHANNELS),
      beta: constant(CHANNELS),
    },
    outputs: { output: output(LENGTH) },
    attributes: { ...attributes, epsilon: 0.001 },
  })),
  scaleShift: only(SHAPE, ({ input, constant, output }) => ({
    kernel: 'scaleShift',
    inputs: { input: input(LENGTH), scale: constant(CHANNELS), shift: constant(CHANNELS) },
    outputs: { output: output(LENGTH) },
    attributes: { ...attributes, activation: RELU },
  })),
  activation: only(SHAPE, ({ input, output }) => ({
    kernel: 'activation',
    inputs: { input: input(LENGTH) },
    outputs: { output: output(LENGTH) },
    attributes: { length: LENGTH, activation: RELU },
  })),
  prelu: only(SHAPE, ({ input, constant, output }) => ({
    kernel: 'prelu',
    inputs: { input: input(LENGTH), slopes: constant(CHANNELS) },
    outputs: { output: output(LENGTH) },
    attributes,
  })),
  sigmoid: only(SHAPE, ({ input, output }) => ({
    kernel: 'sigmoid',
    inputs: { input: input(LENGTH) },
    outputs: { output: output(LENGTH) },
    attributes: { length: LENGTH },
  })),
  scale: only(SHAPE, ({ input, output }) => ({
    kernel: 'scale',
    inputs: { input: input(LENGTH) },
    outputs: { output: output(LENGTH) },
    attributes: { length: LENGTH, factor: 1 / 127.5, offset: -1 },
  })),
  add: only(SHAPE, ({ input, output }) => ({
    kernel: 'add',
    inputs: { left: input(LENGTH), right: input(LENGTH) },
    outputs: { output: output(LENGTH) },
    attributes: { length: LENGTH, rightLength: LENGTH, activation: RELU },
  })),
  multiply: only(SHAPE, ({ input, output }) => ({
    kernel: 'multiply',
    inputs: { left: input(LENGTH), right: input(LENGTH) },
    outputs: { output: output(LENGTH) },
    attributes: { length: LENGTH, rightLength: LENGTH },
  })),
  maxPool2d: only('72x72x32, 3x3/2', ({ input, output }) => ({
    kernel: 'maxPool2d',
    inputs: { input: input(72 * 72 * 32) },
    outputs: { output: output(36 * 36 * 32) },
    attributes: { ...squareWindow(72, 3, 2), channels: 32 },
  })),
  averagePool2d: only('34x34x32, 2x2/2', ({ input, output }) => ({
    kernel: 'averagePool2d',
    inputs: { input: input(34 * 34 * 32) },
    outputs: { output: output(17 * 17 * 32) },
    attributes: { ...squareWindow(34, 2, 2), channels: 32 },
  })),
  globalAveragePool: only('7x7x256', ({ input, output }) => ({
    kernel: 'globalAveragePool',
    inputs: { input: input(7 * 7 * 256) },
    outputs: { output: output(256) },
    attributes: { batch: 1, positions: 7 * 7, channels: 256 },
  })),
  softmax: only('5118 rows of 3', ({ input, output }) => ({
    kernel: 'softmax',
    inputs: { input: input(5118 * 3) },
    outputs: { output: output(5118 * 3) },
    attributes: { rows: 5118, columns: 3 },
  })),
  l2Normalize: only('64 rows of 128', ({ input, output }) => ({
    kernel: 'l2Normalize',
    inputs: { input: input(64 * 128) },
    outputs: { output: output(64 * 128) },
    attributes: { rows: 64, columns: 128, epsilon: 1e-12 },
  })),
  pad: only('17x17x32 to 18x18x64', ({ input, output }) => ({
    kernel: 'pad',
    inputs: { input: input(17 * 17 * 32) },
    outputs: { output: output(18 * 18 * 64) },
    attributes: {
      batch: 1,
      height: 17,
      width: 17,
      channels: 32,
      outHeight: 18,
      outWidth: 18,
      outChannels: 64,
      top: 0,
      left: 0,
    },
  })),
  concat: only('6 parts, 5118x4', ({ input, output }) => {
    const inners = [3072, 1536, 384, 96, 24, 6].map((boxes) => boxes * 4);
    return {
      kernel: 'concat',
      inputs: { parts: inners.map(input) },
      outputs: { output: output(5118 * 4) },
      attributes: { outer: 1, inners },
    };
  }),
  resizeBilinear: only('1280x1920x3 to 416x416', ({ input, output }) => ({
    kernel: 'resizeBilinear',
    inputs: { input: input(1280 * 1920 * 3) },
    outputs: { output: output(416 * 416 * 3) },
    attributes: { batch: 1, height: 1280, width: 1920, channels: 3, outHeight: 416, outWidth: 416 },
  })),
  affineWarp: only('1280x1920x3 to 150x150', ({ input, constant, output }) => ({
    kernel: 'affineWarp',
    inputs: { image: input(1280 * 1920 * 3), matrices: constant(6) },
    outputs: { output: output(150 * 150 * 3) },
    attributes: { batch: 1, height: 1280, width: 1920, channels: 3, outHeight: 150, outWidth: 150 },
  })),
};

/** Runs a case for a while, as a prepared program. */
async function measure(backend: Backend, one: KernelCase<KernelName>) {
  const { call, program, dispose } = await prepareCase(backend, one);
  const { hz, stats } = new Benchmark(() => program.run(), { maxTime: SECONDS_PER_CASE }).run();
  dispose();
  return { hz, stats, flops: 2 * multiplyAdds(call) };
}

const [threads = '1', wanted = ''] = process.argv.slice(2);
const backend = await openWasm({ threads: Number(threads) });
const table = new Table({
  head: ['kernel', 'shape', 'ops/s', '±', 'microseconds', 'GFLOP/s'],
  style: { head: [], border: [], compact: true },
});
for (const [kernel, cases] of Object.entries(CASES)) {
  if (!kernel.toLowerCase().includes(wanted.toLowerCase())) continue;
  for (const one of cases) {
    const { hz, stats, flops } = await measure(backend, one);
    const gigaflops = flops ? ((flops * hz) / 1e9).toFixed(1) : '';
    table.push([kernel, one.title, hz.toFixed(0), `${stats.rme.toFixed(1)} %`, (1e6 / hz).toFixed(1), gigaflops]);
  }
}
console.log(`${backend.description}, Node ${process.version}\n${table}`);
await backend.close();
