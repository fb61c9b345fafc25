import type { Conv2dSizes, KernelCall } from '../kernel';
import { gemmJobs, type RowSource, type TableSource } from './gemm';
import type { Job, Planning } from './job';
import { padJob } from './pad';
import { chooseScheme, winograd } from './winograd';

/** With fewer channels than this a segment a tap is too short to be quick: pad first, then take whole filter rows. */
const FEWEST_CHANNELS = 12;
/** Entries of a table. Where they allow it one table describes several images, so that a tile may span images. */
const MOST_ENTRIES = 65_536;

export const conv2d = (call: KernelCall<'conv2d'>, planning: Planning): Job[] => {
  const { inputs, outputs, attributes } = call;
  const { address } = planning;
  const scheme = planning.isConstant(inputs.filter) ? chooseScheme(attributes) : undefined;
  if (scheme) return winograd(call, scheme, planning);
  const windows = windowRows(attributes, address(inputs.input), planning);
  const product = gemmJobs(
    {
      rows: attributes.batch * attributes.outHeight * attributes.outWidth,
      inner: attributes.filterHeight * attributes.filterWidth * attributes.inChannels,
      columns: attributes.outChannels,
      source: windows.source,
      activation: attributes.activation,
    },
    {
      left: windows.address,
      right: address(inputs.filter),
      rightIsConstant: planning.isConstant(inputs.filter),
      bias: inputs.bias && address(inputs.bias),
      residual: inputs.residual && address(inputs.residual),
      output: address(outputs.output),
    },
    planning,
  );
  return [...windows.jobs, ...product];
};

/** The window of each output position as a row of a matrix that is never made, and what has to be done to the input. */
export const windowRows = (
  sizes: Conv2dSizes,
  input: number,
  planning: Planning,
  mustBeTable = false,
): { jobs: Job[]; address: number; source: RowSource } => {
  const padFirst = touchesPadding(sizes) && sizes.inChannels < FEWEST_CHANNELS && sizes.top >= 0 && sizes.left >= 0;
  if (!padFirst) return { jobs: [], address: input, source: rowsOf(sizes, mustBeTable) };
  const padded = padBefore(sizes, input, planning);
  return { jobs: [padded.job], address: padded.address, source: rowsOf(padded.sizes, mustBeTable) };
};

const coveredHeight = (sizes: Conv2dSizes): number => (sizes.outHeight - 1) * sizes.strideY + sizes.filterHeight;
const coveredWidth = (sizes: Conv2dSizes): number => (sizes.outWidth - 1) * sizes.strideX + sizes.filterWidth;

const touchesPadding = (sizes: Conv2dSizes): boolean =>
  sizes.top > 0 ||
  sizes.left > 0 ||
  coveredHeight(sizes) - sizes.top > sizes.height ||
  coveredWidth(sizes) - sizes.left > sizes.width;

const padBefore = (
  sizes: Conv2dSizes,
  input: number,
  { scratch }: Planning,
): { job: Job; sizes: Conv2dSizes; address: number } => {
  const { batch, height, width, inChannels: channels, top, left } = sizes;
  const outHeight = Math.max(coveredHeight(sizes), top + height);
  const outWidth = Math.max(coveredWidth(sizes), left + width);
  const address = scratch(batch * outHeight * outWidth * channels * 4);
  return {
    job: padJob(
      { batch, height, width, channels, outHeight, outWidth, outChannels: channels, top, left },
      input,
      address,
    ),
    sizes: { ...sizes, height: outHeight, width: outWidth, top: 0, left: 0 },
    address,
  };
};

/** Where the window of each output position begins. */
const rowsOf = (sizes: Conv2dSizes, mustBeTable: boolean): RowSource => {
  const { batch, height, width, inChannels, filterHeight, filterWidth, strideY, strideX, top, left } = sizes;
  const { outHeight, outWidth } = sizes;
  const imageNumbers = height * width * inChannels;
  const isPadded = touchesPadding(sizes);
  const isPointwise = filterHeight * filterWidth === 1 && strideY * strideX === 1;
  if (!mustBeTable && !isPadded && isPointwise && outHeight === height && outWidth === width)
    return { kind: 'affine', rowStride: inChannels };
  if (!mustBeTable && !isPadded && outHeight * outWidth === 1 && filterHeight === height && filterWidth === width)
    return { kind: 'affine', rowStride: imageNumbers };

  // Without padding a row of the filter covers consecutive numbers: one segment instead of filterWidth.
  const tapsOfSegment = isPadded ? 1 : filterWidth;
  const segmentsOfRow = filterWidth / tapsOfSegment;
  const segments = filterHeight * segmentsOfRow;
  const positions = outHeight * outWidth;
  const imagesOfGroup = largestDivisor(batch, MOST_ENTRIES / (positions * segments));
  const offset: TableSource['offset'] = (row, segment) => {
    const image = Math.floor(row / positions);
    const i = Math.floor((row % positions) / outWidth);
    const j = row % outWidth;
    const y = i * strideY + Math.floor(segment / segmentsOfRow) - top;
    const x = j * strideX + (segment % segmentsOfRow) - left;
    const isInside = y >= 0 && y < height && x >= 0 && x < width;
    return isInside ? (image * imageNumbers + (y * width + x) * inChannels) * 4 : -1;
  };
  return {
    kind: 'table',
    key: Object.values({ ...sizes, batch: imagesOfGroup, outChannels: 0 }).join(' '),
    segments,
    rowsOfGroup: imagesOfGroup * positions,
    groupStride: imagesOfGroup * imageNumbers * 4,
    segmentStride: isPadded ? undefined : width * inChannels * 4,
    offset,
  };
};

/** The largest divisor of the number that is not above the limit (but at least 1). */
const largestDivisor = (number: number, limit: number): number => {
  for (let divisor = Math.min(number, Math.floor(limit)); divisor > 1; divisor--)
    if (number % divisor === 0) return divisor;
  return 1;
};
