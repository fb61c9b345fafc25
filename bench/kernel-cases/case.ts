import type { KernelCall, KernelName, Slot, WindowSizes } from '../../src/kernels/kernel';

/** Slots of random numbers for a case. */
export interface Slots {
  input(length: number): Slot;
  /** The same, of an operand that prepare() may take as constant. */
  constant(length: number): Slot;
  output(length: number): Slot;
}

export interface KernelCase<K extends KernelName> {
  title: string;
  /** Multiplications and additions, where they are what a kernel is about. */
  flops?: number;
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
