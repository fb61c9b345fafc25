import { inputSlots, isLinear, type KernelCall, type KernelName, outputSlots, type Slot } from '../kernel';
import { graphSeparations } from './graph-separations';

/** How a call is cut along the axis that runs slowest: into images, rows or numbers, here called units. */
export interface Separation {
  readonly units: number;
  /** The operands of which every unit has numbers of its own, and how many. The others are whole in every piece. */
  readonly cut: readonly Cut[];
  /** The call for the first `count` units. */
  resized(count: number): KernelCall;
  /** Of a kernel that folds all units into results, which are all its outputs: how those of two pieces are joined. */
  readonly fold?: { readonly by: 'adding' | 'merging moments'; readonly outputs: readonly Uncut[] };
  /** Operands with sums over all units, which the kernel divides by the units that it sees. */
  readonly sums?: readonly Uncut[];
}

interface Uncut {
  readonly slot: Slot;
  readonly length: number;
}

export type Cut = readonly [slot: Slot | undefined, numbersOfUnit: number];

/** Every slot that a call reads or writes. */
export const everySlot = (call: KernelCall): Slot[] => [...inputSlots(call), ...outputSlots(call)];

/** Units of `unit` numbers each in all of the slots alike; `resized` is told how many numbers are left. */
const stretches = (
  length: number,
  unit: number,
  slots: readonly (Slot | undefined)[],
  resized: (length: number) => KernelCall,
): Separation => ({
  units: length / unit,
  cut: slots.map((slot): Cut => [slot, unit]),
  resized: (count) => resized(count * unit),
});

/** Numbers of one image before and after a window slides over it, or before and after padding. */
const imageSizes = (sizes: { height: number; width: number; outHeight: number; outWidth: number }) => ({
  before: (channels: number) => sizes.height * sizes.width * channels,
  after: (channels: number) => sizes.outHeight * sizes.outWidth * channels,
});

/** For every kernel how it is separated; undefined where the call at hand cannot be. */
const separations: { [K in KernelName]: (call: KernelCall<K>) => Separation | undefined } = {
  ...graphSeparations,

  // Number by number.
  activation: (call) =>
    stretches(call.attributes.length, 1, everySlot(call), (length) => ({
      ...call,
      attributes: { ...call.attributes, length },
    })),
  activationGradient: (call) =>
    stretches(call.attributes.length, 1, everySlot(call), (length) => ({
      ...call,
      attributes: { ...call.attributes, length },
    })),
  scale: (call) =>
    stretches(call.attributes.length, 1, everySlot(call), (length) => ({
      ...call,
      attributes: { ...call.attributes, length },
    })),
  combine: (call) =>
    stretches(call.attributes.length, 1, everySlot(call), (length) => ({
      ...call,
      attributes: { ...call.attributes, length },
    })),
  divideByRoot: (call) =>
    stretches(call.attributes.length, 1, everySlot(call), (length) => ({
      ...call,
      attributes: { ...call.attributes, length },
    })),
  sgdStep: (call) =>
    stretches(call.attributes.length, 1, everySlot(call), (length) => ({
      ...call,
      attributes: { ...call.attributes, length },
    })),
  adamStep: (call) =>
    stretches(call.attributes.length, 1, everySlot(call), (length) => ({
      ...call,
      attributes: { ...call.attributes, length },
    })),
  sigmoid: (call) =>
    stretches(call.attributes.length, 1, everySlot(call), (length) => ({
      ...call,
      attributes: { length },
    })),
  sigmoidGradient: (call) =>
    stretches(call.attributes.length, 1, everySlot(call), (length) => ({
      ...call,
      attributes: { length },
    })),
  add: (call) => {
    const { length: whole, rightLength } = call.attributes;
    if (rightLength === whole)
      return stretches(whole, 1, everySlot(call), (length) => ({
        ...call,
        attributes: { ...call.attributes, length, rightLength: length },
      }));
    return stretches(whole, rightLength, [call.inputs.left, call.outputs.output], (length) => ({
      ...call,
      attributes: { ...call.attributes, length },
    }));
  },
  multiply: (call) => {
    const { length: whole, rightLength } = call.attributes;
    if (rightLength === whole)
      return stretches(whole, 1, everySlot(call), (length) => ({
        ...call,
        attributes: { ...call.attributes, length, rightLength: length },
      }));
    return stretches(whole, rightLength, [call.inputs.left, call.outputs.output], (length) => ({
      ...call,
      attributes: { ...call.attributes, length },
    }));
  },
  repeat: (call) =>
    stretches(call.attributes.length, call.attributes.inputLength, [call.outputs.output], (length) => ({
      ...call,
      attributes: { ...call.attributes, length },
    })),

  // Number by number, with something for each channel.
  batchNorm: (call) =>
    stretches(call.attributes.length, call.attributes.channels, [call.inputs.input, call.outputs.output], (length) => ({
      ...call,
      attributes: { ...call.attributes, length },
    })),
  batchNormTraining: (call) => {
    const { input, residual } = call.inputs;
    const { length: whole, channels } = call.attributes;
    return stretches(whole, channels, [input, residual, call.outputs.output], (length) => ({
      ...call,
      attributes: { ...call.attributes, length },
    }));
  },
  scaleShift: (call) =>
    stretches(call.attributes.length, call.attributes.channels, [call.inputs.input, call.outputs.output], (length) => ({
      ...call,
      attributes: { ...call.attributes, length },
    })),
  prelu: (call) =>
    stretches(call.attributes.length, call.attributes.channels, [call.inputs.input, call.outputs.output], (length) => ({
      ...call,
      attributes: { ...call.attributes, length },
    })),
  preluInputGradient: (call) => {
    const { input, outputGradient } = call.inputs;
    const { length: whole, channels } = call.attributes;
    return stretches(whole, channels, [input, outputGradient, call.outputs.output], (length) => ({
      ...call,
      attributes: { length, channels },
    }));
  },
  batchNormInputGradient: (call) => {
    const { input, outputGradient, activated, betaGradient, gammaGradient } = call.inputs;
    const { length: whole, channels } = call.attributes;
    const pieces = stretches(whole, channels, [input, outputGradient, activated, call.outputs.output], (length) => ({
      ...call,
      attributes: { ...call.attributes, length },
    }));
    return { ...pieces, sums: [betaGradient, gammaGradient].map((slot) => ({ slot, length: channels })) };
  },

  // Row by row.
  softmax: (call) => ({
    units: call.attributes.rows,
    cut: everySlot(call).map((slot) => [slot, call.attributes.columns]),
    resized: (rows) => ({ ...call, attributes: { ...call.attributes, rows } }),
  }),
  softmaxGradient: (call) => ({
    units: call.attributes.rows,
    cut: everySlot(call).map((slot) => [slot, call.attributes.columns]),
    resized: (rows) => ({ ...call, attributes: { ...call.attributes, rows } }),
  }),
  l2Normalize: (call) => ({
    units: call.attributes.rows,
    cut: everySlot(call).map((slot) => [slot, call.attributes.columns]),
    resized: (rows) => ({ ...call, attributes: { ...call.attributes, rows } }),
  }),
  l2NormalizeGradient: (call) => ({
    units: call.attributes.rows,
    cut: everySlot(call).map((slot) => [slot, call.attributes.columns]),
    resized: (rows) => ({ ...call, attributes: { ...call.attributes, rows } }),
  }),
  softmaxCrossEntropy: (call) => ({
    units: call.attributes.rows,
    cut: [
      [call.inputs.logits, call.attributes.columns],
      [call.inputs.labels, 1],
      [call.outputs.output, 1],
    ],
    resized: (rows) => ({ ...call, attributes: { ...call.attributes, rows } }),
  }),
  rightAnswers: (call) => ({
    units: call.attributes.rows,
    cut: [
      [call.inputs.logits, call.attributes.columns],
      [call.inputs.labels, 1],
      [call.outputs.output, 1],
    ],
    resized: (rows) => ({ ...call, attributes: { ...call.attributes, rows } }),
  }),
  softmaxCrossEntropyGradient: (call) => ({
    units: call.attributes.rows,
    cut: [
      [call.inputs.logits, call.attributes.columns],
      [call.inputs.labels, 1],
      [call.inputs.outputGradient, 1],
      [call.outputs.output, call.attributes.columns],
    ],
    resized: (rows) => ({ ...call, attributes: { ...call.attributes, rows } }),
  }),
  concat: (call) => {
    const { inners } = call.attributes;
    const total = inners.reduce((sum, inner) => sum + inner, 0);
    return {
      units: call.attributes.outer,
      cut: [...call.inputs.parts.map((part, k): Cut => [part, inners[k]]), [call.outputs.output, total]],
      resized: (outer) => ({ ...call, attributes: { inners, outer } }),
    };
  },
  slice: (call) => ({
    units: call.attributes.outer,
    cut: [
      [call.inputs.input, call.attributes.total],
      [call.outputs.output, call.attributes.inner],
    ],
    resized: (outer) => ({ ...call, attributes: { ...call.attributes, outer } }),
  }),
  // With the left one transposed, its rows are the terms of the sums: nothing may follow a sum that is cut.
  matmul: (call) => {
    const { left, right, bias } = call.inputs;
    const { rows, inner, columns, transposeLeft, transposeRight, activation } = call.attributes;
    if (!transposeLeft)
      return {
        units: rows,
        cut: [
          [left, inner],
          [call.outputs.output, columns],
        ],
        resized: (count) => ({ ...call, attributes: { ...call.attributes, rows: count } }),
      };
    if (transposeRight || bias || !isLinear(activation)) return undefined;
    return {
      units: inner,
      cut: [
        [left, rows],
        [right, columns],
      ],
      resized: (count) => ({ ...call, attributes: { ...call.attributes, inner: count } }),
      fold: { by: 'adding', outputs: [{ slot: call.outputs.output, length: rows * columns }] },
    };
  },

  // Image by image.
  conv2d: (call) => {
    const { inChannels, outChannels } = call.attributes;
    const { before, after } = imageSizes(call.attributes);
    return {
      units: call.attributes.batch,
      cut: [
        [call.inputs.input, before(inChannels)],
        [call.inputs.residual, after(outChannels)],
        [call.outputs.output, after(outChannels)],
      ],
      resized: (batch) => ({ ...call, attributes: { ...call.attributes, batch } }),
    };
  },
  conv2dInputGradient: (call) => {
    const { inChannels, outChannels } = call.attributes;
    const { before, after } = imageSizes(call.attributes);
    return {
      units: call.attributes.batch,
      cut: [
        [call.inputs.outputGradient, after(outChannels)],
        [call.inputs.addend, before(inChannels)],
        [call.outputs.output, before(inChannels)],
      ],
      resized: (batch) => ({ ...call, attributes: { ...call.attributes, batch } }),
    };
  },
  depthwiseConv2d: (call) => {
    const { channels } = call.attributes;
    const { before, after } = imageSizes(call.attributes);
    return {
      units: call.attributes.batch,
      cut: [
        [call.inputs.input, before(channels)],
        [call.outputs.output, after(channels)],
      ],
      resized: (batch) => ({ ...call, attributes: { ...call.attributes, batch } }),
    };
  },
  maxPool2d: (call) => {
    const { channels } = call.attributes;
    const { before, after } = imageSizes(call.attributes);
    return {
      units: call.attributes.batch,
      cut: [
        [call.inputs.input, before(channels)],
        [call.outputs.output, after(channels)],
      ],
      resized: (batch) => ({ ...call, attributes: { ...call.attributes, batch } }),
    };
  },
  averagePool2d: (call) => {
    const { channels, outChannels = channels } = call.attributes;
    const { before, after } = imageSizes(call.attributes);
    return {
      units: call.attributes.batch,
      cut: [
        [call.inputs.input, before(channels)],
        [call.outputs.output, after(outChannels)],
      ],
      resized: (batch) => ({ ...call, attributes: { ...call.attributes, batch } }),
    };
  },
  resizeBilinear: (call) => {
    const { channels } = call.attributes;
    const { before, after } = imageSizes(call.attributes);
    return {
      units: call.attributes.batch,
      cut: [
        [call.inputs.input, before(channels)],
        [call.outputs.output, after(channels)],
      ],
      resized: (batch) => ({ ...call, attributes: { ...call.attributes, batch } }),
    };
  },
  pad: (call) => {
    const { channels, outChannels } = call.attributes;
    const { before, after } = imageSizes(call.attributes);
    return {
      units: call.attributes.batch,
      cut: [
        [call.inputs.input, before(channels)],
        [call.outputs.output, after(outChannels)],
      ],
      resized: (batch) => ({ ...call, attributes: { ...call.attributes, batch } }),
    };
  },
  crop: (call) => {
    const { channels, outChannels } = call.attributes;
    const { before, after } = imageSizes(call.attributes);
    return {
      units: call.attributes.batch,
      cut: [
        [call.outputs.output, before(channels)],
        [call.inputs.input, after(outChannels)],
      ],
      resized: (batch) => ({ ...call, attributes: { ...call.attributes, batch } }),
    };
  },
  depthwiseConv2dInputGradient: (call) => {
    const { channels } = call.attributes;
    const { before, after } = imageSizes(call.attributes);
    return {
      units: call.attributes.batch,
      cut: [
        [call.outputs.output, before(channels)],
        [call.inputs.outputGradient, after(channels)],
      ],
      resized: (batch) => ({ ...call, attributes: { ...call.attributes, batch } }),
    };
  },
  averagePool2dGradient: (call) => {
    const { channels } = call.attributes;
    const { before, after } = imageSizes(call.attributes);
    return {
      units: call.attributes.batch,
      cut: [
        [call.outputs.output, before(channels)],
        [call.inputs.outputGradient, after(channels)],
      ],
      resized: (batch) => ({ ...call, attributes: { ...call.attributes, batch } }),
    };
  },
  maxPool2dGradient: (call) => {
    const { channels } = call.attributes;
    const { before, after } = imageSizes(call.attributes);
    return {
      units: call.attributes.batch,
      cut: [
        [call.inputs.input, before(channels)],
        [call.outputs.output, before(channels)],
        [call.inputs.outputGradient, after(channels)],
      ],
      resized: (batch) => ({ ...call, attributes: { ...call.attributes, batch } }),
    };
  },
  affineWarp: (call) => ({
    units: call.attributes.batch,
    cut: [
      [call.inputs.matrices, 6],
      [call.outputs.output, imageSizes(call.attributes).after(call.attributes.channels)],
    ],
    resized: (batch) => ({ ...call, attributes: { ...call.attributes, batch } }),
  }),
  globalAveragePool: (call) => ({
    units: call.attributes.batch,
    cut: [
      [call.inputs.input, call.attributes.positions * call.attributes.channels],
      [call.outputs.output, call.attributes.channels],
    ],
    resized: (batch) => ({ ...call, attributes: { ...call.attributes, batch } }),
  }),
  globalAveragePoolGradient: (call) => ({
    units: call.attributes.batch,
    cut: [
      [call.inputs.outputGradient, call.attributes.channels],
      [call.outputs.output, call.attributes.positions * call.attributes.channels],
    ],
    resized: (batch) => ({ ...call, attributes: { ...call.attributes, batch } }),
  }),

  // A channel's mean and its variance lie apart in the moments: a range that holds both, for all channels, is the whole.
  updateMoments: () => undefined,

  // Folded over everything.
  conv2dFilterGradient: (call) => {
    const { filterHeight, filterWidth, inChannels, outChannels } = call.attributes;
    const { before, after } = imageSizes(call.attributes);
    return {
      units: call.attributes.batch,
      cut: [
        [call.inputs.input, before(inChannels)],
        [call.inputs.outputGradient, after(outChannels)],
      ],
      resized: (batch) => ({ ...call, attributes: { ...call.attributes, batch } }),
      fold: {
        by: 'adding',
        outputs: [{ slot: call.outputs.output, length: filterHeight * filterWidth * inChannels * outChannels }],
      },
    };
  },
  depthwiseConv2dFilterGradient: (call) => {
    const { filterHeight, filterWidth, channels } = call.attributes;
    const { before, after } = imageSizes(call.attributes);
    return {
      units: call.attributes.batch,
      cut: [
        [call.inputs.input, before(channels)],
        [call.inputs.outputGradient, after(channels)],
      ],
      resized: (batch) => ({ ...call, attributes: { ...call.attributes, batch } }),
      fold: { by: 'adding', outputs: [{ slot: call.outputs.output, length: filterHeight * filterWidth * channels }] },
    };
  },
  channelSums: (call) => {
    const { length: whole, channels } = call.attributes;
    const pieces = stretches(whole, channels, inputSlots(call), (length) => ({
      ...call,
      attributes: { length, channels },
    }));
    return { ...pieces, fold: { by: 'adding', outputs: [{ slot: call.outputs.output, length: channels }] } };
  },
  preluSlopesGradient: (call) => {
    const { length: whole, channels } = call.attributes;
    const pieces = stretches(whole, channels, inputSlots(call), (length) => ({
      ...call,
      attributes: { length, channels },
    }));
    return { ...pieces, fold: { by: 'adding', outputs: [{ slot: call.outputs.output, length: channels }] } };
  },
  batchNormSums: (call) => {
    const { input, outputGradient, activated } = call.inputs;
    const { betaGradient, gammaGradient } = call.outputs;
    const { length: whole, channels } = call.attributes;
    const pieces = stretches(whole, channels, [input, outputGradient, activated], (length) => ({
      ...call,
      attributes: { ...call.attributes, length },
    }));
    const outputs = [betaGradient, gammaGradient].map((slot) => ({ slot, length: channels }));
    return { ...pieces, fold: { by: 'adding', outputs } };
  },
  channelMoments: (call) => {
    const { length: whole, channels } = call.attributes;
    const pieces = stretches(whole, channels, inputSlots(call), (length) => ({
      ...call,
      attributes: { length, channels },
    }));
    return {
      ...pieces,
      fold: { by: 'merging moments', outputs: [{ slot: call.outputs.output, length: 2 * channels }] },
    };
  },
};

export function separationOf<K extends KernelName>(call: KernelCall<K>): Separation | undefined {
  const separate: (call: KernelCall<K>) => Separation | undefined = separations[call.kernel];
  return separate(call);
}
