import { type WebgpuKernel, workgroupsFor } from './dispatch';
import { reduce, shareRows } from './reduction';

export const preluInputGradient: WebgpuKernel<'preluInputGradient'> = ({ inputs, outputs, attributes }) => [
  {
    shader: 'preluInputGradient',
    inputs: [inputs.input, inputs.slopes, inputs.outputGradient],
    output: outputs.output,
    integers: [attributes.length, attributes.channels],
    workgroups: workgroupsFor(attributes.length),
  },
];

export const preluSlopesGradient: WebgpuKernel<'preluSlopesGradient'> = ({ inputs, outputs, attributes }) =>
  reduce(
    { shader: 'preluSlopesGradient', inputs: [inputs.input, inputs.outputGradient] },
    shareRows(attributes.length / attributes.channels, attributes.channels),
    outputs.output,
  );
