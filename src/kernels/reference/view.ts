import type { BinaryFunction } from '../graph-kernels';
import type { ReferenceKernel } from './reference-kernel';

/** Calls `visit` for every place of a tensor of that shape, in order, with the sums of its indices times each strides. */
export function forEachPlace(
  sides: readonly number[],
  strides: readonly (readonly number[])[],
  visit: (place: number, sums: readonly number[]) => void,
): void {
  const length = sides.reduce((product, side) => product * side, 1);
  const indices = sides.map(() => 0);
  const sums = strides.map(() => 0);
  for (let place = 0; place < length; place++) {
    visit(place, sums);
    for (let axis = sides.length - 1; axis >= 0; axis--) {
      indices[axis]++;
      for (let k = 0; k < sums.length; k++) sums[k] += strides[k][axis];
      if (indices[axis] < sides[axis]) break;
      for (let k = 0; k < sums.length; k++) sums[k] -= strides[k][axis] * sides[axis];
      indices[axis] = 0;
    }
  }
}

// Y[i0,i1,...] = X[offset + i0 * strides[0] + i1 * strides[1] + ...]
export const view: ReferenceKernel<'view'> = ({ inputs, outputs, attributes }, at) => {
  const { sides, strides, offset } = attributes;
  const input = at(inputs.input);
  const output = at(outputs.output);
  forEachPlace(sides, [strides], (place, [from]) => {
    output[place] = input[offset + from];
  });
};

export const binaryFunctions: { [F in BinaryFunction]: (left: number, right: number) => number } = {
  add: (left, right) => left + right,
  subtract: (left, right) => left - right,
  multiply: (left, right) => left * right,
  divide: (left, right) => left / right,
  power: (left, right) => left ** right,
  maximum: Math.max,
  minimum: Math.min,
  equal: (left, right) => (left === right ? 1 : 0),
  greater: (left, right) => (left > right ? 1 : 0),
  greaterOrEqual: (left, right) => (left >= right ? 1 : 0),
};

// Y[i0,i1,...] = f(L[sum of i * leftStrides], R[sum of i * rightStrides])
export const binary: ReferenceKernel<'binary'> = ({ inputs, outputs, attributes }, at) => {
  const { function: name, sides, leftStrides, rightStrides } = attributes;
  const f = binaryFunctions[name];
  const left = at(inputs.left);
  const right = at(inputs.right);
  const output = at(outputs.output);
  forEachPlace(sides, [leftStrides, rightStrides], (place, [l, r]) => {
    output[place] = f(left[l], right[r]);
  });
};
