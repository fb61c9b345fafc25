import type { KernelCall } from '../kernel';
import { f32x4 } from './assembler';
import { elementwiseJob } from './elementwise';
import { emitExp } from './exp';
import type { Job, Planning } from './job';

export const sigmoid = ({ inputs, outputs, attributes }: KernelCall<'sigmoid'>, { address }: Planning): Job[] => [
  elementwiseJob({
    key: 'sigmoid',
    length: attributes.length,
    output: address(outputs.output),
    streams: [address(inputs.input)],
    compute(f, { streams }) {
      const exp = emitExp(f, f32x4.sub(f32x4.const(0), streams[0]));
      return f32x4.div(f32x4.const(1), f32x4.add(f32x4.const(1), exp));
    },
  }),
];
