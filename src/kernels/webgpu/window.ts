import type { ChannelWindowSizes } from '../kernel';
import { workgroupsFor } from './dispatch';
import { lanesOf } from './lanes';

/** What the shaders that slide a window over single channels are told: the fields of `Window` in prelude.wgsl. */
export const windowIntegers = (sizes: ChannelWindowSizes): number[] => [
  sizes.batch,
  sizes.height,
  sizes.width,
  sizes.channels,
  sizes.outHeight,
  sizes.outWidth,
  sizes.filterHeight,
  sizes.filterWidth,
  sizes.strideY,
  sizes.strideX,
  sizes.top,
  sizes.left,
];

/** One thread an output number. */
export const windowWorkgroups = ({ batch, outHeight, outWidth, channels }: ChannelWindowSizes): number =>
  workgroupsFor(batch * outHeight * outWidth * channels);

/** One thread an input number. */
export const inputWorkgroups = ({ batch, height, width, channels }: ChannelWindowSizes): number =>
  workgroupsFor(batch * height * width * channels);

/** The same window over vectors of four channels, where there are whole ones. */
export function inLanes(attributes: ChannelWindowSizes): { lanes: 1 | 4; sizes: ChannelWindowSizes } {
  const lanes = lanesOf(attributes.channels);
  return { lanes, sizes: { ...attributes, channels: attributes.channels / lanes } };
}
