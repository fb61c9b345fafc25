/**
 * The contract between tensors and backends: every kernel the engine knows, with its operands and
 * attributes, as types. A backend is a record with one implementation for each name in KernelTable,
 * so the compiler reports a kernel that is missing or that takes other operands.
 *
 * All images are NHWC, all filters HWIO, contiguous, row-major: the notation of the textbook sum
 * Y(i,j,o) = sum over p,q,c of X(i+p, j+q, c) * K(p,q,c,o).
 */
import type { GraphKernelTable } from './graph-kernels';

/** A run of numbers that lives on one backend: float32 on wasm and webgpu, float64 on reference. */
export interface Slot {
  readonly length: number;
}

/**
 * f(z) = min(ceiling, z > 0 ? z : slope * z). One formula covers linear (slope 1), ReLU (slope 0),
 * ReLU6 (slope 0, ceiling 6) and leaky ReLU (slope 0.1, say); no ceiling is Infinity.
 */
export interface Activation {
  readonly slope: number;
  readonly ceiling: number;
}

export const LINEAR: Activation = { slope: 1, ceiling: Number.POSITIVE_INFINITY };
export const RELU: Activation = { slope: 0, ceiling: Number.POSITIVE_INFINITY };
export const RELU6: Activation = { slope: 0, ceiling: 6 };
export const isLinear = ({ slope, ceiling }: Activation): boolean =>
  slope === 1 && ceiling === Number.POSITIVE_INFINITY;

/** A window that slides over an image: input position = output position * stride + offset in the window - padding. */
export interface WindowSizes {
  batch: number;
  height: number;
  width: number;
  outHeight: number;
  outWidth: number;
  filterHeight: number;
  filterWidth: number;
  strideY: number;
  strideX: number;
  /** Rows of zero padding above the image. What lies below follows from outHeight. */
  top: number;
  /** Columns of zero padding left of the image. */
  left: number;
}

export interface Conv2dSizes extends WindowSizes {
  inChannels: number;
  outChannels: number;
}

export interface ChannelWindowSizes extends WindowSizes {
  channels: number;
}

export interface KernelTable extends GraphKernelTable {
  /** activation(conv(input, filter) + bias + residual). input [n,h,w,c], filter [fh,fw,c,o], bias [o], residual and output [n,oh,ow,o]. */
  conv2d: {
    inputs: { input: Slot; filter: Slot; bias?: Slot | undefined; residual?: Slot | undefined };
    outputs: { output: Slot };
    attributes: Conv2dSizes & { activation: Activation };
  };
  /** Each channel with its own filter. input [n,h,w,c], filter [fh,fw,c,1], bias [c], output [n,oh,ow,c]. */
  depthwiseConv2d: {
    inputs: { input: Slot; filter: Slot; bias?: Slot | undefined };
    outputs: { output: Slot };
    attributes: ChannelWindowSizes & { activation: Activation };
  };
  /**
   * activation(left x right + bias). left [rows,inner], right [inner,columns], bias [columns], output [rows,columns].
   * A transposed operand is stored the other way round: left [inner,rows], right [columns,inner].
   */
  matmul: {
    inputs: { left: Slot; right: Slot; bias?: Slot | undefined };
    outputs: { output: Slot };
    attributes: {
      rows: number;
      inner: number;
      columns: number;
      transposeLeft: boolean;
      transposeRight: boolean;
      activation: Activation;
    };
  };
  /** Inference form: (x - mean) / sqrt(variance + epsilon) * gamma + beta, each a vector over the last axis. */
  batchNorm: {
    inputs: { input: Slot; mean: Slot; variance: Slot; gamma: Slot; beta: Slot };
    outputs: { output: Slot };
    attributes: { length: number; channels: number; epsilon: number };
  };
  /** activation(x * scale[c] + shift[c]): dlib's affine layer, and what batch norm folds into. */
  scaleShift: {
    inputs: { input: Slot; scale: Slot; shift: Slot };
    outputs: { output: Slot };
    attributes: { length: number; channels: number; activation: Activation };
  };
  /** f(x) for every number. */
  activation: {
    inputs: { input: Slot };
    outputs: { output: Slot };
    attributes: { length: number; activation: Activation };
  };
  /** x > 0 ? x : slopes[c] * x, the slope a vector over the last axis. */
  prelu: {
    inputs: { input: Slot; slopes: Slot };
    outputs: { output: Slot };
    attributes: { length: number; channels: number };
  };
  /** 1 / (1 + exp(-x)). */
  sigmoid: {
    inputs: { input: Slot };
    outputs: { output: Slot };
    attributes: { length: number };
  };
  /** x * factor + offset. */
  scale: {
    inputs: { input: Slot };
    outputs: { output: Slot };
    attributes: { length: number; factor: number; offset: number };
  };
  /** activation(left[i] + right[i mod rightLength]): the residual add, and a vector added to every position. */
  add: {
    inputs: { left: Slot; right: Slot };
    outputs: { output: Slot };
    attributes: { length: number; rightLength: number; activation: Activation };
  };
  /** left[i] * right[i mod rightLength]. */
  multiply: {
    inputs: { left: Slot; right: Slot };
    outputs: { output: Slot };
    attributes: { length: number; rightLength: number };
  };
  /** Largest value in each window; padding is never the largest. input [n,h,w,c]. */
  maxPool2d: {
    inputs: { input: Slot };
    outputs: { output: Slot };
    attributes: ChannelWindowSizes;
  };
  /**
   * Mean of each window over the positions inside the image: padding does not count. input [n,h,w,c], output
   * [n,oh,ow,outChannels]: channels past those of the input, if outChannels says that there are any, are zero.
   */
  averagePool2d: {
    inputs: { input: Slot };
    outputs: { output: Slot };
    attributes: ChannelWindowSizes & { outChannels?: number | undefined };
  };
  /** Mean over all positions. input [n, positions, c], output [n, c]. */
  globalAveragePool: {
    inputs: { input: Slot };
    outputs: { output: Slot };
    attributes: { batch: number; positions: number; channels: number };
  };
  /** exp(x - max) / sum of the same over each row. */
  softmax: {
    inputs: { input: Slot };
    outputs: { output: Slot };
    attributes: { rows: number; columns: number };
  };
  /** x / max(|x|, epsilon), |x| the Euclidean length of each row. */
  l2Normalize: {
    inputs: { input: Slot };
    outputs: { output: Slot };
    attributes: { rows: number; columns: number; epsilon: number };
  };
  /** The image at (top, left) of a larger one, zeros elsewhere; new channels, also zero, come last. */
  pad: {
    inputs: { input: Slot };
    outputs: { output: Slot };
    attributes: {
      batch: number;
      height: number;
      width: number;
      channels: number;
      outHeight: number;
      outWidth: number;
      outChannels: number;
      top: number;
      left: number;
    };
  };
  /** Joins parts along one axis: part k is [outer, inners[k]], the output [outer, sum of inners]. */
  concat: {
    inputs: { parts: readonly Slot[] };
    outputs: { output: Slot };
    attributes: { outer: number; inners: readonly number[] };
  };
  /**
   * Bilinear resize with half-pixel centres: output pixel j looks at (j + 0.5) * width / outWidth - 0.5,
   * clamped to the image. input [n,h,w,c], output [n,oh,ow,c].
   */
  resizeBilinear: {
    inputs: { input: Slot };
    outputs: { output: Slot };
    attributes: {
      batch: number;
      height: number;
      width: number;
      channels: number;
      outHeight: number;
      outWidth: number;
    };
  };
  /**
   * Bilinear samples of one image [h,w,c] for each of `batch` 2x3 matrices [batch,6]: output pixel (row i, column j)
   * looks at x = m0*j + m1*i + m2, y = m3*j + m4*i + m5 (pixel centres are whole numbers); outside the image is zero.
   * Output [batch, oh, ow, c].
   */
  affineWarp: {
    inputs: { image: Slot; matrices: Slot };
    outputs: { output: Slot };
    attributes: {
      batch: number;
      height: number;
      width: number;
      channels: number;
      outHeight: number;
      outWidth: number;
    };
  };

  // What training needs besides. dX stands for the gradient of the loss with respect to X.

  /**
   * dX[n,y,x,c] = sum over i,j,p,q,o with y = i*stride+p-top, x = j*stride+q-left of dY[n,i,j,o] * K[p,q,c,o], plus the
   * addend: what another reader of X hands back. Addend and output [n,h,w,c].
   */
  conv2dInputGradient: {
    inputs: { outputGradient: Slot; filter: Slot; addend?: Slot | undefined };
    outputs: { output: Slot };
    attributes: Conv2dSizes;
  };
  /** dK[p,q,c,o] = sum over n,i,j of X[n, i*stride+p-top, j*stride+q-left, c] * dY[n,i,j,o]. Output [fh,fw,c,o]. */
  conv2dFilterGradient: {
    inputs: { input: Slot; outputGradient: Slot };
    outputs: { output: Slot };
    attributes: Conv2dSizes;
  };
  /** The same for each channel with its own filter [fh,fw,c,1]. Output [n,h,w,c]. */
  depthwiseConv2dInputGradient: {
    inputs: { outputGradient: Slot; filter: Slot };
    outputs: { output: Slot };
    attributes: ChannelWindowSizes;
  };
  /** Output [fh,fw,c,1]. */
  depthwiseConv2dFilterGradient: {
    inputs: { input: Slot; outputGradient: Slot };
    outputs: { output: Slot };
    attributes: ChannelWindowSizes;
  };
  /** Sum over all rows of [length / channels, channels]: the gradient of a bias. Output [channels]; channels 1 sums everything. */
  channelSums: {
    inputs: { input: Slot };
    outputs: { output: Slot };
    attributes: { length: number; channels: number };
  };
  /** Mean of each channel over all rows, then the variance (divided by the count, not by one less). Output [2,channels]. */
  channelMoments: {
    inputs: { input: Slot };
    outputs: { output: Slot };
    attributes: { length: number; channels: number };
  };
  /**
   * activation(xhat * gamma + beta + residual) with xhat = (x - mean) / sqrt(variance + epsilon), moments [2,channels]:
   * mean, variance. The residual is as long as the input.
   */
  batchNormTraining: {
    inputs: { input: Slot; moments: Slot; gamma: Slot; beta: Slot; residual?: Slot | undefined };
    outputs: { output: Slot };
    attributes: { length: number; channels: number; epsilon: number; activation: Activation };
  };
  /**
   * The gradients of beta and gamma, [channels] each: sums over the rows of dY and of dY * xhat.
   *
   * `activated` is y = f(z), f the activation that follows the norm, whose gradient is not yet in dY: where it is
   * given, dY stands for dY * f'(z). That is told from y as well as from z where slope >= 0 and ceiling > 0 (only then
   * may it be given), for f then keeps apart what f' tells apart: z > 0 gives y = min(ceiling, z) > 0, and z <= 0 gives
   * y = slope * z <= 0; z >= ceiling gives y = ceiling, and z below gives y below.
   */
  batchNormSums: {
    inputs: { input: Slot; outputGradient: Slot; moments: Slot; activated?: Slot | undefined };
    outputs: { betaGradient: Slot; gammaGradient: Slot };
    attributes: { length: number; channels: number; epsilon: number; activation: Activation };
  };
  /**
   * dX = gamma / sqrt(variance + epsilon) * (dY - dBeta / rows - xhat * dGamma / rows), dBeta and dGamma as
   * batchNormSums gives them; `activated` as there.
   */
  batchNormInputGradient: {
    inputs: {
      input: Slot;
      outputGradient: Slot;
      moments: Slot;
      gamma: Slot;
      betaGradient: Slot;
      gammaGradient: Slot;
      activated?: Slot | undefined;
    };
    outputs: { output: Slot };
    attributes: { length: number; channels: number; epsilon: number; activation: Activation };
  };
  /** dX = dY * f'(x): 1 where 0 < x < ceiling, slope where x <= 0, 0 where x >= ceiling. */
  activationGradient: {
    inputs: { input: Slot; outputGradient: Slot };
    outputs: { output: Slot };
    attributes: { length: number; activation: Activation };
  };
  /** dX = dY where x > 0, slopes[c] * dY elsewhere. */
  preluInputGradient: {
    inputs: { input: Slot; slopes: Slot; outputGradient: Slot };
    outputs: { output: Slot };
    attributes: { length: number; channels: number };
  };
  /** dSlopes[c] = sum over the rows with x <= 0 of x * dY. Output [channels]. */
  preluSlopesGradient: {
    inputs: { input: Slot; outputGradient: Slot };
    outputs: { output: Slot };
    attributes: { length: number; channels: number };
  };
  /** dX = dY * y * (1 - y), y the sigmoid's output. */
  sigmoidGradient: {
    inputs: { output: Slot; outputGradient: Slot };
    outputs: { output: Slot };
    attributes: { length: number };
  };
  /** dX: each window's dY goes to the first of its largest positions, row by row. Output [n,h,w,c]. */
  maxPool2dGradient: {
    inputs: { input: Slot; outputGradient: Slot };
    outputs: { output: Slot };
    attributes: ChannelWindowSizes;
  };
  /** dX: each window's dY is shared equally by its positions inside the image. Output [n,h,w,c]. */
  averagePool2dGradient: {
    inputs: { outputGradient: Slot };
    outputs: { output: Slot };
    attributes: ChannelWindowSizes;
  };
  /** dX[n,position,c] = dY[n,c] / positions. */
  globalAveragePoolGradient: {
    inputs: { outputGradient: Slot };
    outputs: { output: Slot };
    attributes: { batch: number; positions: number; channels: number };
  };
  /** dX[r,c] = y[r,c] * (dY[r,c] - sum over k of dY[r,k] * y[r,k]), y the softmax's output. */
  softmaxGradient: {
    inputs: { output: Slot; outputGradient: Slot };
    outputs: { output: Slot };
    attributes: { rows: number; columns: number };
  };
  /**
   * loss[r] = -sum over k of t[r,k] * log softmax(logits)[r,k], computed as log(sum e^(z - max)) + max - sum t * z.
   * The target t is 1 - smoothing at the label (a whole number stored as a float) plus smoothing / columns everywhere.
   * logits [rows,columns], labels [rows], output [rows].
   */
  softmaxCrossEntropy: {
    inputs: { logits: Slot; labels: Slot };
    outputs: { output: Slot };
    attributes: { rows: number; columns: number; smoothing: number };
  };
  /** dZ[r,k] = dLoss[r] * (softmax(logits)[r,k] - t[r,k]). outputGradient [rows], output [rows,columns]. */
  softmaxCrossEntropyGradient: {
    inputs: { logits: Slot; labels: Slot; outputGradient: Slot };
    outputs: { output: Slot };
    attributes: { rows: number; columns: number; smoothing: number };
  };
  /**
   * 1 for each row whose logit at the label is larger than every other, else 0: where two are equally large, or one is
   * not a number, too. logits [rows,columns], labels [rows], whole numbers stored as floats, output [rows].
   */
  rightAnswers: {
    inputs: { logits: Slot; labels: Slot };
    outputs: { output: Slot };
    attributes: { rows: number; columns: number };
  };
  /** With n = |x| of the row: dX = (dY - y * sum(dY * y)) / n where n > epsilon, dY / epsilon elsewhere. */
  l2NormalizeGradient: {
    inputs: { input: Slot; outputGradient: Slot };
    outputs: { output: Slot };
    attributes: { rows: number; columns: number; epsilon: number };
  };
  /** The input again and again: output[i] = input[i mod inputLength]. */
  repeat: {
    inputs: { input: Slot };
    outputs: { output: Slot };
    attributes: { length: number; inputLength: number };
  };
  /** output[o,i] = input[o, start + i] for i below inner; input [outer,total]: the gradient of a part of concat. */
  slice: {
    inputs: { input: Slot };
    outputs: { output: Slot };
    attributes: { outer: number; total: number; start: number; inner: number };
  };
  /** Undoes pad: output[n,i,j,c] = input[n, i+top, j+left, c]. input [n,outHeight,outWidth,outChannels], output [n,h,w,c]. */
  crop: {
    inputs: { input: Slot };
    outputs: { output: Slot };
    attributes: KernelTable['pad']['attributes'];
  };
  /** left * leftFactor + right * rightFactor, number by number: averages that move. */
  combine: {
    inputs: { left: Slot; right: Slot };
    outputs: { output: Slot };
    attributes: { length: number; leftFactor: number; rightFactor: number };
  };
  /** numerator / (sqrt(square) + epsilon). */
  divideByRoot: {
    inputs: { numerator: Slot; square: Slot };
    outputs: { output: Slot };
    attributes: { length: number; epsilon: number };
  };

  // What ends a training step. These change numbers in place: their outputs are read, too (see isUpdate).

  /**
   * PyTorch's SGD without dampening. With g = gradientFactor * gradient + weightDecay * parameter:
   *   velocity = momentum * velocity + g
   *   parameter = parameter - rate * (nesterov ? g + momentum * velocity : velocity)
   * Without a velocity the parameter goes along g itself.
   */
  sgdStep: {
    inputs: { gradient: Slot };
    outputs: { parameter: Slot; velocity?: Slot | undefined };
    attributes: {
      length: number;
      /** Takes back what the loss was scaled by; 1 where it was not. */
      gradientFactor: number;
      rate: number;
      momentum: number;
      weightDecay: number;
      nesterov: boolean;
    };
  };
  /**
   * AdamW, the corrections of bias inside rate and epsilon, decay inside shrink. With g = gradientFactor * gradient:
   *   mean = beta1 * mean + (1 - beta1) * g
   *   square = beta2 * square + (1 - beta2) * g^2
   *   parameter = parameter * shrink - rate * mean / (sqrt(square) + epsilon)
   */
  adamStep: {
    inputs: { gradient: Slot };
    outputs: { parameter: Slot; mean: Slot; square: Slot };
    attributes: {
      length: number;
      /** As in sgdStep. */
      gradientFactor: number;
      beta1: number;
      beta2: number;
      rate: number;
      epsilon: number;
      shrink: number;
    };
  };
  /**
   * Running averages of the moments [2,channels] of batches:
   *   mean = (1 - momentum) * mean + momentum * moments[0]
   *   variance = (1 - momentum) * variance + momentum * unbiased * moments[1]
   * where unbiased = count / (count - 1) makes the variance of `count` numbers that of what they are drawn from.
   */
  updateMoments: {
    inputs: { moments: Slot };
    outputs: { mean: Slot; variance: Slot };
    attributes: { channels: number; momentum: number; unbiased: number };
  };
}

export type KernelName = keyof KernelTable;

/** One call of kernel K, or of any kernel: a union that its name discriminates. */
export type KernelCall<K extends KernelName = KernelName> = {
  [N in K]: { kernel: N } & KernelTable[N];
}[K];

/** Every slot that a call reads, in the order of its operands. */
export const inputSlots = (call: KernelCall): Slot[] =>
  Object.values<Slot | readonly Slot[] | undefined>(call.inputs).flatMap((slots) => slots ?? []);

/** Every slot that a call writes. */
export const outputSlots = (call: KernelCall): Slot[] =>
  Object.values<Slot | undefined>(call.outputs).flatMap((slot) => slot ?? []);

/** Calls that change numbers in place; all others write slots whose former contents do not matter. */
export type UpdateCall = KernelCall<'sgdStep' | 'adamStep' | 'updateMoments'>;
export const isUpdate = (call: KernelCall): call is UpdateCall =>
  call.kernel === 'sgdStep' || call.kernel === 'adamStep' || call.kernel === 'updateMoments';

/**
 * Attributes that may differ from one run of a program to the next: numbers that are computed with, as learning rates
 * are, and that decide neither a size nor which code runs.
 */
export const SCALARS: { readonly [K in KernelName]?: readonly (keyof KernelTable[K]['attributes'])[] } = {
  scale: ['factor', 'offset'],
  combine: ['leftFactor', 'rightFactor'],
  sgdStep: ['gradientFactor', 'rate'],
  adamStep: ['gradientFactor', 'rate', 'epsilon', 'shrink'],
};
