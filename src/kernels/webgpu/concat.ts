import { type WebgpuKernel, workgroupsFor } from './dispatch';

/** One dispatch a part: each copies [outer, inner] to its place in [outer, total]. */
export const concat: WebgpuKernel<'concat'> = ({ inputs, outputs, attributes }) => {
  const { outer, inners } = attributes;
  const total = inners.reduce((sum, inner) => sum + inner, 0);
  let start = 0;
  return inputs.parts.map((part, k) => {
    const integers = [outer, inners[k], total, start];
    start += inners[k];
    return {
      shader: 'concat',
      inputs: [part],
      output: outputs.output,
      integers,
      workgroups: workgroupsFor(outer * inners[k]),
    };
  });
};
