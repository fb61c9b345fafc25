import type { GraphKernelTable } from '../graph-kernels';
import type { KernelCall, Slot } from '../kernel';
import type { Cut, Separation } from './separations';

const productOf = (sides: readonly number[]): number => sides.reduce((product, side) => product * side, 1);

/** Along the first axis, where each of its places reads numbers of its own, one after the other, or all read the same. */
function alongFirstAxis(
  output: Slot,
  sides: readonly number[],
  operands: readonly { slot: Slot; strides: readonly number[]; offset: number }[],
  resized: (first: number) => KernelCall,
): Separation | undefined {
  const [units, ...others] = sides;
  const cut: Cut[] = [[output, productOf(others)]];
  for (const { slot, strides, offset } of operands) {
    const [perUnit, ...within] = strides;
    if (perUnit === 0) continue;
    const ends = others.map((side, axis) => (side - 1) * within[axis]);
    const [lowest, highest] = [Math.min, Math.max].map((edge) => ends.reduce((sum, end) => sum + edge(0, end), offset));
    if (lowest < 0 || highest >= perUnit) return undefined;
    cut.push([slot, perUnit]);
  }
  return { units, cut, resized };
}

/** For the kernels of graph-kernels.ts how they are separated. */
export const graphSeparations: { [K in keyof GraphKernelTable]: (call: KernelCall<K>) => Separation | undefined } = {
  unary: (call) => ({
    units: call.attributes.length,
    cut: [
      [call.inputs.input, 1],
      [call.outputs.output, 1],
    ],
    resized: (length) => ({ ...call, attributes: { ...call.attributes, length } }),
  }),
  binary: (call) => {
    const { sides, leftStrides, rightStrides } = call.attributes;
    const { left, right } = call.inputs;
    const operands = [
      { slot: left, strides: leftStrides, offset: 0 },
      { slot: right, strides: rightStrides, offset: 0 },
    ];
    return alongFirstAxis(call.outputs.output, sides, operands, (first) => ({
      ...call,
      attributes: { ...call.attributes, sides: sides.with(0, first) },
    }));
  },
  view: (call) => {
    const { sides, strides, offset } = call.attributes;
    const operands = [{ slot: call.inputs.input, strides, offset }];
    return alongFirstAxis(call.outputs.output, sides, operands, (first) => ({
      ...call,
      attributes: { ...call.attributes, sides: sides.with(0, first) },
    }));
  },
  resample: (call) => {
    const { side, outSide, inner } = call.attributes;
    return {
      units: call.attributes.outer,
      cut: [
        [call.inputs.input, side * inner],
        [call.outputs.output, outSide * inner],
      ],
      resized: (outer) => ({ ...call, attributes: { ...call.attributes, outer } }),
    };
  },
  reduce: (call) => {
    const { count, inner } = call.attributes;
    return {
      units: call.attributes.outer,
      cut: [
        [call.inputs.input, count * inner],
        [call.outputs.output, inner],
      ],
      resized: (outer) => ({ ...call, attributes: { ...call.attributes, outer } }),
    };
  },
};
