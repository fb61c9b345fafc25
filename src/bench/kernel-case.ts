import type { Backend, Precision, Program } from '../kernels/backend';
import { inputSlots, type KernelCall, type KernelName, RELU, type Slot, type WindowSizes } from '../kernels/kernel';
import { random } from '../tensor/random';

/** Slots of random numbers for a case. */
export interface Slots {
  input(length: number): Slot;
  /** The same, of an operand that prepare() may take as constant. */
  constant(length: number): Slot;
  output(length: number): Slot;
}

export interface KernelCase<K extends KernelName> {
  title: string;
  call(slots: Slots): KernelCall<K>;
}

/** 'same' padding of a square image. */
export function squareWindow(side: number, filter: number, stride: number, batch = 1): WindowSizes {
  const out = Math.ceil(side / stride);
  const padding = Math.max(0, (out - 1) * stride + filter - side) >> 1;
  return {
    batch,
    height: side,
    width: side,
    outHeight: out,
    outWidth: out,
    filterHeight: filter,
    filterWidth: filter,
    strideY: stride,
    strideX: stride,
    top: padding,
    left: padding,
  };
}

export const only = <K extends KernelName>(title: string, call: KernelCase<K>['call']): KernelCase<K>[] => [
  { title, call },
];

/** A layer of a network: convolution, bias and ReLU, with constant filters. */
export function convolution(
  side: number,
  filter: number,
  stride: number,
  inChannels: number,
  outChannels: number,
  batch = 1,
): KernelCase<'conv2d'> {
  const window = squareWindow(side, filter, stride, batch);
  const outputs = batch * window.outHeight * window.outWidth * outChannels;
  const weights = filter * filter * inChannels * outChannels;
  return {
    title: `${side}x${side}x${inChannels}, ${filter}x${filter}/${stride}, to ${outChannels}`,
    call: ({ input, constant, output }) => ({
      kernel: 'conv2d',
      inputs: {
        input: input(batch * side * side * inChannels),
        filter: constant(weights),
        bias: constant(outChannels),
      },
      outputs: { output: output(outputs) },
      attributes: { ...window, inChannels, outChannels, activation: RELU },
    }),
  };
}

/** A dense layer: a product with a constant matrix, and ReLU. */
export const product = (rows: number, inner: number, columns: number): KernelCase<'matmul'> => ({
  title: `${rows}x${inner} by ${inner}x${columns}`,
  call: ({ input, constant, output }) => ({
    kernel: 'matmul',
    inputs: { left: input(rows * inner), right: constant(inner * columns) },
    outputs: { output: output(rows * columns) },
    attributes: { rows, inner, columns, transposeLeft: false, transposeRight: false, activation: RELU },
  }),
});

export interface PreparedCase {
  call: KernelCall;
  program: Program;
  /** Frees the program and its slots. */
  dispose(): void;
}

/** A case on a backend, with random positive numbers in its slots, ready to be run again and again. */
export async function prepareCase(
  backend: Backend,
  { call: makeCall }: KernelCase<KernelName>,
  precision: Precision = 'full',
): Promise<PreparedCase> {
  const generator = random(1);
  const slots: Slot[] = [];
  const constants = new Set<Slot>();
  const output = (length: number) => {
    const slot = backend.allocate(length);
    slots.push(slot);
    return slot;
  };
  const input = (length: number) => {
    const slot = output(length);
    backend.write(
      slot,
      Float32Array.from({ length }, () => Math.abs(generator.normal())),
    );
    return slot;
  };
  const constant = (length: number) => {
    const slot = input(length);
    constants.add(slot);
    return slot;
  };
  const call = makeCall({ input, constant, output });
  const half = precision === 'half' ? { results: new Set<Slot>() } : undefined;
  // What no call writes would be made halves of in each run.
  const fixed = half ? new Set(inputSlots(call)) : constants;
  const program = await backend.prepare([call], fixed, { half });
  const dispose = () => {
    program.free();
    for (const slot of slots) backend.free(slot);
  };
  return { call, program, dispose };
}
