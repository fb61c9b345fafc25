import { type Activation, type Conv2dSizes, isLinear, type KernelCall, type Slot } from '../kernel';
import { activation as activate } from './activation';
import { add } from './add';
import { conv2d } from './conv2d';
import { conv2dFilterGradient, conv2dInputGradient } from './conv2d-gradient';
import { type Dispatch, type WebgpuKernel, workgroupsFor } from './dispatch';

/** A convolution of images of one pixel with a filter of one pixel. */
export const pointwise = (batch: number, inChannels: number, outChannels: number): Conv2dSizes => ({
  batch,
  inChannels,
  outChannels,
  height: 1,
  width: 1,
  outHeight: 1,
  outWidth: 1,
  filterHeight: 1,
  filterWidth: 1,
  strideY: 1,
  strideX: 1,
  top: 0,
  left: 0,
});

/** A product of matrices neither of which is transposed, as what it is carried out as. */
export function asConvolution({ inputs, outputs, attributes }: KernelCall<'matmul'>): KernelCall<'conv2d'> | undefined {
  const { rows, inner, columns, transposeLeft, transposeRight, activation } = attributes;
  if (transposeLeft || transposeRight) return undefined;
  return {
    kernel: 'conv2d',
    inputs: { input: inputs.left, filter: inputs.right, bias: inputs.bias },
    outputs,
    attributes: { ...pointwise(rows, inner, columns), activation },
  };
}

/**
 * A product of matrices is a convolution of `rows` images of one pixel, and the same tiles serve. With one operand
 * transposed it is one of the convolution's gradients:
 *   left x right^T    what reaches the input: left are the gradients of the outputs, right is the filter [columns,inner]
 *   left^T x right    what reaches the filter [rows,columns]: `inner` images of left, the gradients of their outputs right
 */
export const matmul: WebgpuKernel<'matmul'> = (call) => {
  const convolution = asConvolution(call);
  if (convolution) return conv2d(convolution);
  const { inputs, outputs, attributes } = call;
  const { rows, inner, columns, transposeLeft, transposeRight, activation } = attributes;
  const { left, right, bias } = inputs;

  const product = (output: Slot): Dispatch[] => {
    if (!transposeLeft)
      return conv2dInputGradient({
        kernel: 'conv2dInputGradient',
        inputs: { outputGradient: left, filter: right },
        outputs: { output },
        attributes: pointwise(rows, columns, inner),
      });
    const upright = transposeRight ? { length: inner * columns } : right;
    const gradient = conv2dFilterGradient({
      kernel: 'conv2dFilterGradient',
      inputs: { input: left, outputGradient: upright },
      outputs: { output },
      attributes: pointwise(inner, rows, columns),
    });
    return transposeRight ? [transpose(right, upright, inner, columns), ...gradient] : gradient;
  };
  return finish(product, { rows, columns, bias, activation }, outputs.output);
};

/** Writes [columns, rows] as [rows, columns]. */
const transpose = (input: Slot, output: Slot, rows: number, columns: number): Dispatch => ({
  shader: 'transpose',
  inputs: [input],
  output,
  scratch: [output],
  integers: [rows * columns, rows, columns],
  workgroups: workgroupsFor(rows * columns),
});

interface Epilogue {
  rows: number;
  columns: number;
  bias: Slot | undefined;
  activation: Activation;
}

/** Bias and activation, which the gradients do not have built in: a dispatch more, if they are there at all. */
function finish(
  product: (output: Slot) => Dispatch[],
  { rows, columns, bias, activation }: Epilogue,
  output: Slot,
): Dispatch[] {
  if (!bias && isLinear(activation)) return product(output);
  const length = rows * columns;
  const sums = { length };
  const dispatches = product(sums).map((one) => (one.output === sums ? { ...one, scratch: [sums] } : one));
  const epilogue = bias
    ? add({
        kernel: 'add',
        inputs: { left: sums, right: bias },
        outputs: { output },
        attributes: { length, rightLength: columns, activation },
      })
    : activate({
        kernel: 'activation',
        inputs: { input: sums },
        outputs: { output },
        attributes: { length, activation },
      });
  return [...dispatches, ...epilogue];
}
