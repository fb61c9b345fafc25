import type { ChannelWindowSizes, Conv2dSizes, KernelCall, KernelName, Slot, WindowSizes } from './kernel';

const inputPositions = ({ batch, height, width }: WindowSizes) => batch * height * width;
const outputPositions = ({ batch, outHeight, outWidth }: WindowSizes) => batch * outHeight * outWidth;
const taps = ({ filterHeight, filterWidth }: WindowSizes) => filterHeight * filterWidth;

/** Input, filter and output of a convolution: its gradients have the same three, and only differ in which one is sought. */
const convolution = (sizes: Conv2dSizes): number =>
  inputPositions(sizes) * sizes.inChannels +
  taps(sizes) * sizes.inChannels * sizes.outChannels +
  outputPositions(sizes) * sizes.outChannels;
const depthwise = (sizes: ChannelWindowSizes): number => pool(sizes) + taps(sizes) * sizes.channels;
const pool = (sizes: ChannelWindowSizes): number => (inputPositions(sizes) + outputPositions(sizes)) * sizes.channels;
const product = (sides: readonly number[]): number => sides.reduce((result, side) => result * side, 1);
/** Numbers that are read where an axis of stride 0 repeats them. */
const distinct = (sides: readonly number[], strides: readonly number[]): number =>
  product(sides.filter((_, axis) => strides[axis] !== 0));
const ifThere = (slot: Slot | undefined, length: number): number => (slot ? length : 0);

/** How many numbers each kernel reads and writes. A kernel without a row does not compile. */
const numbers: { [K in KernelName]: (call: KernelCall<K>) => number } = {
  conv2d: ({ inputs: { bias, residual }, attributes: sizes }) =>
    convolution(sizes) +
    ifThere(bias, sizes.outChannels) +
    ifThere(residual, outputPositions(sizes) * sizes.outChannels),
  depthwiseConv2d: ({ inputs: { bias }, attributes: sizes }) => depthwise(sizes) + ifThere(bias, sizes.channels),
  matmul: ({ inputs: { bias }, attributes: { rows, inner, columns } }) =>
    rows * inner + inner * columns + rows * columns + ifThere(bias, columns),
  batchNorm: ({ attributes: { length, channels } }) => 2 * length + 4 * channels,
  scaleShift: ({ attributes: { length, channels } }) => 2 * length + 2 * channels,
  activation: ({ attributes: { length } }) => 2 * length,
  prelu: ({ attributes: { length, channels } }) => 2 * length + channels,
  sigmoid: ({ attributes: { length } }) => 2 * length,
  scale: ({ attributes: { length } }) => 2 * length,
  add: ({ attributes: { length, rightLength } }) => 2 * length + rightLength,
  multiply: ({ attributes: { length, rightLength } }) => 2 * length + rightLength,
  maxPool2d: ({ attributes }) => pool(attributes),
  averagePool2d: ({ attributes }) =>
    inputPositions(attributes) * attributes.channels +
    outputPositions(attributes) * (attributes.outChannels ?? attributes.channels),
  globalAveragePool: ({ attributes: { batch, positions, channels } }) => batch * (positions + 1) * channels,
  softmax: ({ attributes: { rows, columns } }) => 2 * rows * columns,
  l2Normalize: ({ attributes: { rows, columns } }) => 2 * rows * columns,
  pad: ({ attributes: { batch, height, width, channels, outHeight, outWidth, outChannels } }) =>
    batch * (height * width * channels + outHeight * outWidth * outChannels),
  concat: ({ attributes: { outer, inners } }) => 2 * outer * inners.reduce((sum, inner) => sum + inner, 0),
  resizeBilinear: ({ attributes: { batch, height, width, channels, outHeight, outWidth } }) =>
    batch * channels * (height * width + outHeight * outWidth),
  affineWarp: ({ attributes: { batch, height, width, channels, outHeight, outWidth } }) =>
    height * width * channels + batch * (6 + outHeight * outWidth * channels),

  conv2dInputGradient: ({ inputs: { addend }, attributes: sizes }) =>
    convolution(sizes) + ifThere(addend, inputPositions(sizes) * sizes.inChannels),
  conv2dFilterGradient: ({ attributes }) => convolution(attributes),
  depthwiseConv2dInputGradient: ({ attributes }) => depthwise(attributes),
  depthwiseConv2dFilterGradient: ({ attributes }) => depthwise(attributes),
  channelSums: ({ attributes: { length, channels } }) => length + channels,
  channelMoments: ({ attributes: { length, channels } }) => length + 2 * channels,
  batchNormTraining: ({ inputs: { residual }, attributes: { length, channels } }) =>
    2 * length + ifThere(residual, length) + 4 * channels,
  batchNormSums: ({ inputs: { activated }, attributes: { length, channels } }) =>
    2 * length + ifThere(activated, length) + 4 * channels,
  batchNormInputGradient: ({ inputs: { activated }, attributes: { length, channels } }) =>
    3 * length + ifThere(activated, length) + 5 * channels,
  activationGradient: ({ attributes: { length } }) => 3 * length,
  preluInputGradient: ({ attributes: { length, channels } }) => 3 * length + channels,
  preluSlopesGradient: ({ attributes: { length, channels } }) => 2 * length + channels,
  sigmoidGradient: ({ attributes: { length } }) => 3 * length,
  maxPool2dGradient: ({ attributes }) => pool(attributes) + inputPositions(attributes) * attributes.channels,
  averagePool2dGradient: ({ attributes }) => pool(attributes),
  globalAveragePoolGradient: ({ attributes: { batch, positions, channels } }) => batch * (positions + 1) * channels,
  softmaxGradient: ({ attributes: { rows, columns } }) => 3 * rows * columns,
  softmaxCrossEntropy: ({ attributes: { rows, columns } }) => rows * (columns + 2),
  softmaxCrossEntropyGradient: ({ attributes: { rows, columns } }) => rows * (2 * columns + 2),
  l2NormalizeGradient: ({ attributes: { rows, columns } }) => 3 * rows * columns,
  repeat: ({ attributes: { length, inputLength } }) => length + inputLength,
  slice: ({ attributes: { outer, inner } }) => 2 * outer * inner,
  crop: ({ attributes: { batch, height, width, channels } }) => 2 * batch * height * width * channels,
  combine: ({ attributes: { length } }) => 3 * length,
  divideByRoot: ({ attributes: { length } }) => 3 * length,
  rightAnswers: ({ attributes: { rows, columns } }) => rows * (columns + 2),
  // What is updated in place is read and written.
  sgdStep: ({ outputs: { velocity }, attributes: { length } }) => 3 * length + ifThere(velocity, 2 * length),
  adamStep: ({ attributes: { length } }) => 7 * length,
  updateMoments: ({ attributes: { channels } }) => 6 * channels,

  unary: ({ attributes: { length } }) => 2 * length,
  binary: ({ attributes: { sides, leftStrides, rightStrides } }) =>
    product(sides) + distinct(sides, leftStrides) + distinct(sides, rightStrides),
  view: ({ attributes: { sides, strides } }) => product(sides) + distinct(sides, strides),
  resample: ({ attributes: { outer, side, outSide, inner, taps } }) =>
    outer * inner * (side + outSide) + 2 * taps * outSide,
  reduce: ({ attributes: { outer, count, inner } }) => outer * inner * (count + 1),
};

/**
 * Bytes of float32 that a call cannot do without: each number that it needs is read once, each of its output written
 * once. They follow from the sizes, for a plan's slots are often larger than what lies in them.
 */
export function bytesMoved<K extends KernelName>(call: KernelCall<K>): number {
  const count: (call: KernelCall<K>) => number = numbers[call.kernel];
  return 4 * count(call);
}
