import type { KernelCall } from '../kernel';
import { emitActivation } from './activate';
import { elementwiseJob } from './elementwise';
import type { Job, Planning } from './job';

export const activation = ({ inputs, outputs, attributes }: KernelCall<'activation'>, { address }: Planning): Job[] => {
  const { slope, ceiling } = attributes.activation;
  return [
    elementwiseJob({
      key: `activation ${slope} ${ceiling}`,
      length: attributes.length,
      output: address(outputs.output),
      streams: [address(inputs.input)],
      compute: (f, { streams }) => emitActivation(f, streams[0], attributes.activation),
    }),
  ];
};
