import {
  add,
  averagePool2d,
  batchNorm,
  batchNormTraining,
  combine,
  concat,
  conv2d,
  depthwiseConv2d,
  dropout,
  globalAveragePool,
  l2Normalize,
  leakyRelu,
  matmul,
  maxPool2d,
  mean,
  multiply,
  type Padding,
  pad,
  prelu,
  type Random,
  random,
  relu,
  relu6,
  type Shape,
  scale,
  scaleShift,
  sigmoid,
  slice,
  softmax,
  softmaxCrossEntropy,
  sum,
  Tensor,
} from '../../src/tensor/index';
import type { Differentiable } from './exports';

/** One random use of an operation: shapes of the inputs to differentiate by, and what is made of such inputs. */
export interface Use {
  inputs: Shape[];
  apply(inputs: Tensor[]): Tensor;
}

/** Draws a use; every draw has other shapes. */
export type Check = (draw: Random) => Use;

const upTo = (draw: Random, largest: number) => 1 + draw.below(largest);
const anyShape = (draw: Random): Shape => Array.from({ length: upTo(draw, 4) }, () => upTo(draw, 4));
const image = (draw: Random): Shape => [upTo(draw, 2), 2 + upTo(draw, 4), 2 + upTo(draw, 4), upTo(draw, 3)];
const channelsOf = (shape: Shape): Shape => [shape[shape.length - 1]];
const normals = (draw: Random, count: number) => Array.from({ length: count }, () => draw.normal());
const constant = (like: Tensor, values: readonly number[]) => Tensor.from(like.backend, values);

const ofOne =
  (apply: (input: Tensor) => Tensor): Check =>
  (draw) => ({ inputs: [anyShape(draw)], apply: ([input]) => apply(input) });

/** Strides of 1 to 3, every kind of padding. A window is never larger than the image. */
const window = (draw: Random) => {
  const sides = { top: draw.below(2), bottom: draw.below(3), left: draw.below(2), right: draw.below(3) };
  const paddings: Padding[] = ['same', 'valid', sides];
  return {
    size: [upTo(draw, 3), upTo(draw, 3)] as const,
    stride: [upTo(draw, 3), upTo(draw, 3)] as const,
    padding: paddings[draw.below(3)],
  };
};

/** Padding stays below the window, so that every window holds a pixel. */
const pooling = (draw: Random) => {
  const { size, stride, padding } = window(draw);
  return {
    size: [size[0] + 1, size[1] + 1] as const,
    stride,
    padding: typeof padding === 'string' ? padding : ('same' as const),
  };
};

/** `right` has the shape of `left`, or of its last axes, or is one number. */
const repeated =
  (apply: (left: Tensor, right: Tensor) => Tensor): Check =>
  (draw) => {
    const left = anyShape(draw);
    return { inputs: [left, left.slice(draw.below(left.length + 1))], apply: ([l, r]) => apply(l, r) };
  };

const product =
  (transposeLeft: boolean, transposeRight: boolean): Check =>
  (draw) => {
    const [rows, inner, columns] = [upTo(draw, 4), upTo(draw, 4), upTo(draw, 4)];
    const left = transposeLeft ? [inner, rows] : [rows, inner];
    const right = transposeRight ? [columns, inner] : [inner, columns];
    const bias = draw.below(2) === 0 ? [[columns]] : [];
    return {
      inputs: [left, right, ...bias],
      apply: ([l, r, b]) => matmul(l, r, b, { transposeLeft, transposeRight }),
    };
  };

const withChannels =
  (vectors: number, apply: (inputs: Tensor[]) => Tensor): Check =>
  (draw) => {
    const shape = [upTo(draw, 4), ...anyShape(draw)];
    return { inputs: [shape, ...new Array<Shape>(vectors).fill(channelsOf(shape))], apply };
  };

/** For every operation that has a gradient, uses of it. An operation without a row does not compile. */
export const CHECKS: Record<Differentiable, Check[]> = {
  relu: [ofOne(relu)],
  relu6: [ofOne((input) => relu6(scale(input, 5)))],
  leakyRelu: [ofOne((input) => leakyRelu(input, 0.1))],
  sigmoid: [ofOne(sigmoid)],
  prelu: [withChannels(1, ([input, slopes]) => prelu(input, slopes))],
  add: [repeated(add), ofOne((input) => add(input, input))],
  multiply: [repeated(multiply), ofOne((input) => multiply(input, input))],
  scale: [ofOne((input) => scale(input, -1.5, 3))],
  combine: [
    (draw) => {
      const shape = anyShape(draw);
      return { inputs: [shape, shape], apply: ([left, right]) => combine(left, 0.9, right, -0.3) };
    },
  ],
  sum: [ofOne(sum)],
  mean: [ofOne(mean)],
  softmax: [ofOne(softmax)],
  // Rows longer than epsilon, and rows that are all shorter.
  l2Normalize: [ofOne((input) => l2Normalize(input)), ofOne((input) => l2Normalize(input, 100))],
  dropout: [ofOne((input) => dropout(input, 0.4, random(7)))],
  matmul: [product(false, false), product(false, true), product(true, false), product(true, true)],
  scaleShift: [withChannels(2, ([input, factors, shift]) => scaleShift(input, factors, shift))],
  batchNorm: [
    (draw) => {
      const shape = anyShape(draw);
      const [channels] = channelsOf(shape);
      const means = normals(draw, channels);
      const variances = normals(draw, channels).map((x) => x * x);
      return {
        inputs: [shape, [channels], [channels]],
        apply: ([input, gamma, beta]) =>
          batchNorm(input, { mean: constant(input, means), variance: constant(input, variances), gamma, beta }, 0.1),
      };
    },
  ],
  batchNormTraining: [withChannels(2, ([input, gamma, beta]) => batchNormTraining(input, gamma, beta, 0.1).output)],
  softmaxCrossEntropy: [0, 0.1].map((smoothing) => (draw) => {
    const [rows, columns] = [upTo(draw, 4), upTo(draw, 5)];
    const labels = Array.from({ length: rows }, () => draw.below(columns));
    return {
      inputs: [[rows, columns]],
      apply: ([logits]) => softmaxCrossEntropy(logits, constant(logits, labels), { smoothing }),
    };
  }),
  conv2d: [false, true].map((biased) => (draw) => {
    const input = image(draw);
    const { size, stride, padding } = window(draw);
    const outChannels = upTo(draw, 4);
    return {
      inputs: [input, [...size, input[3], outChannels], ...(biased ? [[outChannels]] : [])],
      apply: ([x, filter, bias]) => conv2d(x, filter, { stride, padding, bias }),
    };
  }),
  depthwiseConv2d: [false, true].map((biased) => (draw) => {
    const input = image(draw);
    const { size, stride, padding } = window(draw);
    return {
      inputs: [input, [...size, input[3], 1], ...(biased ? [channelsOf(input)] : [])],
      apply: ([x, filter, bias]) => depthwiseConv2d(x, filter, { stride, padding, bias }),
    };
  }),
  maxPool2d: [
    (draw) => {
      const options = pooling(draw);
      return { inputs: [image(draw)], apply: ([input]) => maxPool2d(input, options) };
    },
  ],
  averagePool2d: [
    (draw) => {
      const options = pooling(draw);
      return { inputs: [image(draw)], apply: ([input]) => averagePool2d(input, options) };
    },
  ],
  globalAveragePool: [(draw) => ({ inputs: [image(draw)], apply: ([input]) => globalAveragePool(input) })],
  pad: [
    (draw) => {
      const [top, bottom, left, right, channels] = Array.from({ length: 5 }, () => draw.below(3));
      return { inputs: [image(draw)], apply: ([input]) => pad(input, { top, bottom, left, right, channels }) };
    },
  ],
  concat: [
    (draw) => {
      const shape = anyShape(draw);
      const axis = draw.below(shape.length);
      return {
        inputs: Array.from({ length: upTo(draw, 3) }, () => shape.with(axis, upTo(draw, 3))),
        apply: (parts) => concat(parts, axis),
      };
    },
  ],
  slice: [
    (draw) => {
      const shape = anyShape(draw);
      const axis = draw.below(shape.length);
      const start = draw.below(shape[axis]);
      const length = upTo(draw, shape[axis] - start);
      return { inputs: [shape], apply: ([input]) => slice(input, axis, start, length) };
    },
  ],
};
