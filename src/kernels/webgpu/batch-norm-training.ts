import type { Slot } from '../kernel';
import { ceilingOf, type Dispatch, type WebgpuKernel, workgroupsFor } from './dispatch';
import { lanesOf, withLanes } from './lanes';
import { type Reduction, reductionIntegers, reductionWorkgroups, shareRows } from './reduction';

/** A second dispatch merges the moments of the parts, if there are several. */
export const channelMoments: WebgpuKernel<'channelMoments'> = ({ inputs, outputs, attributes }) => {
  const { length, channels } = attributes;
  const rows = length / channels;
  const lanes = lanesOf(channels);
  const reduction = shareRows(rows, channels, lanes);
  const { parts, share } = reduction;
  const merge = (sets: Reduction, set: number) => ({
    shader: withLanes('channelMoments', lanes),
    integers: [...reductionIntegers(sets), rows, set],
    workgroups: reductionWorkgroups(sets),
  });
  if (parts === 1) return [{ ...merge(reduction, 1), inputs: [inputs.input], output: outputs.output }];
  const partial = { length: 2 * parts * channels };
  return [
    { ...merge(reduction, 1), inputs: [inputs.input], output: partial, isScratch: true },
    { ...merge(shareRows(parts, channels, lanes, 1), share), inputs: [partial], output: outputs.output },
  ];
};

/** Joins the moments of two sets of rows, pair [2, 2, channels], the first of `first` (two or more) rows of `total`. */
export function mergeMoments(pair: Slot, channels: number, first: number, total: number, output: Slot): Dispatch {
  const lanes = lanesOf(channels);
  const sets = shareRows(2, channels, lanes, 1);
  return {
    shader: withLanes('channelMoments', lanes),
    inputs: [pair],
    output,
    integers: [...reductionIntegers(sets), total, first],
    workgroups: reductionWorkgroups(sets),
  };
}

export const batchNormTraining: WebgpuKernel<'batchNormTraining'> = ({ inputs, outputs, attributes }) => {
  const { length, channels, epsilon, activation } = attributes;
  const lanes = lanesOf(channels);
  return [
    {
      shader: withLanes('batchNormTraining', lanes),
      inputs: [inputs.input, inputs.moments, inputs.gamma, inputs.beta, inputs.residual],
      output: outputs.output,
      integers: [length / lanes, channels / lanes, inputs.residual ? 1 : 0],
      reals: [epsilon, activation.slope, ceilingOf(activation)],
      workgroups: workgroupsFor(length / lanes),
    },
  ];
};

/** A second dispatch adds up the sums of the parts, if there are several. */
export const batchNormSums: WebgpuKernel<'batchNormSums'> = ({ inputs, outputs, attributes }) => {
  const { input, outputGradient, moments, activated } = inputs;
  const { betaGradient, gammaGradient } = outputs;
  const { length, channels, epsilon, activation } = attributes;
  const lanes = lanesOf(channels);
  const reduction = shareRows(length / channels, channels, lanes);
  const { parts } = reduction;
  const sum = (rows: Reduction, readsSums: boolean, storesSums: boolean) => ({
    shader: withLanes('batchNormSums', lanes),
    integers: [...reductionIntegers(rows), readsSums ? 1 : 0, storesSums ? 1 : 0, activated ? 1 : 0],
    reals: [epsilon, activation.slope, ceilingOf(activation)],
    workgroups: reductionWorkgroups(rows),
  });
  const operands = [input, outputGradient, moments, activated];
  const results = { output: betaGradient, moreOutputs: [gammaGradient] };
  if (parts === 1) return [{ ...sum(reduction, false, false), inputs: operands, ...results }];
  const partial = { length: 2 * parts * channels };
  return [
    {
      ...sum(reduction, false, true),
      ...{ inputs: operands, output: partial, moreOutputs: [undefined], isScratch: true },
    },
    {
      ...sum(shareRows(parts, channels, lanes, 1), true, false),
      ...{ inputs: [partial, undefined, moments, undefined], ...results },
    },
  ];
};

export const batchNormInputGradient: WebgpuKernel<'batchNormInputGradient'> = ({ inputs, outputs, attributes }) => {
  const { input, outputGradient, moments, gamma, betaGradient, gammaGradient, activated } = inputs;
  const { length, channels, epsilon, activation } = attributes;
  const lanes = lanesOf(channels);
  return [
    {
      shader: withLanes('batchNormInputGradient', lanes),
      inputs: [input, outputGradient, moments, gamma, betaGradient, gammaGradient, activated],
      output: outputs.output,
      integers: [length / lanes, channels / lanes, activated ? 1 : 0],
      reals: [epsilon, activation.slope, ceilingOf(activation)],
      workgroups: workgroupsFor(length / lanes),
    },
  ];
};
