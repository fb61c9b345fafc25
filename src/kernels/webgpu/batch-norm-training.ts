import type { Slot } from '../kernel';
import { ceilingOf, type Dispatch, type WebgpuKernel, workgroupsFor } from './dispatch';
import { lanesOf, withLanes } from './lanes';
import { type Reduction, reductionIntegers, reductionWorkgroups, shareRows } from './reduction';

/** A second dispatch merges the moments of the parts, if there are several. */
export const channelMoments: WebgpuKernel<'channelMoments'> = ({ inputs, outputs, attributes }) => {
  const { length, channels } = attributes;
  return mergedMoments({ sets: inputs.input, size: 1, rows: length / channels, channels }, outputs.output);
};

/** The moments of consecutive rows, `size` at a time, the last of what is left: [sets, 2, channels]. */
export interface MomentsOfSets {
  sets: Slot;
  /** 1 stands for the rows themselves, [rows, channels]. */
  size: number;
  rows: number;
  channels: number;
}

/** Merges the moments of all sets; where they are many, in parts first. */
export function mergedMoments({ sets, size, rows, channels }: MomentsOfSets, output: Slot): Dispatch[] {
  const lanes = lanesOf(channels);
  const count = Math.ceil(rows / size);
  const reduction = shareRows(count, channels, lanes);
  const { parts, share } = reduction;
  const merge = (some: Reduction, ofSize: number) => ({
    shader: withLanes('channelMoments', lanes),
    integers: [...reductionIntegers(some), rows, ofSize],
    workgroups: reductionWorkgroups(some),
  });
  if (parts === 1) return [{ ...merge(reduction, size), inputs: [sets], output }];
  const partial = { length: 2 * parts * channels };
  return [
    { ...merge(reduction, size), inputs: [sets], output: partial, scratch: [partial] },
    { ...merge(shareRows(parts, channels, lanes, 1), share * size), inputs: [partial], output },
  ];
}

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
      ...{ inputs: operands, output: partial, moreOutputs: [undefined], scratch: [partial] },
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
