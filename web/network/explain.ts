import type { Numbers } from '../../src/kernels/backend';
import {
  type ChannelWindowSizes,
  isLinear,
  type KernelCall,
  type Slot,
  type WindowSizes,
} from '../../src/kernels/kernel';

/** The kinds of layers that can be explained, in the notation of the chapters. */
export const KINDS = {
  conv2d: { title: 'Convolution', formula: 'Y(i, j, o) = b(o) + Σ X(s·i + p, s·j + q, c) · K(p, q, c, o)' },
  scaleShift: { title: 'Scale and shift', formula: 'y = x · scale(c) + shift(c)' },
  activation: { title: 'ReLU', formula: 'y = max(0, x)' },
  add: { title: 'Residual add', formula: 'y = F(x) + x' },
  maxPool2d: { title: 'Max pooling', formula: 'y = the largest x of the window' },
  averagePool2d: { title: 'Average pooling', formula: 'y = the mean x of the window' },
  pad: { title: 'Padding', formula: 'y = x, and 0 where there is no x' },
  globalAveragePool: { title: 'Average of a whole map', formula: 'y(c) = the mean of X(i, j, c) over all i, j' },
  matmul: { title: 'Dense', formula: 'y(o) = Σ x(c) · W(c, o)' },
  l2Normalize: { title: 'Length made 1', formula: 'y = x / ‖x‖' },
} as const;

export type Kind = keyof typeof KINDS;
export type ExplainedCall = KernelCall<Kind>;

export const isExplained = (call: KernelCall): call is ExplainedCall => call.kernel in KINDS;

/** Of one image; a vector has one row and one column. */
export interface MapShape {
  height: number;
  width: number;
  channels: number;
}

/** A number of a layer's maps; all counted from 0. */
export interface Place {
  row: number;
  column: number;
  channel: number;
}

/** What was looked at of an input: of one channel, a window that may reach over the edge. */
export interface Seen {
  /** Which input: 0, or 1 for the second part of an add. */
  input: number;
  channel: number;
  top: number;
  left: number;
  height: number;
  width: number;
}

/** Numbers of a window, row by row; null beyond the edge. */
export interface WindowNumbers {
  height: number;
  width: number;
  inputs: (number | null)[];
}

/** The part of a sum of products that belongs to one channel of the input. */
export interface ChannelProducts extends WindowNumbers {
  channel: number;
  weights: number[];
  sum: number;
}

type Terms =
  | {
      kind: 'products';
      /** The channels that contribute most, the largest first. */
      largest: ChannelProducts[];
      /** All others, added up. */
      rest: { channels: number; sum: number };
      bias: number | undefined;
    }
  | { kind: 'affine'; x: number; scale: number; shift: number }
  | { kind: 'relu'; x: number }
  | { kind: 'add'; branch: number; shortcut: number }
  | ({ kind: 'largest' | 'mean' } & WindowNumbers)
  | { kind: 'padding'; x: number | null }
  | { kind: 'length'; x: number; length: number; count: number };

/** How one number of a layer came about. */
export type Explanation = Terms & {
  /** As the engine computed it. */
  value: number;
  /** From the terms, in float64. */
  computed: number;
  /** The sum of the terms' sizes: what the rounding of a sum is to be measured by. */
  magnitude: number;
  seen: Seen[];
};

/** Channels whose products are shown in full. */
const MOST_WINDOWS = 3;
/** Of a dense layer, where each is one product. */
const MOST_PRODUCTS = 12;

type Terminated = Terms & { computed: number; magnitude: number; seen: Seen[] };

/**
 * The terms of one number that a call wrote, from its operands.
 *
 * @param shape of what the call wrote, for one image
 * @param numbers of each operand and of the output
 */
export function explain(
  call: ExplainedCall,
  shape: MapShape,
  place: Place,
  numbers: (slot: Slot) => Numbers,
): Explanation {
  const at = flat(shape, place);
  return { ...termsOf(call, place, at, numbers), value: numbers(call.outputs.output)[at] };
}

const flat = ({ width, channels }: MapShape, { row, column, channel }: Place): number =>
  (row * width + column) * channels + channel;

function termsOf(call: ExplainedCall, place: Place, at: number, numbers: (slot: Slot) => Numbers): Terminated {
  const { channel } = place;
  const here = { input: 0, channel, top: place.row, left: place.column, height: 1, width: 1 };
  switch (call.kernel) {
    case 'conv2d':
      return convolution(call, place, numbers);
    case 'matmul':
      return dense(call, channel, numbers);
    case 'scaleShift': {
      const [x, scale, shift] = [
        numbers(call.inputs.input)[at],
        numbers(call.inputs.scale)[channel],
        numbers(call.inputs.shift)[channel],
      ];
      const magnitude = Math.abs(x * scale) + Math.abs(shift);
      return { kind: 'affine', x, scale, shift, computed: x * scale + shift, magnitude, seen: [here] };
    }
    case 'activation': {
      const { slope, ceiling } = call.attributes.activation;
      if (slope !== 0 || ceiling !== Number.POSITIVE_INFINITY)
        throw new Error(`the activation with slope ${slope} and ceiling ${ceiling} is not explained, only ReLU`);
      const x = numbers(call.inputs.input)[at];
      return { kind: 'relu', x, computed: Math.max(0, x), magnitude: Math.abs(x), seen: [here] };
    }
    case 'add': {
      const [branch, shortcut] = [numbers(call.inputs.left)[at], numbers(call.inputs.right)[at]];
      const magnitude = Math.abs(branch) + Math.abs(shortcut);
      const seen = [here, { ...here, input: 1 }];
      return { kind: 'add', branch, shortcut, computed: branch + shortcut, magnitude, seen };
    }
    case 'maxPool2d':
    case 'averagePool2d':
      return pooling(call, place, numbers(call.inputs.input));
    case 'pad': {
      const { height, width, channels, top, left } = call.attributes;
      const source = { row: place.row - top, column: place.column - left, channel };
      const isInside = isWithin({ height, width }, source.row, source.column) && channel < channels;
      const x = isInside ? numbers(call.inputs.input)[flat({ height, width, channels }, source)] : null;
      const seen = isInside ? [{ ...here, top: source.row, left: source.column }] : [];
      return { kind: 'padding', x, computed: x ?? 0, magnitude: Math.abs(x ?? 0), seen };
    }
    case 'globalAveragePool': {
      const { positions, channels } = call.attributes;
      const side = Math.round(Math.sqrt(positions));
      const size = side * side === positions ? { height: side, width: side } : { height: 1, width: positions };
      const input = numbers(call.inputs.input);
      const inputs = Array.from({ length: positions }, (_, k) => input[k * channels + channel]);
      const seen = [{ ...here, top: 0, left: 0, ...size }];
      return { kind: 'mean', ...size, inputs, ...meanOf(inputs), seen };
    }
    case 'l2Normalize': {
      const all = numbers(call.inputs.input);
      const length = Math.max(Math.hypot(...all), call.attributes.epsilon);
      const computed = all[channel] / length;
      const magnitude = Math.abs(computed);
      return { kind: 'length', x: all[channel], length, count: all.length, computed, magnitude, seen: [here] };
    }
  }
}

const isWithin = ({ height, width }: { height: number; width: number }, row: number, column: number) =>
  row >= 0 && row < height && column >= 0 && column < width;

/** Where the window of an output begins in the input. */
const windowAt = ({ strideY, strideX, top, left, filterHeight, filterWidth }: WindowSizes, { row, column }: Place) => ({
  top: row * strideY - top,
  left: column * strideX - left,
  height: filterHeight,
  width: filterWidth,
});

/** The numbers of one channel under a window. */
function numbersUnder(
  input: Numbers,
  image: MapShape,
  { top, left, height, width }: ReturnType<typeof windowAt>,
  channel: number,
): (number | null)[] {
  return Array.from({ length: height * width }, (_, k) => {
    const [row, column] = [top + Math.floor(k / width), left + (k % width)];
    return isWithin(image, row, column) ? input[flat(image, { row, column, channel })] : null;
  });
}

function convolution(
  { inputs, attributes }: KernelCall<'conv2d'>,
  place: Place,
  numbers: (slot: Slot) => Numbers,
): Terminated {
  if (!isLinear(attributes.activation) || inputs.residual)
    throw new Error('a convolution is explained by itself; explain the network before it is compiled');
  const { height, width, inChannels, outChannels } = attributes;
  const [input, filter] = [numbers(inputs.input), numbers(inputs.filter)];
  const window = windowAt(attributes, place);
  const shares = Array.from({ length: inChannels }, (_, channel): ChannelProducts => {
    const under = numbersUnder(input, { height, width, channels: inChannels }, window, channel);
    const weights = under.map((_, k) => filter[(k * inChannels + channel) * outChannels + place.channel]);
    return share(channel, { height: window.height, width: window.width, inputs: under }, weights);
  });
  const bias = inputs.bias && numbers(inputs.bias)[place.channel];
  const { largest, ...sums } = addedUp(shares, bias, MOST_WINDOWS);
  return { ...sums, largest, seen: largest.map(({ channel }) => ({ input: 0, channel, ...window })) };
}

function dense(
  { inputs, attributes }: KernelCall<'matmul'>,
  channel: number,
  numbers: (slot: Slot) => Numbers,
): Terminated {
  const { inner, columns, transposeLeft, transposeRight, activation } = attributes;
  if (transposeLeft || transposeRight || !isLinear(activation))
    throw new Error('a dense layer is explained by itself; explain the network before it is compiled');
  const [left, right] = [numbers(inputs.left), numbers(inputs.right)];
  const shares = Array.from({ length: inner }, (_, k) =>
    share(k, { height: 1, width: 1, inputs: [left[k]] }, [right[k * columns + channel]]),
  );
  const bias = inputs.bias && numbers(inputs.bias)[channel];
  const { largest, ...sums } = addedUp(shares, bias, MOST_PRODUCTS);
  const seen = largest.map((one) => ({ input: 0, channel: one.channel, top: 0, left: 0, height: 1, width: 1 }));
  return { ...sums, largest, seen };
}

function share(channel: number, window: WindowNumbers, weights: number[]): ChannelProducts {
  const sum = window.inputs.reduce<number>((total, x, k) => total + (x ?? 0) * weights[k], 0);
  return { channel, ...window, weights, sum };
}

function addedUp(shares: readonly ChannelProducts[], bias: number | undefined, most: number) {
  const sorted = shares.toSorted((a, b) => Math.abs(b.sum) - Math.abs(a.sum));
  const total = (some: readonly ChannelProducts[]) => some.reduce((sum, one) => sum + one.sum, 0);
  const sizeOf = ({ inputs, weights }: ChannelProducts) =>
    inputs.reduce<number>((sum, x, k) => sum + Math.abs((x ?? 0) * weights[k]), 0);
  const others = sorted.slice(most);
  return {
    kind: 'products' as const,
    largest: sorted.slice(0, most),
    rest: { channels: others.length, sum: total(others) },
    bias,
    computed: (bias ?? 0) + total(shares),
    magnitude: Math.abs(bias ?? 0) + shares.reduce((sum, one) => sum + sizeOf(one), 0),
  };
}

function pooling({ kernel, attributes }: PoolCall, place: Place, input: Numbers): Terminated {
  const window = windowAt(attributes, place);
  const { height, width } = window;
  const inputs = numbersUnder(input, attributes, window, place.channel);
  const inside = inputs.filter((x) => x !== null);
  const seen = [{ input: 0, channel: place.channel, ...window }];
  if (kernel === 'averagePool2d') return { kind: 'mean', height, width, inputs, ...meanOf(inside), seen };
  const computed = Math.max(...inside);
  return { kind: 'largest', height, width, inputs, computed, magnitude: Math.abs(computed), seen };
}

type PoolCall = { kernel: 'maxPool2d' | 'averagePool2d'; attributes: ChannelWindowSizes };

const meanOf = (values: readonly number[]) => ({
  computed: values.reduce((sum, x) => sum + x, 0) / values.length,
  magnitude: values.reduce((sum, x) => sum + Math.abs(x), 0) / values.length,
});
