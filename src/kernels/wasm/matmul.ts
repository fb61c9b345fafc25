import type { KernelCall } from '../kernel';
import { gemmJobs } from './gemm';
import type { Job, Planning } from './job';

export const matmul = ({ inputs, outputs, attributes }: KernelCall<'matmul'>, planning: Planning): Job[] =>
  gemmJobs(
    { ...attributes, source: { kind: 'affine', rowStride: attributes.inner } },
    {
      left: planning.address(inputs.left),
      right: planning.address(inputs.right),
      rightIsConstant: planning.isConstant(inputs.right),
      bias: inputs.bias && planning.address(inputs.bias),
      residual: undefined,
      output: planning.address(outputs.output),
    },
    planning,
  );
