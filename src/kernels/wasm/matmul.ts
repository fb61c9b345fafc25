import { isLinear, type KernelCall } from '../kernel';
import { emitActivation } from './activate';
import { f32x4 } from './assembler';
import { elementwiseJob } from './elementwise';
import { gemmJobs } from './gemm';
import type { Job, Planning } from './job';
import { packTransposed } from './pack-transposed';
import { transpose } from './transpose';
import { transposedProductJobs } from './transposed-product';

export const matmul = (call: KernelCall<'matmul'>, planning: Planning): Job[] => {
  const { inputs, outputs, attributes } = call;
  const { rows, inner, columns, transposeLeft, transposeRight, activation } = attributes;
  const right = planning.address(inputs.right);
  if (transposeLeft) {
    const turned = transposeRight ? transpose(right, { rows: columns, columns: inner }, planning) : undefined;
    return [
      ...(turned ? [turned.job] : []),
      ...transposedProductJobs(
        {
          ...{ positions: inner, rows, columns, source: { kind: 'affine', rowStride: rows } },
          left: planning.address(inputs.left),
          right: turned?.address ?? right,
          output: planning.address(outputs.output),
        },
        planning,
      ),
      ...epilogue(call, planning),
    ];
  }
  return gemmJobs(
    { rows, inner, columns, activation, source: { kind: 'affine', rowStride: inner } },
    {
      left: planning.address(inputs.left),
      right,
      packRight: transposeRight ? packTransposed(right, inner, columns) : undefined,
      rightIsConstant: planning.isConstant(inputs.right),
      bias: inputs.bias && planning.address(inputs.bias),
      residual: undefined,
      output: planning.address(outputs.output),
    },
    planning,
  );
};

/** Bias and activation, in place. Gradients, which are what the transposed product is for, have neither. */
const epilogue = ({ inputs, outputs, attributes }: KernelCall<'matmul'>, { address }: Planning): Job[] => {
  const { rows, columns, activation } = attributes;
  const output = address(outputs.output);
  const shared = { length: rows * columns, output, streams: [output] };
  const name = `${activation.slope} ${activation.ceiling}`;
  if (inputs.bias)
    return [
      elementwiseJob({
        ...shared,
        key: `add ${name} repeated`,
        vectors: [address(inputs.bias)],
        channels: columns,
        compute: (f, { streams, vectors }) => emitActivation(f, f32x4.add(streams[0], vectors[0]), activation),
      }),
    ];
  if (isLinear(activation)) return [];
  return [
    elementwiseJob({
      ...shared,
      key: `activation ${name}`,
      compute: (f, { streams }) => emitActivation(f, streams[0], activation),
    }),
  ];
};
