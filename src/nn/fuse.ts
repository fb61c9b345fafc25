import type { Backend } from '../kernels/backend';
import { inputSlots, isLinear, type KernelCall, LINEAR, outputSlots, type Slot } from '../kernels/kernel';

/** Calls in which every slot is written once. Slots that no call writes are constants, `inputs` excepted. */
export interface Trace {
  calls: readonly KernelCall[];
  inputs: readonly Slot[];
  outputs: readonly Slot[];
}

/** A vector on the host: float64, so that folding a chain of norms rounds once. */
type Vector = Float64Array;

/** Of an image as it comes: what is put before its first convolution is folded into that. */
const MOST_IMAGE_CHANNELS = 4;

type WeightedCall = KernelCall<'conv2d' | 'depthwiseConv2d' | 'matmul'>;
const isWeighted = (call: KernelCall): call is WeightedCall =>
  call.kernel === 'conv2d' || call.kernel === 'depthwiseConv2d' || call.kernel === 'matmul';

const hasActivation = (call: KernelCall): call is WeightedCall | KernelCall<'add' | 'scaleShift'> =>
  isWeighted(call) || call.kernel === 'add' || call.kernel === 'scaleShift';

const outputChannels = (call: WeightedCall): number =>
  call.kernel === 'conv2d'
    ? call.attributes.outChannels
    : call.kernel === 'matmul'
      ? call.attributes.columns
      : call.attributes.channels;

const residualOf = (call: KernelCall) => (call.kernel === 'conv2d' ? call.inputs.residual : undefined);

/**
 * Makes fewer calls that compute the same numbers, out of the trace's own call objects. A norm, or any scale and shift
 * by constants, that follows a convolution or dense layer becomes part of its weights and bias:
 *   (sum of x * K[...,o] + b[o]) * scale[o] + shift[o] = sum of x * (K[...,o] * scale[o]) + (b[o] * scale[o] + shift[o]);
 * a residual add becomes the convolution's residual operand, and an activation part of the call before it.
 *
 * Weights are millions of numbers and are scaled on the backend; vectors are read and computed here.
 *
 * @param allocate makes the slots of new constants, on the backend; the caller frees them
 */
export async function fuse(
  backend: Backend,
  { calls, inputs, outputs }: Trace,
  allocate: (length: number) => Slot,
): Promise<KernelCall[]> {
  const written = new Set(calls.flatMap(outputSlots));
  const isConstant = (slot: Slot) => !inputs.includes(slot) && !written.has(slot);

  const readers = new Map<Slot, number>();
  for (const slot of [...calls.flatMap(inputSlots), ...outputs]) readers.set(slot, (readers.get(slot) ?? 0) + 1);

  const fused: KernelCall[] = [];
  const vectors = new Map<Slot, Vector>();
  const valuesOf = async (slot: Slot): Promise<Vector> =>
    vectors.get(slot) ?? Float64Array.from(await backend.read(slot));
  const make = (values: Vector): Slot => {
    const slot = allocate(values.length);
    backend.write(slot, values);
    vectors.set(slot, values);
    return slot;
  };
  /** Weights have the output channel as their last axis (a depthwise filter [fh,fw,c,1] its only one). */
  const scaled = (weights: Slot, scale: Vector): Slot => {
    const factors = allocate(scale.length);
    backend.write(factors, scale);
    const output = allocate(weights.length);
    const attributes = { length: weights.length, rightLength: scale.length };
    backend.run({ kernel: 'multiply', inputs: { left: weights, right: factors }, outputs: { output }, attributes });
    return output;
  };

  /** The place in `fused` of the call that wrote the slot, if nobody else reads it and its activation is linear. */
  const mergeable = (slot: Slot): number => {
    if (readers.get(slot) !== 1) return -1;
    return fused.findIndex(
      (call) => hasActivation(call) && call.outputs.output === slot && isLinear(call.attributes.activation),
    );
  };

  /**
   * Scale and shift per channel, where the call is nothing more than that, by constants.
   * @param channels how many, for a call that treats all alike
   */
  async function asScaleShift(
    call: KernelCall,
    channels?: number,
  ): Promise<{ source: Slot; scale: Vector; shift: Vector } | undefined> {
    if (call.kernel === 'scale' && channels !== undefined) {
      const { factor, offset } = call.attributes;
      const [scale, shift] = [factor, offset].map((value) => new Float64Array(channels).fill(value));
      return { source: call.inputs.input, scale, shift };
    }
    if (call.kernel === 'batchNorm') {
      const { input: source, mean, variance, gamma, beta } = call.inputs;
      if (![mean, variance, gamma, beta].every(isConstant)) return undefined;
      const [m, v, g, b] = await Promise.all([mean, variance, gamma, beta].map(valuesOf));
      const scale = g.map((value, c) => value / Math.sqrt(v[c] + call.attributes.epsilon));
      return { source, scale, shift: b.map((value, c) => value - m[c] * scale[c]) };
    }
    if (call.kernel === 'scaleShift') {
      const { input: source, scale, shift } = call.inputs;
      if (!isConstant(scale) || !isConstant(shift)) return undefined;
      return { source, scale: await valuesOf(scale), shift: await valuesOf(shift) };
    }
    if (call.kernel === 'multiply' || call.kernel === 'add') {
      const { left: source, right } = call.inputs;
      if (!isConstant(right)) return undefined;
      const vector = await valuesOf(right);
      return call.kernel === 'multiply'
        ? { source, scale: vector, shift: vector.map(() => 0) }
        : { source, scale: vector.map(() => 1), shift: vector };
    }
    return undefined;
  }

  async function foldIntoWeights(call: KernelCall): Promise<boolean> {
    const before = fused[mergeable(inputSlots(call)[0])];
    if (!before || !isWeighted(before) || residualOf(before)) return false;
    const affine = await asScaleShift(call, outputChannels(before));
    if (affine?.source !== before.outputs.output) return false;
    const { scale, shift } = affine;
    const weights = before.kernel === 'matmul' ? before.inputs.right : before.inputs.filter;
    if (!isConstant(weights)) return false;
    if (before.inputs.bias && !isConstant(before.inputs.bias)) return false;

    if (scale.length !== outputChannels(before)) return false; // a reshape stands between
    const oldBias = before.inputs.bias && (await valuesOf(before.inputs.bias));
    if (before.kernel === 'matmul') before.inputs.right = scaled(weights, scale);
    else before.inputs.filter = scaled(weights, scale);
    before.inputs.bias = make(shift.map((value, o) => (oldBias ? oldBias[o] * scale[o] : 0) + value));
    [before.outputs.output] = outputSlots(call);
    if (hasActivation(call)) before.attributes.activation = call.attributes.activation;
    return true;
  }

  /** A scale and shift of what a scale and shift made: (x * s + t) * scale + shift = x * (s * scale) + (t * scale + shift). */
  async function foldIntoScaleShift(call: KernelCall): Promise<boolean> {
    const affine = await asScaleShift(call);
    if (!affine || readers.get(affine.source) !== 1) return false;
    const place = fused.findIndex((one) => outputSlots(one).includes(affine.source));
    const before = fused[place];
    if (!before || (hasActivation(before) && !isLinear(before.attributes.activation))) return false;
    const first = await asScaleShift(before);
    const { length: channels } = affine.scale;
    if (first?.scale.length !== channels) return false;
    const scale = first.scale.map((value, c) => value * affine.scale[c]);
    const shift = first.shift.map((value, c) => value * affine.scale[c] + affine.shift[c]);
    const [output] = outputSlots(call);
    fused[place] = {
      kernel: 'scaleShift',
      inputs: { input: first.source, scale: make(scale), shift: make(shift) },
      outputs: { output },
      attributes: {
        length: output.length,
        channels,
        activation: hasActivation(call) ? call.attributes.activation : LINEAR,
      },
    };
    return true;
  }

  function foldResidual(call: KernelCall): boolean {
    if (call.kernel !== 'add' || call.attributes.rightLength !== call.attributes.length) return false;
    const { left, right } = call.inputs;
    for (const [branch, residual] of [
      [right, left],
      [left, right],
    ]) {
      const place = mergeable(branch);
      const before = fused[place];
      if (before?.kernel !== 'conv2d' || before.inputs.residual) continue;
      // The convolution moves to where the sum was: the other operand is ready there.
      fused.splice(place, 1);
      before.inputs.residual = residual;
      before.outputs.output = call.outputs.output;
      before.attributes.activation = call.attributes.activation;
      fused.push(before);
      return true;
    }
    return false;
  }

  /** Channels of zeros after a mean of windows: the mean is written among them. */
  function foldChannels(call: KernelCall): boolean {
    if (call.kernel !== 'pad' || readers.get(call.inputs.input) !== 1) return false;
    const { height, width, channels, outHeight, outWidth, outChannels } = call.attributes;
    const before = fused.find((one) => outputSlots(one).includes(call.inputs.input));
    if (before?.kernel !== 'averagePool2d' || outHeight !== height || outWidth !== width) return false;
    const made = before.attributes;
    if (made.outHeight !== height || made.outWidth !== width || made.channels !== channels) return false; // reshaped
    before.outputs.output = call.outputs.output;
    before.attributes.outChannels = outChannels;
    return true;
  }

  /**
   * A scale and a shift of the channels of an image before a convolution that reads nothing outside of it:
   *   sum of (x * scale[c] + shift[c]) * K[...,c,o] = sum of x * (scale[c] * K[...,c,o]) + sum of shift[c] * K[...,c,o].
   * Images have few channels, and so the filter is small: it is computed here.
   */
  async function foldScaleBefore(call: KernelCall): Promise<void> {
    if (call.kernel !== 'conv2d' || call.attributes.inChannels > MOST_IMAGE_CHANNELS) return;
    const { filter, bias } = call.inputs;
    const { inChannels, outChannels, height, width, outHeight, outWidth, top, left } = call.attributes;
    const { filterHeight, filterWidth, strideY, strideX } = call.attributes;
    const isInside =
      top === 0 &&
      left === 0 &&
      (outHeight - 1) * strideY + filterHeight <= height &&
      (outWidth - 1) * strideX + filterWidth <= width;
    const place = fused.findIndex((one) => outputSlots(one).includes(call.inputs.input));
    const before = fused[place];
    if (!isInside || !before || (hasActivation(before) && !isLinear(before.attributes.activation))) return;
    if (readers.get(call.inputs.input) !== 1 || ![filter, bias ?? filter].every(isConstant)) return;
    const affine = await asScaleShift(before, inChannels);
    if (!affine || affine.scale.length !== inChannels) return;
    const { source, scale, shift } = affine;
    const [weights, oldBias] = [await valuesOf(filter), bias && (await valuesOf(bias))];
    const channel = (i: number) => Math.floor(i / outChannels) % inChannels;
    const sums = Float64Array.from({ length: outChannels }, (_, o) => oldBias?.[o] ?? 0);
    for (const [i, weight] of weights.entries()) sums[i % outChannels] += shift[channel(i)] * weight;
    fused.splice(place, 1);
    call.inputs.input = source;
    call.inputs.filter = make(weights.map((weight, i) => weight * scale[channel(i)]));
    call.inputs.bias = make(sums);
  }

  function foldActivation(call: KernelCall): boolean {
    if (call.kernel !== 'activation') return false;
    const place = mergeable(call.inputs.input);
    const before = fused[place];
    if (!before || !hasActivation(before)) return false;
    before.outputs.output = call.outputs.output;
    before.attributes.activation = call.attributes.activation;
    return true;
  }

  /** A norm that no convolution precedes: its four vectors become two, and an activation can join it. */
  async function asOneScaleShift(call: KernelCall<'batchNorm'>): Promise<KernelCall> {
    const affine = await asScaleShift(call);
    if (!affine) return call;
    const { length, channels } = call.attributes;
    return {
      kernel: 'scaleShift',
      inputs: { input: affine.source, scale: make(affine.scale), shift: make(affine.shift) },
      outputs: call.outputs,
      attributes: { length, channels, activation: LINEAR },
    };
  }

  for (const call of calls) {
    if (
      (await foldIntoWeights(call)) ||
      (await foldIntoScaleShift(call)) ||
      foldResidual(call) ||
      foldActivation(call) ||
      foldChannels(call)
    )
      continue;
    await foldScaleBefore(call);
    fused.push(call.kernel === 'batchNorm' ? await asOneScaleShift(call) : call);
  }
  return fused;
}
