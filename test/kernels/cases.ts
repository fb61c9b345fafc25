import { type KernelName, LINEAR } from '../../src/kernels/kernel';
import {
  ACTIVATIONS,
  type Case,
  CHANNEL_WINDOWS,
  CONVOLUTIONS,
  IMAGES,
  inputLength,
  LENGTHS,
  PADS,
  pick,
  positions,
  ROWS,
  title,
} from './case-sizes';
import { GRAPH_CASES } from './graph-cases';
import { TRAINING_CASES } from './training-cases';

export type { Case, CaseSlots } from './case-sizes';

/** For every kernel, cases that a backend must get right. A kernel without a row does not compile. */
export const KERNEL_CASES: { [K in KernelName]: Case<K>[] } = {
  ...TRAINING_CASES,
  ...GRAPH_CASES,

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
    [80, 8, 8],
    [5, 2, 9],
    [8, 80, 8],
  ].flatMap(([rows, inner, columns], k) =>
    [0, 1, 2, 3].map((transposes) => {
      const [transposeLeft, transposeRight] = [transposes % 2 === 1, transposes > 1];
      const left = transposeLeft ? `[${inner},${rows}]ᵀ` : `[${rows},${inner}]`;
      const right = transposeRight ? `[${columns},${inner}]ᵀ` : `[${inner},${columns}]`;
      return {
        title: `${left} x ${right}`,
        call: ({ input, constant, output }) => ({
          kernel: 'matmul',
          inputs: {
            left: input(rows * inner),
            right: constant(inner * columns),
            bias: k % 2 === 1 ? constant(columns) : undefined,
          },
          outputs: { output: output(rows * columns) },
          attributes: { rows, inner, columns, transposeLeft, transposeRight, activation: pick(k) },
        }),
      };
    }),
  ),

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

  averagePool2d: CHANNEL_WINDOWS.flatMap((sizes) =>
    [undefined, sizes.channels + 5].map((outChannels) => ({
      title: `${title(sizes)}, to ${outChannels ?? 'as many'} channels`,
      call: ({ input, output }) => ({
        kernel: 'averagePool2d',
        inputs: { input: input(inputLength(sizes)) },
        outputs: { output: output(positions(sizes) * (outChannels ?? sizes.channels)) },
        attributes: { ...sizes, outChannels },
      }),
    })),
  ),

  globalAveragePool: [
    [1, 1, 1],
    [2, 4, 256],
    [3, 49, 7],
    [1, 1225, 33],
    [9, 4, 64],
  ].map(([batch, count, channels]) => ({
    title: `batch ${batch}, ${count} positions, ${channels} channels`,
    call: ({ input, output }) => ({
      kernel: 'globalAveragePool',
      inputs: { input: input(batch * count * channels) },
      outputs: { output: output(batch * channels) },
      attributes: { batch, positions: count, channels },
    }),
  })),

  softmax: ROWS.map(([rows, columns]) => ({
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
    [150, 4],
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

  pad: PADS.map((attributes) => ({
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
    { outer: 70, inners: [16, 8, 8] },
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

  affineWarp: [
    ...IMAGES.map((attributes, k) => ({ ...attributes, batch: 1 + k })),
    { batch: 70, height: 4, width: 5, channels: 2, outHeight: 2, outWidth: 2 },
  ].map((attributes) => ({
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
