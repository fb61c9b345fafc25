/** The kernels of graph-kernels.ts: one thread a number of the output, and one pipeline for all functions. */
import { BINARY_FUNCTIONS, MOST_AXES, REDUCTIONS, UNARY_FUNCTIONS } from '../graph-kernels';
import { type WebgpuKernel, workgroupsFor } from './dispatch';

/** WGSL has no infinities. */
const finite = (value: number): number => Math.max(-3.4028234e38, Math.min(value, 3.4028234e38));

const productOf = (sides: readonly number[]): number => sides.reduce((product, side) => product * side, 1);

/** Axes of side 1 before the others, so that there are MOST_AXES. */
const padded = (numbers: readonly number[], filler: number): number[] => [
  ...new Array<number>(MOST_AXES - numbers.length).fill(filler),
  ...numbers,
];

export const unary: WebgpuKernel<'unary'> = ({ inputs, outputs, attributes }) => {
  const { length, function: name, a, b } = attributes;
  return [
    {
      shader: 'unary',
      inputs: [inputs.input],
      output: outputs.output,
      integers: [length, UNARY_FUNCTIONS.indexOf(name)],
      reals: [finite(a), finite(b)],
      workgroups: workgroupsFor(length),
    },
  ];
};

export const binary: WebgpuKernel<'binary'> = ({ inputs, outputs, attributes }) => {
  const { function: name, sides, leftStrides, rightStrides } = attributes;
  const length = productOf(sides);
  return [
    {
      shader: 'binary',
      inputs: [inputs.left, inputs.right],
      output: outputs.output,
      integers: [
        ...padded(sides, 1),
        ...padded(leftStrides, 0),
        ...padded(rightStrides, 0),
        length,
        BINARY_FUNCTIONS.indexOf(name),
      ],
      workgroups: workgroupsFor(length),
    },
  ];
};

export const view: WebgpuKernel<'view'> = ({ inputs, outputs, attributes }) => {
  const { sides, strides, offset } = attributes;
  const length = productOf(sides);
  return [
    {
      shader: 'view',
      inputs: [inputs.input],
      output: outputs.output,
      integers: [...padded(sides, 1), ...padded(strides, 0), length, offset],
      workgroups: workgroupsFor(length),
    },
  ];
};

export const resample: WebgpuKernel<'resample'> = ({ inputs, outputs, attributes }) => {
  const { outer, side, outSide, inner, taps, fill } = attributes;
  const length = outer * outSide * inner;
  return [
    {
      shader: 'resample',
      inputs: [inputs.input, inputs.places, inputs.weights],
      output: outputs.output,
      integers: [length, side, outSide, inner, taps],
      reals: [finite(fill)],
      workgroups: workgroupsFor(length),
    },
  ];
};

export const reduce: WebgpuKernel<'reduce'> = ({ inputs, outputs, attributes }) => {
  const { function: name, outer, count, inner } = attributes;
  return [
    {
      shader: 'reduce',
      inputs: [inputs.input],
      output: outputs.output,
      integers: [outer * inner, REDUCTIONS.indexOf(name), count, inner],
      workgroups: workgroupsFor(outer * inner),
    },
  ];
};
