import type { Slot } from '../kernel';
import { type Dispatch, type WebgpuKernel, workgroupsFor } from './dispatch';
import { type Reduction, reduce, reductionIntegers, reductionWorkgroups, shareRows } from './reduction';

/** A second dispatch merges the moments of the parts, if there are several. */
export const channelMoments: WebgpuKernel<'channelMoments'> = ({ inputs, outputs, attributes }) => {
  const rows = attributes.length / attributes.channels;
  const reduction = shareRows(rows, attributes.channels);
  const { parts, share, columns } = reduction;
  const merge = (sets: Reduction, set: number) => ({
    shader: 'channelMoments' as const,
    integers: [...reductionIntegers(sets), rows, set],
    workgroups: reductionWorkgroups(sets),
  });
  if (parts === 1) return [{ ...merge(reduction, 1), inputs: [inputs.input], output: outputs.output }];
  const partial = { length: 2 * parts * columns };
  return [
    { ...merge(reduction, 1), inputs: [inputs.input], output: partial, isScratch: true },
    { ...merge(shareRows(parts, columns, 1), share), inputs: [partial], output: outputs.output },
  ];
};

/** Joins the moments of two sets of rows, pair [2, 2, channels], the first of `first` (two or more) rows of `total`. */
export function mergeMoments(pair: Slot, channels: number, first: number, total: number, output: Slot): Dispatch {
  const sets = shareRows(2, channels, 1);
  return {
    shader: 'channelMoments',
    inputs: [pair],
    output,
    integers: [...reductionIntegers(sets), total, first],
    workgroups: reductionWorkgroups(sets),
  };
}

export const batchNormTraining: WebgpuKernel<'batchNormTraining'> = ({ inputs, outputs, attributes }) => [
  {
    shader: 'batchNormTraining',
    inputs: [inputs.input, inputs.moments, inputs.gamma, inputs.beta],
    output: outputs.output,
    integers: [attributes.length, attributes.channels],
    reals: [attributes.epsilon],
    workgroups: workgroupsFor(attributes.length),
  },
];

export const batchNormSums: WebgpuKernel<'batchNormSums'> = ({ inputs, outputs, attributes }): Dispatch[] =>
  reduce(
    {
      shader: 'batchNormSums',
      inputs: [inputs.input, inputs.outputGradient, inputs.moments],
      reals: [attributes.epsilon],
      sums: 2,
    },
    shareRows(attributes.length / attributes.channels, attributes.channels),
    outputs.output,
  );

export const batchNormInputGradient: WebgpuKernel<'batchNormInputGradient'> = ({ inputs, outputs, attributes }) => [
  {
    shader: 'batchNormInputGradient',
    inputs: [inputs.input, inputs.outputGradient, inputs.moments, inputs.gamma, inputs.sums],
    output: outputs.output,
    integers: [attributes.length, attributes.channels],
    reals: [attributes.epsilon],
    workgroups: workgroupsFor(attributes.length),
  },
];
