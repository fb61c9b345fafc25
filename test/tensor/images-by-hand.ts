import {
  affineWarp,
  averagePool2d,
  conv2d,
  depthwiseConv2d,
  globalAveragePool,
  maxPool2d,
  pad,
  resizeBilinear,
  type Shape,
} from '../../src/tensor/index';
import type { ByHand } from './by-hand';
import type { Operation } from './exports';

/** 3x3 pixels, 1 to 9, one channel; its windows of 2x2 sum to 12, 16, 24, 28. */
const SQUARE: Shape = [1, 3, 3, 1];
const ONES: readonly number[] = [1, 1, 1, 1];

/** The operations that look at images. */
export const IMAGES = {
  conv2d: {
    cases: [
      {
        title: 'valid: the sums of the windows',
        apply: (make) => conv2d(make(SQUARE), make([2, 2, 1, 1], ONES), { padding: 'valid' }),
        shape: [1, 2, 2, 1],
        values: [12, 16, 24, 28],
      },
      {
        title: 'no filter is turned around: X(i+p, j+q) K(p, q)',
        apply: (make) => conv2d(make(SQUARE), make([2, 2, 1, 1], [1, 10, 100, 1000]), { padding: 'valid' }),
        shape: [1, 2, 2, 1],
        values: [5421, 6532, 8754, 9865],
      },
      {
        title: 'same: the odd zeros below and right',
        apply: (make) => conv2d(make(SQUARE), make([2, 2, 1, 1], ONES)),
        shape: [1, 3, 3, 1],
        values: [12, 16, 9, 24, 28, 15, 15, 17, 9],
      },
      {
        title: 'same, 3x3: a zero on every side',
        apply: (make) => conv2d(make(SQUARE), make([3, 3, 1, 1], [1, 1, 1, 1, 1, 1, 1, 1, 1])),
        shape: [1, 3, 3, 1],
        values: [12, 21, 16, 27, 45, 33, 24, 39, 28],
      },
      {
        title: 'same, stride 2 on an odd side: zeros on both sides',
        apply: (make) => conv2d(make(SQUARE), make([3, 3, 1, 1], [1, 1, 1, 1, 1, 1, 1, 1, 1]), { stride: 2 }),
        shape: [1, 2, 2, 1],
        values: [12, 16, 24, 28],
      },
      {
        title: 'same, stride 2 on an even side: zeros below and right only',
        apply: (make) => conv2d(make([1, 4, 4, 1]), make([3, 3, 1, 1], [1, 1, 1, 1, 1, 1, 1, 1, 1]), { stride: 2 }),
        shape: [1, 2, 2, 1],
        values: [54, 45, 72, 54], // 1+2+3+5+6+7+9+10+11, 3+4+7+8+11+12, 9+10+11+13+14+15, 11+12+15+16
      },
      {
        title: 'valid, stride 2 on an even side: the last column is not looked at',
        apply: (make) =>
          conv2d(make([1, 4, 4, 1]), make([3, 3, 1, 1], [1, 1, 1, 1, 1, 1, 1, 1, 1]), { stride: 2, padding: 'valid' }),
        shape: [1, 1, 1, 1],
        values: [54],
      },
      {
        title: 'explicit zeros and two strides',
        apply: (make) =>
          conv2d(make(SQUARE), make([2, 2, 1, 1], ONES), {
            stride: [1, 2],
            padding: { top: 1, bottom: 0, left: 0, right: 1 },
          }),
        shape: [1, 3, 2, 1],
        values: [3, 3, 12, 9, 24, 15],
      },
      {
        title: 'channels are summed, filters and bias are per output channel, images are apart',
        apply: (make) =>
          conv2d(make([2, 1, 1, 2]), make([1, 1, 2, 3], [1, 2, 3, 10, 20, 30]), { bias: make([3], [100, 200, 300]) }),
        shape: [2, 1, 1, 3],
        values: [121, 242, 363, 143, 286, 429],
      },
    ],
    refusals: [
      {
        apply: (make) => conv2d(make([3, 3, 1]), make([2, 2, 1, 1])),
        says: 'conv2d: input [3,3,1] has 3 axes, expected [batch, height, width, channels]',
      },
      {
        apply: (make) => conv2d(make(SQUARE), make([2, 2])),
        says: 'conv2d: filter [2,2] has 2 axes, expected [height, width, inChannels, outChannels]',
      },
      {
        apply: (make) => conv2d(make([8, 4, 4, 16]), make([3, 3, 3, 64])),
        says: 'conv2d: input [8,4,4,16] has 16 channels, the filter [3,3,3,64] expects 3',
      },
      {
        apply: (make) => conv2d(make(SQUARE), make([2, 2, 1, 3]), { bias: make([1]) }),
        says: 'conv2d: bias [1] does not fit the 3 channels of the output',
      },
      {
        apply: (make) => conv2d(make(SQUARE), make([2, 2, 1, 1]), { stride: 0 }),
        says: 'conv2d: stride 0 is not a positive whole number',
      },
      {
        apply: (make) => conv2d(make(SQUARE), make([2, 2, 1, 1]), { stride: [1, 1.5] }),
        says: 'conv2d: stride 1.5 is not a positive whole number',
      },
      {
        apply: (make) => conv2d(make(SQUARE), make([4, 2, 1, 1]), { padding: 'valid' }),
        says: 'conv2d: a window of 4 does not fit into image [3,3] padded by 0 + 0',
      },
      {
        apply: (make) =>
          conv2d(make(SQUARE), make([2, 6, 1, 1]), { padding: { top: 0, bottom: 0, left: 1, right: 1 } }),
        says: 'conv2d: a window of 6 does not fit into image [3,3] padded by 1 + 1',
      },
      {
        apply: (make) =>
          conv2d(make(SQUARE), make([2, 2, 1, 1]), { padding: { top: -1, bottom: 0, left: 0, right: 0 } }),
        says: 'conv2d: padding of -1 is not a whole number from 0',
      },
      {
        apply: (make) =>
          conv2d(make(SQUARE), make([2, 2, 1, 1]), { padding: { top: 0, bottom: 0, left: 0.5, right: 0 } }),
        says: 'conv2d: padding of 0.5 is not a whole number from 0',
      },
    ],
  },
  depthwiseConv2d: {
    cases: [
      {
        title: 'each channel with its own filter',
        apply: (make) =>
          depthwiseConv2d(make([1, 2, 2, 2]), make([2, 2, 2, 1], [1, 0, 10, 0, 100, 0, 1000, 1]), { padding: 'valid' }),
        shape: [1, 1, 1, 2],
        values: [7531, 8], // channel 0 is 1 3 5 7, channel 1 is 2 4 6 8
      },
      {
        title: 'same, stride 2, bias',
        apply: (make) => depthwiseConv2d(make(SQUARE), make([2, 2, 1, 1], ONES), { stride: 2, bias: make([1], [0.5]) }),
        shape: [1, 2, 2, 1],
        values: [12.5, 9.5, 15.5, 9.5],
      },
    ],
    refusals: [
      {
        apply: (make) => depthwiseConv2d(make([9]), make([2, 2, 1, 1])),
        says: 'depthwiseConv2d: input [9] has 1 axes, expected [batch, height, width, channels]',
      },
      {
        apply: (make) => depthwiseConv2d(make(SQUARE), make([2, 2, 1])),
        says: 'depthwiseConv2d: filter [2,2,1] has 3 axes, expected [height, width, channels, 1]',
      },
      {
        apply: (make) => depthwiseConv2d(make([1, 2, 2, 4]), make([2, 2, 4, 2])),
        says: 'depthwiseConv2d: input [1,2,2,4] needs a filter [height,width,4,1], not [2,2,4,2]',
      },
      {
        apply: (make) => depthwiseConv2d(make([1, 2, 2, 4]), make([2, 2, 4, 1]), { bias: make([2]) }),
        says: 'depthwiseConv2d: bias [2] does not fit 4 channels',
      },
      {
        apply: (make) => depthwiseConv2d(make(SQUARE), make([5, 5, 1, 1]), { padding: 'valid' }),
        says: 'depthwiseConv2d: a window of 5 does not fit into image [3,3] padded by 0 + 0',
      },
    ],
  },
  maxPool2d: {
    cases: [
      {
        title: 'windows side by side unless told otherwise',
        apply: (make) => maxPool2d(make([1, 2, 4, 1]), { size: 2 }),
        shape: [1, 1, 2, 1],
        values: [6, 8],
      },
      {
        title: 'overlapping',
        apply: (make) => maxPool2d(make(SQUARE), { size: 2, stride: 1 }),
        shape: [1, 2, 2, 1],
        values: [5, 6, 8, 9],
      },
      {
        title: 'padding is never the largest; channels are apart',
        apply: (make) => maxPool2d(make([1, 1, 3, 2], [-1, -2, -3, -4, -5, -6]), { size: [1, 2], padding: 'same' }),
        shape: [1, 1, 2, 2],
        values: [-1, -2, -5, -6],
      },
    ],
    refusals: [
      {
        apply: (make) => maxPool2d(make([3, 3]), { size: 2 }),
        says: 'maxPool2d: input [3,3] has 2 axes, expected [batch, height, width, channels]',
      },
      {
        apply: (make) => maxPool2d(make(SQUARE), { size: [2, 4] }),
        says: 'maxPool2d: a window of 4 does not fit into image [3,3] padded by 0 + 0',
      },
    ],
  },
  averagePool2d: {
    cases: [
      {
        title: 'the means of the windows',
        apply: (make) => averagePool2d(make(SQUARE), { size: 2, stride: 1 }),
        shape: [1, 2, 2, 1],
        values: [3, 4, 6, 7],
      },
      {
        title: 'padding does not count',
        apply: (make) => averagePool2d(make(SQUARE), { size: 2, padding: 'same' }),
        shape: [1, 2, 2, 1],
        values: [3, 4.5, 7.5, 9],
      },
    ],
    refusals: [
      {
        apply: (make) => averagePool2d(make(SQUARE), { size: 2, stride: -1 }),
        says: 'averagePool2d: stride -1 is not a positive whole number',
      },
      {
        apply: (make) => averagePool2d(make(SQUARE), { size: 7 }),
        says: 'averagePool2d: a window of 7 does not fit into image [3,3] padded by 0 + 0',
      },
    ],
  },
  globalAveragePool: {
    cases: [
      {
        title: 'per image and channel',
        apply: (make) => globalAveragePool(make([2, 1, 2, 2])),
        shape: [2, 2],
        values: [2, 3, 6, 7],
      },
    ],
    refusals: [
      {
        apply: (make) => globalAveragePool(make([2, 2])),
        says: 'globalAveragePool: input [2,2] has 2 axes, expected [batch, height, width, channels]',
      },
    ],
  },
  pad: {
    cases: [
      {
        title: 'zeros around the image',
        apply: (make) => pad(make([1, 1, 2, 1]), { top: 1, left: 1, right: 2 }),
        shape: [1, 2, 5, 1],
        values: [0, 0, 0, 0, 0, 0, 1, 2, 0, 0],
      },
      {
        title: 'below, and channels of zeros after the last',
        apply: (make) => pad(make([2, 1, 1, 1]), { bottom: 1, channels: 1 }),
        shape: [2, 2, 1, 2],
        values: [1, 0, 0, 0, 2, 0, 0, 0],
      },
      { title: 'nothing', apply: (make) => pad(make([1, 1, 2, 1]), {}), shape: [1, 1, 2, 1], values: [1, 2] },
    ],
    refusals: [
      { apply: (make) => pad(make(SQUARE), { top: -1 }), says: 'pad: cannot pad [1,3,3,1] by -1' },
      { apply: (make) => pad(make(SQUARE), { channels: 0.5 }), says: 'pad: cannot pad [1,3,3,1] by 0.5' },
      {
        apply: (make) => pad(make([3]), {}),
        says: 'pad: input [3] has 1 axes, expected [batch, height, width, channels]',
      },
    ],
  },
  resizeBilinear: {
    cases: [
      {
        title: 'twice as wide: pixels between, edges repeated',
        apply: (make) => resizeBilinear(make([1, 1, 2, 1], [0, 4]), 1, 4),
        shape: [1, 1, 4, 1],
        values: [0, 1, 3, 4], // at -0.25, 0.25, 0.75, 1.25
      },
      {
        title: 'half as high: the mean of two rows',
        apply: (make) => resizeBilinear(make([1, 2, 1, 2]), 1, 1),
        shape: [1, 1, 1, 2],
        values: [2, 3],
      },
    ],
    refusals: [
      {
        apply: (make) => resizeBilinear(make([3, 3]), 1, 1),
        says: 'resizeBilinear: input [3,3] has 2 axes, expected [batch, height, width, channels]',
      },
      {
        apply: (make) => resizeBilinear(make(SQUARE), 1.5, 1),
        says: 'resizeBilinear: [1,1.5,1,1] is no shape; every side must be a whole number',
      },
    ],
  },
  affineWarp: {
    cases: [
      {
        title: 'identity; then half a pixel right and one down: outside is zero',
        apply: (make) => affineWarp(make([1, 2, 2, 1]), make([2, 6], [1, 0, 0, 0, 1, 0, 1, 0, 0.5, 0, 1, 1]), 2, 2),
        shape: [2, 2, 2, 1],
        values: [1, 2, 3, 4, 3.5, 2, 0, 0],
      },
      {
        title: 'x = column of the output goes into y: turned',
        apply: (make) => affineWarp(make([1, 2, 2, 1]), make([1, 6], [0, 1, 0, 1, 0, 0]), 2, 2),
        shape: [1, 2, 2, 1],
        values: [1, 3, 2, 4],
      },
    ],
    refusals: [
      {
        apply: (make) => affineWarp(make([2, 2]), make([1, 6]), 1, 1),
        says: 'affineWarp: image [2,2] has 2 axes, expected [1, height, width, channels]',
      },
      {
        apply: (make) => affineWarp(make([2, 2, 2, 1]), make([1, 6]), 1, 1),
        says: 'affineWarp: image [2,2,2,1] is a batch of 2, expected one',
      },
      {
        apply: (make) => affineWarp(make([1, 2, 2, 1]), make([2, 3]), 1, 1),
        says: 'affineWarp: matrices [2,3], expected [count,6]',
      },
    ],
  },
} satisfies Partial<Record<Operation, ByHand>>;
