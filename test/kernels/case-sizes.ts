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

export const ACTIVATIONS: Activation[] = [LINEAR, RELU, RELU6, { slope: 0.1, ceiling: Number.POSITIVE_INFINITY }];
export const pick = (k: number): Activation => ACTIVATIONS[k % ACTIVATIONS.length];

export const CONVOLUTIONS = (
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
    [2, 10, 11, 5, 6, [3, 3], [3, 3], [1, 1], [4, 4]], // stride 3
    [1, 7, 9, 3, 5, [2, 2], [3, 3], [0, 0], [2, 3]], // a stride longer than the filter: some pixels meet no window
    [5, 8, 8, 4, 8, [3, 3], [1, 1], [1, 1], [8, 8]], // images that a low limit of what can be bound cuts apart
    [11, 4, 4, 3, 5, [3, 3], [1, 1], [1, 1], [4, 4]], // the same, and no vectors
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

export const CHANNEL_WINDOWS = CONVOLUTIONS.map(
  ({ inChannels, outChannels, ...window }): ChannelWindowSizes => ({ ...window, channels: inChannels }),
);

export const positions = (sizes: { batch: number; outHeight: number; outWidth: number }) =>
  sizes.batch * sizes.outHeight * sizes.outWidth;
export const inputLength = (sizes: ChannelWindowSizes) => sizes.batch * sizes.height * sizes.width * sizes.channels;
export const title = (sizes: object) =>
  Object.entries(sizes)
    .map(([name, value]) => `${name} ${typeof value === 'object' ? JSON.stringify(value) : value}`)
    .join(', ');

/** [length, channels] for kernels that go number by number. */
export const LENGTHS = [
  [1, 1],
  [12, 4],
  [35, 7],
  [2 * 9 * 32, 32],
  [1023, 3],
  [4100, 5],
];

export const IMAGES = [
  { batch: 1, height: 4, width: 6, channels: 3, outHeight: 8, outWidth: 12 },
  { batch: 2, height: 9, width: 7, channels: 4, outHeight: 5, outWidth: 3 },
  { batch: 1, height: 1, width: 1, channels: 5, outHeight: 4, outWidth: 3 },
  { batch: 1, height: 13, width: 17, channels: 1, outHeight: 13, outWidth: 17 },
  { batch: 1, height: 30, width: 20, channels: 3, outHeight: 7, outWidth: 64 },
  { batch: 9, height: 8, width: 8, channels: 4, outHeight: 4, outWidth: 8 },
];

/** [rows, columns] for what goes row by row. */
export const ROWS = [
  [1, 1],
  [2, 3],
  [5, 40],
  [3, 1001],
  [70, 4],
  [150, 4],
];

export const PADS = [
  { batch: 1, height: 3, width: 3, channels: 4, outHeight: 4, outWidth: 4, outChannels: 4, top: 0, left: 0 },
  { batch: 2, height: 2, width: 5, channels: 3, outHeight: 5, outWidth: 8, outChannels: 7, top: 2, left: 1 },
  { batch: 1, height: 4, width: 4, channels: 8, outHeight: 4, outWidth: 4, outChannels: 16, top: 0, left: 0 },
  { batch: 1, height: 1, width: 1, channels: 1, outHeight: 1, outWidth: 1, outChannels: 1, top: 0, left: 0 },
  { batch: 3, height: 7, width: 6, channels: 20, outHeight: 9, outWidth: 9, outChannels: 33, top: 1, left: 2 },
  { batch: 7, height: 2, width: 4, channels: 8, outHeight: 4, outWidth: 4, outChannels: 8, top: 1, left: 0 },
];
