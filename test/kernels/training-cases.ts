import { type KernelName, LINEAR, RELU } from '../../src/kernels/kernel';
import {
  ACTIVATIONS,
  type Case,
  type CaseSlots,
  CHANNEL_WINDOWS,
  CONVOLUTIONS,
  inputLength,
  LENGTHS,
  PADS,
  pick,
  positions,
  ROWS,
  title,
} from './case-sizes';

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
  | 'rightAnswers'
  | 'sgdStep'
  | 'slice'
  | 'softmaxCrossEntropy'
  | 'updateMoments';

/** The last has so many positions that a backend sums the gradient of a filter in parts. */
const CONVOLUTION_GRADIENTS = [
  ...CONVOLUTIONS,
  { ...CONVOLUTIONS[6], batch: 3, height: 29, width: 27, outHeight: 29, outWidth: 27, inChannels: 6, outChannels: 9 },
];
const WINDOW_GRADIENTS = [
  ...CHANNEL_WINDOWS,
  { ...CHANNEL_WINDOWS[6], batch: 3, height: 29, width: 27, outHeight: 29, outWidth: 27, channels: 6 },
];

/** [length, channels]: many rows to sum, few and many channels. */
const REDUCTIONS = [...LENGTHS, [20_011, 1], [3 * 1000, 3], [40 * 500, 40], [257 * 7, 257]];

/** Means of 1 or so, then variances. */
const moments = ({ input }: CaseSlots, channels: number) =>
  input(2 * channels, (x, i) => (i < channels ? x : x * x + 0.1));

/** What an activation's derivative is told from. The first two lie where the slope changes. */
const activated = ({ input }: Pick<CaseSlots, 'input'>, length: number) =>
  input(length, (x, i) => (i < 2 ? 6 * i : 5 * x));

/** What momentum, decay and Nesterov's look ahead may be. */
const SGD = [
  { momentum: 0, weightDecay: 0, nesterov: false },
  { momentum: 0, weightDecay: 0.1, nesterov: false },
  { momentum: 0.9, weightDecay: 0.1, nesterov: false },
  { momentum: 0.9, weightDecay: 0.1, nesterov: true },
];

const wholeNumbersBelow = (columns: number) => (_: number, row: number) => (7 * row + 3) % columns;

/** For every kernel that only training needs, cases that a backend must get right. */
export const TRAINING_CASES: { [K in TrainingKernel]: Case<K>[] } = {
  conv2dInputGradient: CONVOLUTION_GRADIENTS.flatMap((sizes) => {
    const pixels = sizes.batch * sizes.height * sizes.width;
    return [false, true].map((hasAddend) => ({
      title: `${hasAddend ? 'with' : 'without'} addend, ${title(sizes)}`,
      call: ({ input, constant, output }) => ({
        kernel: 'conv2dInputGradient',
        inputs: {
          outputGradient: input(positions(sizes) * sizes.outChannels),
          filter: constant(sizes.filterHeight * sizes.filterWidth * sizes.inChannels * sizes.outChannels),
          addend: hasAddend ? input(pixels * sizes.inChannels) : undefined,
        },
        outputs: { output: output(pixels * sizes.inChannels) },
        attributes: sizes,
      }),
    }));
  }),

  conv2dFilterGradient: CONVOLUTION_GRADIENTS.map((sizes) => ({
    title: title(sizes),
    call: ({ input, output }) => ({
      kernel: 'conv2dFilterGradient',
      inputs: {
        input: input(sizes.batch * sizes.height * sizes.width * sizes.inChannels),
        outputGradient: input(positions(sizes) * sizes.outChannels),
      },
      outputs: { output: output(sizes.filterHeight * sizes.filterWidth * sizes.inChannels * sizes.outChannels) },
      attributes: sizes,
    }),
  })),

  depthwiseConv2dInputGradient: WINDOW_GRADIENTS.map((sizes) => ({
    title: title(sizes),
    call: ({ input, constant, output }) => ({
      kernel: 'depthwiseConv2dInputGradient',
      inputs: {
        outputGradient: input(positions(sizes) * sizes.channels),
        filter: constant(sizes.filterHeight * sizes.filterWidth * sizes.channels),
      },
      outputs: { output: output(inputLength(sizes)) },
      attributes: sizes,
    }),
  })),

  depthwiseConv2dFilterGradient: WINDOW_GRADIENTS.map((sizes) => ({
    title: title(sizes),
    call: ({ input, output }) => ({
      kernel: 'depthwiseConv2dFilterGradient',
      inputs: { input: input(inputLength(sizes)), outputGradient: input(positions(sizes) * sizes.channels) },
      outputs: { output: output(sizes.filterHeight * sizes.filterWidth * sizes.channels) },
      attributes: sizes,
    }),
  })),

  channelSums: REDUCTIONS.map(([length, channels]) => ({
    title: `${length} numbers, ${channels} channels`,
    call: ({ input, output }) => ({
      kernel: 'channelSums',
      inputs: { input: input(length) },
      outputs: { output: output(channels) },
      attributes: { length, channels },
    }),
  })),

  // A mean far from zero shows who subtracts squares: mean(x^2) - mean(x)^2 loses the variance there.
  channelMoments: REDUCTIONS.flatMap(([length, channels]) =>
    [0, 300].map((offset) => ({
      title: `${length} numbers around ${offset}, ${channels} channels`,
      call: ({ input, output }) => ({
        kernel: 'channelMoments',
        inputs: { input: input(length, (x) => x + offset) },
        outputs: { output: output(2 * channels) },
        attributes: { length, channels },
      }),
    })),
  ),

  batchNormTraining: LENGTHS.flatMap(([length, channels]) =>
    ACTIVATIONS.flatMap((activation) =>
      [false, true].map((hasResidual) => ({
        title: `${length} numbers, ${channels} channels, ${hasResidual ? 'residual, ' : ''}${title(activation)}`,
        call: (slots) => ({
          kernel: 'batchNormTraining',
          inputs: {
            input: slots.input(length),
            moments: moments(slots, channels),
            gamma: slots.constant(channels),
            beta: slots.constant(channels),
            residual: hasResidual ? slots.input(length, (x) => 5 * x) : undefined,
          },
          outputs: { output: slots.output(length) },
          attributes: { length, channels, epsilon: 1e-5, activation },
        }),
      })),
    ),
  ),

  batchNormSums: REDUCTIONS.flatMap(([length, channels], k) =>
    [undefined, pick(k), RELU].map((mask) => ({
      title: `${length} numbers, ${channels} channels${mask ? `, through ${title(mask)}` : ''}`,
      call: (slots) => ({
        kernel: 'batchNormSums',
        inputs: {
          input: slots.input(length),
          outputGradient: slots.input(length),
          moments: moments(slots, channels),
          activated: mask && activated(slots, length),
        },
        outputs: { betaGradient: slots.output(channels), gammaGradient: slots.output(channels) },
        attributes: { length, channels, epsilon: 1e-5, activation: mask ?? LINEAR },
      }),
    })),
  ),

  batchNormInputGradient: LENGTHS.flatMap(([length, channels]) =>
    [undefined, ...ACTIVATIONS].map((mask) => ({
      title: `${length} numbers, ${channels} channels${mask ? `, through ${title(mask)}` : ''}`,
      call: (slots) => ({
        kernel: 'batchNormInputGradient',
        inputs: {
          input: slots.input(length),
          outputGradient: slots.input(length),
          moments: moments(slots, channels),
          gamma: slots.constant(channels),
          betaGradient: slots.input(channels, (x) => (x * length) / channels),
          gammaGradient: slots.input(channels, (x) => (x * length) / channels),
          activated: mask && activated(slots, length),
        },
        outputs: { output: slots.output(length) },
        attributes: { length, channels, epsilon: 1e-5, activation: mask ?? LINEAR },
      }),
    })),
  ),

  activationGradient: LENGTHS.flatMap(([length]) =>
    ACTIVATIONS.map((activation) => ({
      title: `${length} numbers, ${title(activation)}`,
      call: ({ input, output }) => ({
        kernel: 'activationGradient',
        inputs: {
          input: activated({ input }, length),
          outputGradient: input(length),
        },
        outputs: { output: output(length) },
        attributes: { length, activation },
      }),
    })),
  ),

  preluInputGradient: LENGTHS.map(([length, channels]) => ({
    title: `${length} numbers, ${channels} channels`,
    call: ({ input, constant, output }) => ({
      kernel: 'preluInputGradient',
      inputs: { input: input(length), slopes: constant(channels), outputGradient: input(length) },
      outputs: { output: output(length) },
      attributes: { length, channels },
    }),
  })),

  preluSlopesGradient: REDUCTIONS.map(([length, channels]) => ({
    title: `${length} numbers, ${channels} channels`,
    call: ({ input, output }) => ({
      kernel: 'preluSlopesGradient',
      inputs: { input: input(length), outputGradient: input(length) },
      outputs: { output: output(channels) },
      attributes: { length, channels },
    }),
  })),

  sigmoidGradient: LENGTHS.map(([length]) => ({
    title: `${length} numbers`,
    call: ({ input, output }) => ({
      kernel: 'sigmoidGradient',
      inputs: { output: input(length, (x) => 1 / (1 + Math.exp(-x))), outputGradient: input(length) },
      outputs: { output: output(length) },
      attributes: { length },
    }),
  })),

  // Whole numbers make ties: the first of the largest gets the gradient.
  maxPool2dGradient: WINDOW_GRADIENTS.flatMap((sizes) =>
    [false, true].map((ties) => ({
      title: `${title(sizes)}${ties ? ', with ties' : ''}`,
      call: ({ input, output }) => ({
        kernel: 'maxPool2dGradient',
        inputs: {
          input: input(inputLength(sizes), (x) => (ties ? Math.round(x) : x)),
          outputGradient: input(positions(sizes) * sizes.channels),
        },
        outputs: { output: output(inputLength(sizes)) },
        attributes: sizes,
      }),
    })),
  ),

  averagePool2dGradient: WINDOW_GRADIENTS.map((sizes) => ({
    title: title(sizes),
    call: ({ input, output }) => ({
      kernel: 'averagePool2dGradient',
      inputs: { outputGradient: input(positions(sizes) * sizes.channels) },
      outputs: { output: output(inputLength(sizes)) },
      attributes: sizes,
    }),
  })),

  globalAveragePoolGradient: [
    [1, 1, 1],
    [2, 4, 256],
    [3, 49, 7],
    [1, 1225, 33],
    [9, 4, 64],
  ].map(([batch, count, channels]) => ({
    title: `batch ${batch}, ${count} positions, ${channels} channels`,
    call: ({ input, output }) => ({
      kernel: 'globalAveragePoolGradient',
      inputs: { outputGradient: input(batch * channels) },
      outputs: { output: output(batch * count * channels) },
      attributes: { batch, positions: count, channels },
    }),
  })),

  softmaxGradient: ROWS.map(([rows, columns]) => ({
    title: `[${rows},${columns}]`,
    call: ({ input, output }) => ({
      kernel: 'softmaxGradient',
      inputs: { output: input(rows * columns, (x) => Math.abs(x) / columns), outputGradient: input(rows * columns) },
      outputs: { output: output(rows * columns) },
      attributes: { rows, columns },
    }),
  })),

  softmaxCrossEntropy: ROWS.flatMap(([rows, columns]) =>
    [0, 0.1].map((smoothing) => ({
      title: `[${rows},${columns}], smoothing ${smoothing}`,
      call: ({ input, output }) => ({
        kernel: 'softmaxCrossEntropy',
        inputs: { logits: input(rows * columns, (x) => 30 * x), labels: input(rows, wholeNumbersBelow(columns)) },
        outputs: { output: output(rows) },
        attributes: { rows, columns, smoothing },
      }),
    })),
  ),

  // Labels at the largest logit in about every second row; a tie, which is not right, in the first.
  rightAnswers: ROWS.map(([rows, columns]) => ({
    title: `[${rows},${columns}]`,
    call: ({ input, output }) => ({
      kernel: 'rightAnswers',
      inputs: {
        logits: input(rows * columns, (x, i) => {
          const [row, column] = [Math.floor(i / columns), i % columns];
          if (row === 0) return 1;
          return row % 2 === 0 && column === wholeNumbersBelow(columns)(0, row) ? 100 : x;
        }),
        labels: input(rows, wholeNumbersBelow(columns)),
      },
      outputs: { output: output(rows) },
      attributes: { rows, columns },
    }),
  })),

  softmaxCrossEntropyGradient: ROWS.flatMap(([rows, columns]) =>
    [0, 0.1].map((smoothing) => ({
      title: `[${rows},${columns}], smoothing ${smoothing}`,
      call: ({ input, output }) => ({
        kernel: 'softmaxCrossEntropyGradient',
        inputs: {
          logits: input(rows * columns, (x) => 10 * x),
          labels: input(rows, wholeNumbersBelow(columns)),
          outputGradient: input(rows),
        },
        outputs: { output: output(rows * columns) },
        attributes: { rows, columns, smoothing },
      }),
    })),
  ),

  l2NormalizeGradient: [
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
        kernel: 'l2NormalizeGradient',
        inputs: { input: input(rows * columns, (x) => size * x), outputGradient: input(rows * columns) },
        outputs: { output: output(rows * columns) },
        attributes: { rows, columns, epsilon: 1e-6 },
      }),
    })),
  ),

  repeat: LENGTHS.map(([length, inputLength]) => ({
    title: `${inputLength} numbers to ${length}`,
    call: ({ input, output }) => ({
      kernel: 'repeat',
      inputs: { input: input(inputLength) },
      outputs: { output: output(length) },
      attributes: { length, inputLength },
    }),
  })),

  slice: [
    { outer: 1, total: 5, start: 0, inner: 5 },
    { outer: 1, total: 4100, start: 1027, inner: 3001 },
    { outer: 3, total: 12, start: 4, inner: 8 },
    { outer: 2, total: 11, start: 1, inner: 7 },
    { outer: 70, total: 68, start: 17, inner: 5 },
    { outer: 70, total: 32, start: 8, inner: 16 },
  ].map((attributes) => ({
    title: title(attributes),
    call: ({ input, output }) => ({
      kernel: 'slice',
      inputs: { input: input(attributes.outer * attributes.total) },
      outputs: { output: output(attributes.outer * attributes.inner) },
      attributes,
    }),
  })),

  crop: PADS.map((attributes) => ({
    title: title(attributes),
    call: ({ input, output }) => ({
      kernel: 'crop',
      inputs: { input: input(positions(attributes) * attributes.outChannels) },
      outputs: { output: output(attributes.batch * attributes.height * attributes.width * attributes.channels) },
      attributes,
    }),
  })),

  combine: LENGTHS.map(([length]) => ({
    title: `${length} numbers`,
    call: ({ input, output }) => ({
      kernel: 'combine',
      inputs: { left: input(length), right: input(length) },
      outputs: { output: output(length) },
      attributes: { length, leftFactor: 0.9, rightFactor: -0.1 },
    }),
  })),

  divideByRoot: LENGTHS.map(([length]) => ({
    title: `${length} numbers`,
    call: ({ input, output }) => ({
      kernel: 'divideByRoot',
      inputs: { numerator: input(length), square: input(length, (x) => x * x) },
      outputs: { output: output(length) },
      attributes: { length, epsilon: 0.1 },
    }),
  })),

  sgdStep: LENGTHS.flatMap(([length]) =>
    SGD.map((options) => ({
      title: `${length} numbers, ${title(options)}`,
      call: ({ input }) => ({
        kernel: 'sgdStep',
        inputs: { gradient: input(length) },
        outputs: { parameter: input(length), velocity: options.momentum > 0 ? input(length) : undefined },
        attributes: { length, gradientFactor: 0.5, rate: 0.1, ...options },
      }),
    })),
  ),

  adamStep: LENGTHS.map(([length]) => ({
    title: `${length} numbers`,
    call: ({ input }) => ({
      kernel: 'adamStep',
      inputs: { gradient: input(length) },
      outputs: { parameter: input(length), mean: input(length), square: input(length, (x) => x * x) },
      attributes: {
        ...{ length, gradientFactor: 0.5, beta1: 0.9, beta2: 0.99 },
        ...{ rate: 0.01, epsilon: 1e-3, shrink: 0.99 },
      },
    }),
  })),

  updateMoments: [1, 4, 7, 300, 600].map((channels) => ({
    title: `${channels} channels`,
    call: (slots) => ({
      kernel: 'updateMoments',
      inputs: { moments: moments(slots, channels) },
      outputs: { mean: slots.input(channels), variance: slots.input(channels, (x) => x * x) },
      attributes: { channels, momentum: 0.1, unbiased: 3 / 2 },
    }),
  })),
};
