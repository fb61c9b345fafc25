import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bytesMoved } from '../../src/kernels/bytes';
import {
  inputSlots,
  isUpdate,
  type KernelCall,
  type KernelName,
  outputSlots,
  type Slot,
} from '../../src/kernels/kernel';
import { random } from '../../src/tensor/random';
import { KERNEL_CASES } from './cases';

const test = suite('bytes that a call moves');

/** Slots of a case that is not carried out. */
const allocate = (length: number): Slot => ({ length });
const slots = { random: random(1), input: allocate, constant: allocate, output: allocate };

/** slice, crop and view read only the part that they give, and repeated numbers once; what is updated in place is read as well. */
const needed = (call: KernelCall): number => {
  const lengthOf = (slots: readonly Slot[]) => slots.reduce((sum, { length }) => sum + length, 0);
  const written = lengthOf(outputSlots(call));
  if (call.kernel === 'slice' || call.kernel === 'crop') return 2 * written;
  if (call.kernel === 'view') {
    const { sides, strides } = call.attributes;
    return written + sides.reduce((product, side, axis) => product * (strides[axis] === 0 ? 1 : side), 1);
  }
  return lengthOf(inputSlots(call)) + (isUpdate(call) ? 2 : 1) * written;
};

for (const [kernel, cases] of Object.entries<
  readonly { title: string; call(of: typeof slots): KernelCall<KernelName> }[]
>(KERNEL_CASES))
  test(`${kernel}: each operand once, in float32`, () => {
    for (const { title, call: makeCall } of cases) {
      const call = makeCall(slots);
      assert.is(bytesMoved(call), 4 * needed(call), title);
    }
  });

test('of a slot that is larger than what lies in it, what lies in it', () => {
  const call: KernelCall = {
    kernel: 'sigmoid',
    inputs: { input: { length: 1000 } },
    outputs: { output: { length: 2000 } },
    attributes: { length: 10 },
  };
  assert.is(bytesMoved(call), 4 * 20);
});

test.run();
