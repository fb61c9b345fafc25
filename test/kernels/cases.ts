import type {
  Activation,
  ChannelWindowSizes,
  Conv2dSizes,
  KernelCall,
  KernelName,
  Slot,
} from '../../src/kernels/kernel';
import { LINEAR, RELU, RELU6 } from '../../src/kernels/kernel';
import type { Random } from '../../src/tensor/random';

/** Hands a case its slots, filled from a seeded generator: the same numbers on every backend. */
export interface CaseSlots {
  random: Random;
  /** A slot of normally distributed numbers, each changed by `change`. */
  input(length: number, change?: (value: number, index: number) => number): Slot;
  /** The same, for an operand that prepare() may take as constant. */
  constant(length: number, change?: (value: number, index: number) => number): Slot;
  output(length: number): Slot;
}

export interface Case<K extends KernelName> {
  title: string;
  call(slots: CaseSlots): KernelCall<K>;
}

const ACTIVATIONS: Activation[] = [LINEAR, RELU, RELU6, { slope: 0.1, ceiling: Number.POSITIVE_INFINITY }];
const pick = (k: number): Activation => ACTIVATIONS[k % ACTIVATIONS.length];

const CONVOLUTIONS = (
  [
    // batch, height, width, in, out, filter, stride, top left, outHeight outWidth
    [1, 5, 7, 3, 4, [3, 3], [1, 1], [1, 1], [5, 7]], // same
    [2, 9, 8, 4, 8, [3, 3], [2, 2], [0, 0], [4, 3]], // valid, stride 2
    [1, 8, 8, 5, 7, [3, 3], [2, 2], [0, 0], [4, 4]], // TensorFlow's same on an even input: pads below and right only
    [3, 1, 1, 6, 9, [1, 1], [1, 1], [0, 0], [1, 1]], // pointwise on one pixel
    [1, 11, 13, 3, 16, [7, 7], [2, 2], [0, 0], [3, 4]], // the stem
    [1, 6, 5, 1, 1, [2, 3], [1, 2], [0, 1], [6, 3]], // one channel, odd filter and strides
    [2, 7, 7, 32, 32, [3, 3], [1, 1], [1, 1], [7, 7]],
    [1, 4, 4, 64, 40, [3, 3], [1, 1], [1, 1], [4, 4]],
    [1, 4, 6, 13, 17, [5, 5], [3, 1], [3, 2], [2, 6]], // explicit padding
    [1, 17, 19, 16, 24, [1, 1], [1, 1], [0, 0], [17, 19]], // pointwise
    [1, 16, 16, 12, 12, [1, 1], [2, 2], [0, 0], [8, 8]], // pointwise, stride 2
    [5, 3, 3, 20, 33, [3, 3], [2, 2], [1, 1], [2, 2]],
  ] as const
).map(
  ([batch, height, width, inChannels, outChannels, filter, stride, [top, left], out]): Conv2dSizes => ({
    batch,
    height,
    width,
    inChannels,
    outChannels,
    filterHeight: filter[0],
    filterWidth: filter[1],
    strideY: stride[0],
    strideX: stride[1],
    top,
    left,
    outHeight: out[0],
    outWidth: out[1],
  }),
);

const CHANNEL_WINDOWS = CONVOLUTIONS.map(
  ({ inChannels, outChannels, ...window }): ChannelWindowSizes => ({ ...window, channels: inChannels }),
);

const positions = (sizes: { batch: number; outHeight: number; outWidth: number }) =>
  sizes.batch * sizes.outHeight * sizes.outWidth;
const inputLength = (sizes: ChannelWindowSizes) => sizes.batch * sizes.height * sizes.width * sizes.channels;
const title = (sizes: object) =>
  Object.entries(sizes)
    .map(([name, value]) => `${name} ${typeof value === 'object' ? JSON.stringify(value) : value}`)
    .join(', ');

/** [length, channels] for kernels that go number by number. */
const LENGTHS = [
  [1, 1],
  [12, 4],
  [35, 7],
  [2 * 9 * 32, 32],
  [1023, 3],
  [4100, 5],
];

const IMAGES = [
  { batch: 1, height: 4, width: 6, channels: 3, outHeight: 8, outWidth: 12 },
  { batch: 2, height: 9, width: 7, channels: 4, outHeight: 5, outWidth: 3 },
  { batch: 1, height: 1, width: 1, channels: 5, outHeight: 4, outWidth: 3 },
  { batch: 1, height: 13, width: 17, channels: 1, outHeight: 13, outWidth: 17 },
  { batch: 1, height: 30, width: 20, channels: 3, outHeight: 7, outWidth: 64 },
];

/** For every kernel, cases that a backend must get right. A kernel without a row does not compile. */
export const KERNEL_CASES: { [K in KernelName]: Case<K>[] } = {
  conv2d: CONVOLUTIONS.flatMap((sizes, k) =>
    [false, true].map((epilogue) => ({
      title: `${epilogue ? 'with' : 'without'} epilogue, ${title(sizes)}`,
      call: ({ input, constant, output }) => ({
        kernel: 'conv2d',
        inputs: {
          input: input(sizes.batch * sizes.height * sizes.width * sizes.inChannels),
          filter: constant(sizes.filterHeight * sizes.filterWidth * sizes.inChannels * sizes.outChannels),
          bias: epilogue ? constant(sizes.outChannels) : undefined,
          residual: epilogue && k % 3 !== 1 ? input(positions(sizes) * sizes.outChannels) : undefined,
        },
        outputs: { output: output(positions(sizes) * sizes.outChannels) },
        attributes: { ...sizes, activation: epilogue ? pick(k) : LINEAR },
      }),
    })),
  ),

  depthwiseConv2d: CHANNEL_WINDOWS.map((sizes, k) => ({
    title: title(sizes),
    call: ({ input, constant, output }) => ({
      kernel: 'depthwiseConv2d',
      inputs: {
        input: input(inputLength(sizes)),
        filter: constant(sizes.filterHeight * sizes.filterWidth * sizes.channels),
        bias: k % 2 === 0 ? constant(sizes.channels) : undefined,
      },
      outputs: { output: output(positions(sizes) * sizes.channels) },
      attributes: { ...sizes, activation: pick(k) },
    }),
  })),

  matmul: [
    [1, 1, 1],
    [1, 256, 128],
    [3, 5, 7],
    [33, 17, 130],
    [70, 64, 48],
    [2, 1280, 10],
  ].map(([rows, inner, columns], k) => ({
    title: `[${rows},${inner}] x [${inner},${columns}]`,
    call: ({ input, constant, output }) => ({
      kernel: 'matmul',
      inputs: {
        left: input(rows * inner),
        right: constant(inner * columns),
        bias: k % 2 === 1 ? constant(columns) : undefined,
      },
      outputs: { output: output(rows * columns) },
      attributes: { rows, inner, columns, activation: pick(k) },
    }),
  })),

  batchNorm: LENGTHS.map(([length, channels]) => ({
    title: `${length} numbers, ${channels} channels`,
    call: ({ input, constant, output }) => ({
      kernel: 'batchNorm',
      inputs: {
        input: input(length),
        mean: constant(channels),
        variance: constant(channels, (x) => x * x),
        gamma: constant(channels),
        beta: constant(channels),
      },
      outputs: { output: output(length) },
      attributes: { length, channels, epsilon: 1e-3 },
    }),
  })),

  scaleShift: LENGTHS.map(([length, channels], k) => ({
    title: `${length} numbers, ${channels} channels`,
    call: ({ input, constant, output }) => ({
      kernel: 'scaleShift',
      inputs: { input: input(length), scale: constant(channels), shift: constant(channels) },
      outputs: { output: output(length) },
      attributes: { length, channels, activation: pick(k) },
    }),
  })),

  activation: LENGTHS.flatMap(([length]) =>
    ACTIVATIONS.map((activation) => ({
      title: `${length} numbers, ${title(activation)}`,
      call: ({ input, output }) => ({
        kernel: 'activation',
        inputs: { input: input(length, (x) => 5 * x) },
        outputs: { output: output(length) },
        attributes: { length, activation },
      }),
    })),
  ),

  prelu: LENGTHS.map(([length, channels]) => ({
    title: `${length} numbers, ${channels} channels`,
    call: ({ input, constant, output }) => ({
      kernel: 'prelu',
      inputs: { input: input(length), slopes: constant(channels) },
      outputs: { output: output(length) },
      attributes: { length, channels },
    }),
  })),

  sigmoid: LENGTHS.map(([length]) => ({
    title: `${length} numbers`,
    call: ({ input, output }) => ({
      kernel: 'sigmoid',
      // The first few lie where a careless exponential overflows.
      inputs: { input: input(length, (x, i) => (i < 3 ? [-100, 100, 0][i] : 6 * x)) },
      outputs: { output: output(length) },
      attributes: { length },
    }),
  })),

  scale: LENGTHS.map(([length]) => ({
    title: `${length} numbers`,
    call: ({ input, output }) => ({
      kernel: 'scale',
      inputs: { input: input(length) },
      outputs: { output: output(length) },
      attributes: { length, factor: 1 / 127.5, offset: -1 },
    }),
  })),

  add: LENGTHS.flatMap(([length, channels], k) =>
    [length, channels].map((rightLength) => ({
      title: `${length} numbers and ${rightLength}`,
      call: ({ input, output }) => ({
        kernel: 'add',
        inputs: { left: input(length), right: input(rightLength) },
        outputs: { output: output(length) },
        attributes: { length, rightLength, activation: pick(k) },
      }),
    })),
  ),

  multiply: LENGTHS.flatMap(([length, channels]) =>
    [length, channels].map((rightLength) => ({
      title: `${length} numbers and ${rightLength}`,
      call: ({ input, output }) => ({
        kernel: 'multiply',
        inputs: { left: input(length), right: input(rightLength) },
        outputs: { output: output(length) },
        attributes: { length, rightLength },
      }),
    })),
  ),

  maxPool2d: CHANNEL_WINDOWS.map((sizes) => ({
    title: title(sizes),
    call: ({ input, output }) => ({
      kernel: 'maxPool2d',
      inputs: { input: input(inputLength(sizes)) },
      outputs: { output: output(positions(sizes) * sizes.channels) },
      attributes: sizes,
    }),
  })),

  averagePool2d: CHANNEL_WINDOWS.map((sizes) => ({
    title: title(sizes),
    call: ({ input, output }) => ({
      kernel: 'averagePool2d',
      inputs: { input: input(inputLength(sizes)) },
      outputs: { output: output(positions(sizes) * sizes.channels) },
      attributes: sizes,
    }),
  })),

  globalAveragePool: [
    [1, 1, 1],
    [2, 4, 256],
    [3, 49, 7],
    [1, 1225, 33],
  ].map(([batch, count, channels]) => ({
    title: `batch ${batch}, ${count} positions, ${channels} channels`,
    call: ({ input, output }) => ({
      kernel: 'globalAveragePool',
      inputs: { input: input(batch * count * channels) },
      outputs: { output: output(batch * channels) },
      attributes: { batch, positions: count, channels },
    }),
  })),

  softmax: [
    [1, 1],
    [2, 3],
    [5, 40],
    [3, 1001],
    [70, 4],
  ].map(([rows, columns]) => ({
    title: `[${rows},${columns}]`,
    call: ({ input, output }) => ({
      kernel: 'softmax',
      inputs: { input: input(rows * columns, (x) => 20 * x) },
      outputs: { output: output(rows * columns) },
      attributes: { rows, columns },
    }),
  })),

  l2Normalize: [
    [1, 1],
    [2, 128],
    [5, 7],
    [130, 3],
    [1, 4099],
  ].flatMap(([rows, columns]) =>
    [1, 0].map((size) => ({
      title: `[${rows},${columns}]${size ? '' : ' of zeros'}`,
      call: ({ input, output }) => ({
        kernel: 'l2Normalize',
        inputs: { input: input(rows * columns, (x) => size * x) },
        outputs: { output: output(rows * columns) },
        attributes: { rows, columns, epsilon: 1e-12 },
      }),
    })),
  ),

  pad: [
    { batch: 1, height: 3, width: 3, channels: 4, outHeight: 4, outWidth: 4, outChannels: 4, top: 0, left: 0 },
    { batch: 2, height: 2, width: 5, channels: 3, outHeight: 5, outWidth: 8, outChannels: 7, top: 2, left: 1 },
    { batch: 1, height: 4, width: 4, channels: 8, outHeight: 4, outWidth: 4, outChannels: 16, top: 0, left: 0 },
    { batch: 1, height: 1, width: 1, channels: 1, outHeight: 1, outWidth: 1, outChannels: 1, top: 0, left: 0 },
    { batch: 3, height: 7, width: 6, channels: 20, outHeight: 9, outWidth: 9, outChannels: 33, top: 1, left: 2 },
  ].map((attributes) => ({
    title: title(attributes),
    call: ({ input, output }) => ({
      kernel: 'pad',
      inputs: { input: input(attributes.batch * attributes.height * attributes.width * attributes.channels) },
      outputs: { output: output(positions(attributes) * attributes.outChannels) },
      attributes,
    }),
  })),

  concat: [
    { outer: 1, inners: [5] },
    { outer: 3, inners: [4, 8] },
    { outer: 2, inners: [1, 7, 3] },
    { outer: 70, inners: [16, 5, 9, 2, 1, 31] },
  ].map((attributes) => ({
    title: title(attributes),
    call: ({ input, output }) => ({
      kernel: 'concat',
      inputs: { parts: attributes.inners.map((inner) => input(attributes.outer * inner)) },
      outputs: { output: output(attributes.outer * attributes.inners.reduce((sum, inner) => sum + inner)) },
      attributes,
    }),
  })),

  resizeBilinear: IMAGES.map((attributes) => ({
    title: title(attributes),
    call: ({ input, output }) => ({
      kernel: 'resizeBilinear',
      inputs: { input: input(attributes.batch * attributes.height * attributes.width * attributes.channels) },
      outputs: { output: output(positions(attributes) * attributes.channels) },
      attributes,
    }),
  })),

  affineWarp: IMAGES.map((attributes, k) => ({ ...attributes, batch: 1 + k })).map((attributes) => ({
    title: title(attributes),
    call: ({ input, output, random }) => {
      // Steps of 1/8 and offsets in 1/128 are exact in float32, so every backend picks the same four pixels.
      const entry = (_: number, i: number) => {
        if (i % 3 !== 2) return Math.round(random.between(-8, 8)) / 8;
        const side = i % 6 === 2 ? attributes.width : attributes.height;
        return Math.round(random.between(-2, side + 2) * 64) / 64 + 1 / 128;
      };
      return {
        kernel: 'affineWarp',
        inputs: {
          image: input(attributes.height * attributes.width * attributes.channels),
          matrices: input(6 * attributes.batch, entry),
        },
        outputs: { output: output(positions(attributes) * attributes.channels) },
        attributes,
      };
    },
  })),
};
