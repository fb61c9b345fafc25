/** What only training needs, with the shapes of a residual network of faces at batch 32; see ../kernels.ts. */

import { type KernelCase, only, squareWindow } from '../../src/bench/kernel-case';
import { type Conv2dSizes, type KernelName, LINEAR, RELU } from '../../src/kernels/kernel';

type TrainingKernel =
  | Extract<KernelName, `${string}Gradient`>
  | 'adamStep'
  | 'batchNormSums'
  | 'batchNormTraining'
  | 'channelMoments'
  | 'channelSums'
  | 'combine'
  | 'crop'
  | 'divideByRoot'
  | 'repeat'
  | 'sgdStep'
  | 'slice'
  | 'rightAnswers'
  | 'softmaxCrossEntropy'
  | 'updateMoments';

const BATCH = 32;

const CONVOLUTIONS = [
  [112, 3, 2, 3, 32],
  [28, 3, 1, 64, 64],
  [28, 3, 2, 64, 128],
  [14, 3, 1, 128, 128],
  [14, 1, 2, 128, 256],
  [7, 3, 1, 256, 256],
].map(([side, filter, stride, inChannels, outChannels]) => {
  const window = squareWindow(side, filter, stride, BATCH);
  const sizes: Conv2dSizes = { ...window, inChannels, outChannels };
  const outputs = BATCH * window.outHeight * window.outWidth * outChannels;
  return {
    title: `${BATCH}x${side}x${side}x${inChannels}, ${filter}x${filter}/${stride}, to ${outChannels}`,
    sizes,
    inputs: BATCH * side * side * inChannels,
    weights: filter * filter * inChannels * outChannels,
    outputs,
  };
});

/** Kernels that go number by number, or that sum over all rows: a batch of what a block in the middle makes. */
const CHANNELS = 64;
const LENGTH = BATCH * 28 * 28 * CHANNELS;
const SHAPE = `${BATCH}x28x28x${CHANNELS}`;
const channels = { length: LENGTH, channels: CHANNELS };

const DEPTHWISE = { ...squareWindow(28, 3, 1, BATCH), channels: CHANNELS };
const POOL = { ...squareWindow(56, 3, 2, BATCH), channels: CHANNELS };
const POOLED = BATCH * 56 * 56 * CHANNELS;

/** The classifier: as many people as a middling data set has. */
const ROWS = { rows: BATCH, columns: 1000 };
const LOGITS = BATCH * 1000;

/** The largest filter, as the optimiser sees it. */
const WEIGHTS = 3 * 3 * 256 * 256;

const PAD = {
  batch: BATCH,
  height: 28,
  width: 28,
  channels: 64,
  outHeight: 29,
  outWidth: 29,
  outChannels: 128,
  top: 0,
  left: 0,
};

export const TRAINING_CASES: { [K in TrainingKernel]: KernelCase<K>[] } = {
  conv2dInputGradient: CONVOLUTIONS.map(({ title, sizes, inputs, weights, outputs }) => ({
    title,
    call: ({ input, constant, output }) => ({
      kernel: 'conv2dInputGradient',
      inputs: { outputGradient: input(outputs), filter: constant(weights) },
      outputs: { output: output(inputs) },
      attributes: sizes,
    }),
  })),
  conv2dFilterGradient: CONVOLUTIONS.map(({ title, sizes, inputs, weights, outputs }) => ({
    title,
    call: ({ input, output }) => ({
      kernel: 'conv2dFilterGradient',
      inputs: { input: input(inputs), outputGradient: input(outputs) },
      outputs: { output: output(weights) },
      attributes: sizes,
    }),
  })),
  depthwiseConv2dInputGradient: only(`${SHAPE}, 3x3/1`, ({ input, constant, output }) => ({
    kernel: 'depthwiseConv2dInputGradient',
    inputs: { outputGradient: input(LENGTH), filter: constant(9 * CHANNELS) },
    outputs: { output: output(LENGTH) },
    attributes: DEPTHWISE,
  })),
  depthwiseConv2dFilterGradient: only(`${SHAPE}, 3x3/1`, ({ input, output }) => ({
    kernel: 'depthwiseConv2dFilterGradient',
    inputs: { input: input(LENGTH), outputGradient: input(LENGTH) },
    outputs: { output: output(9 * CHANNELS) },
    attributes: DEPTHWISE,
  })),
  channelSums: only(SHAPE, ({ input, output }) => ({
    kernel: 'channelSums',
    inputs: { input: input(LENGTH) },
    outputs: { output: output(CHANNELS) },
    attributes: channels,
  })),
  channelMoments: only(SHAPE, ({ input, output }) => ({
    kernel: 'channelMoments',
    inputs: { input: input(LENGTH) },
    outputs: { output: output(2 * CHANNELS) },
    attributes: channels,
  })),
  batchNormTraining: [false, true].map((isFused) => ({
    title: `${SHAPE}${isFused ? ', with residual and ReLU' : ''}`,
    call: ({ input, output }) => ({
      kernel: 'batchNormTraining',
      inputs: {
        input: input(LENGTH),
        moments: input(2 * CHANNELS),
        gamma: input(CHANNELS),
        beta: input(CHANNELS),
        residual: isFused ? input(LENGTH) : undefined,
      },
      outputs: { output: output(LENGTH) },
      attributes: { ...channels, epsilon: 1e-5, activation: isFused ? RELU : LINEAR },
    }),
  })),
  batchNormSums: [false, true].map((isFused) => ({
    title: `${SHAPE}${isFused ? ', through ReLU' : ''}`,
    call: ({ input, output }) => ({
      kernel: 'batchNormSums',
      inputs: {
        input: input(LENGTH),
        outputGradient: input(LENGTH),
        moments: input(2 * CHANNELS),
        activated: isFused ? input(LENGTH) : undefined,
      },
      outputs: { betaGradient: output(CHANNELS), gammaGradient: output(CHANNELS) },
      attributes: { ...channels, epsilon: 1e-5, activation: isFused ? RELU : LINEAR },
    }),
  })),
  batchNormInputGradient: [false, true].map((isFused) => ({
    title: `${SHAPE}${isFused ? ', through ReLU' : ''}`,
    call: ({ input, output }) => ({
      kernel: 'batchNormInputGradient',
      inputs: {
        input: input(LENGTH),
        outputGradient: input(LENGTH),
        moments: input(2 * CHANNELS),
        gamma: input(CHANNELS),
        betaGradient: input(CHANNELS),
        gammaGradient: input(CHANNELS),
        activated: isFused ? input(LENGTH) : undefined,
      },
      outputs: { output: output(LENGTH) },
      attributes: { ...channels, epsilon: 1e-5, activation: isFused ? RELU : LINEAR },
    }),
  })),
  activationGradient: only(SHAPE, ({ input, output }) => ({
    kernel: 'activationGradient',
    inputs: { input: input(LENGTH), outputGradient: input(LENGTH) },
    outputs: { output: output(LENGTH) },
    attributes: { length: LENGTH, activation: RELU },
  })),
  preluInputGradient: only(SHAPE, ({ input, output }) => ({
    kernel: 'preluInputGradient',
    inputs: { input: input(LENGTH), slopes: input(CHANNELS), outputGradient: input(LENGTH) },
    outputs: { output: output(LENGTH) },
    attributes: channels,
  })),
  preluSlopesGradient: only(SHAPE, ({ input, output }) => ({
    kernel: 'preluSlopesGradient',
    inputs: { input: input(LENGTH), outputGradient: input(LENGTH) },
    outputs: { output: output(CHANNELS) },
    attributes: channels,
  })),
  sigmoidGradient: only(SHAPE, ({ input, output }) => ({
    kernel: 'sigmoidGradient',
    inputs: { output: input(LENGTH), outputGradient: input(LENGTH) },
    outputs: { output: output(LENGTH) },
    attributes: { length: LENGTH },
  })),
  maxPool2dGradient: only(`${BATCH}x56x56x${CHANNELS}, 3x3/2`, ({ input, output }) => ({
    kernel: 'maxPool2dGradient',
    inputs: { input: input(POOLED), outputGradient: input(LENGTH) },
    outputs: { output: output(POOLED) },
    attributes: POOL,
  })),
  averagePool2dGradient: only(`${BATCH}x56x56x${CHANNELS}, 3x3/2`, ({ input, output }) => ({
    kernel: 'averagePool2dGradient',
    inputs: { outputGradient: input(LENGTH) },
    outputs: { output: output(POOLED) },
    attributes: POOL,
  })),
  globalAveragePoolGradient: only(`${BATCH}x7x7x256`, ({ input, output }) => ({
    kernel: 'globalAveragePoolGradient',
    inputs: { outputGradient: input(BATCH * 256) },
    outputs: { output: output(BATCH * 7 * 7 * 256) },
    attributes: { batch: BATCH, positions: 7 * 7, channels: 256 },
  })),
  softmaxGradient: only('32 rows of 1000', ({ input, output }) => ({
    kernel: 'softmaxGradient',
    inputs: { output: input(LOGITS), outputGradient: input(LOGITS) },
    outputs: { output: output(LOGITS) },
    attributes: ROWS,
  })),
  softmaxCrossEntropy: only('32 rows of 1000', ({ input, output }) => ({
    kernel: 'softmaxCrossEntropy',
    inputs: { logits: input(LOGITS), labels: input(BATCH) },
    outputs: { output: output(BATCH) },
    attributes: { ...ROWS, smoothing: 0.1 },
  })),
  rightAnswers: only('32 rows of 1000', ({ input, output }) => ({
    kernel: 'rightAnswers',
    inputs: { logits: input(LOGITS), labels: input(BATCH) },
    outputs: { output: output(BATCH) },
    attributes: ROWS,
  })),
  softmaxCrossEntropyGradient: only('32 rows of 1000', ({ input, output }) => ({
    kernel: 'softmaxCrossEntropyGradient',
    inputs: { logits: input(LOGITS), labels: input(BATCH), outputGradient: input(BATCH) },
    outputs: { output: output(LOGITS) },
    attributes: { ...ROWS, smoothing: 0.1 },
  })),
  l2NormalizeGradient: only('1000 rows of 128', ({ input, output }) => ({
    kernel: 'l2NormalizeGradient',
    inputs: { input: input(1000 * 128), outputGradient: input(1000 * 128) },
    outputs: { output: output(1000 * 128) },
    attributes: { rows: 1000, columns: 128, epsilon: 1e-12 },
  })),
  repeat: only(`${CHANNELS} to ${SHAPE}`, ({ input, output }) => ({
    kernel: 'repeat',
    inputs: { input: input(CHANNELS) },
    outputs: { output: output(LENGTH) },
    attributes: { length: LENGTH, inputLength: CHANNELS },
  })),
  slice: only(`half the channels of ${SHAPE}`, ({ input, output }) => ({
    kernel: 'slice',
    inputs: { input: input(LENGTH) },
    outputs: { output: output(LENGTH / 2) },
    attributes: { outer: LENGTH / CHANNELS, total: CHANNELS, start: CHANNELS / 2, inner: CHANNELS / 2 },
  })),
  crop: only(`${BATCH}x29x29x128 to 28x28x64`, ({ input, output }) => ({
    kernel: 'crop',
    inputs: { input: input(BATCH * 29 * 29 * 128) },
    outputs: { output: output(LENGTH) },
    attributes: PAD,
  })),
  combine: only('3x3x256x256', ({ input, output }) => ({
    kernel: 'combine',
    inputs: { left: input(WEIGHTS), right: input(WEIGHTS) },
    outputs: { output: output(WEIGHTS) },
    attributes: { length: WEIGHTS, leftFactor: 0.9, rightFactor: 0.1 },
  })),
  divideByRoot: only('3x3x256x256', ({ input, output }) => ({
    kernel: 'divideByRoot',
    inputs: { numerator: input(WEIGHTS), square: input(WEIGHTS) },
    outputs: { output: output(WEIGHTS) },
    attributes: { length: WEIGHTS, epsilon: 1e-6 },
  })),
  sgdStep: only('3x3x256x256', ({ input }) => ({
    kernel: 'sgdStep',
    inputs: { gradient: input(WEIGHTS) },
    outputs: { parameter: input(WEIGHTS), velocity: input(WEIGHTS) },
    attributes: { length: WEIGHTS, gradientFactor: 1, rate: 0.1, momentum: 0.9, weightDecay: 5e-4, nesterov: true },
  })),
  adamStep: only('3x3x256x256', ({ input }) => ({
    kernel: 'adamStep',
    inputs: { gradient: input(WEIGHTS) },
    outputs: { parameter: input(WEIGHTS), mean: input(WEIGHTS), square: input(WEIGHTS) },
    attributes: {
      length: WEIGHTS,
      gradientFactor: 1,
      beta1: 0.9,
      beta2: 0.999,
      rate: 1e-3,
      epsilon: 1e-8,
      shrink: 0.999,
    },
  })),
  updateMoments: only(`${CHANNELS} channels`, ({ input }) => ({
    kernel: 'updateMoments',
    inputs: { moments: input(2 * CHANNELS) },
    outputs: { mean: input(CHANNELS), variance: input(CHANNELS) },
    attributes: { channels: CHANNELS, momentum: 0.1, unbiased: 1 },
  })),
};
