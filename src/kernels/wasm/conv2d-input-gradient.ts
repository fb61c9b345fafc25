/**
 * The gradient of a convolution's input is a convolution too. With y + top = u * stride + a, only the filter rows
 * p = t * stride + a touch row y, and they pair it with row u - t of dY. So the rows y that share the remainder a are
 * the result of sliding those filter rows, last one first, over dY with stride 1; likewise the columns. A convolution
 * of stride 2 falls into four phases this way, each with a quarter of the taps, and no zero is ever multiplied.
 */
import type { Conv2dSizes, KernelCall } from '../kernel';
import { LINEAR } from '../kernel';
import { f32x4 } from './assembler';
import { windowRows } from './conv2d';
import { elementwiseJob } from './elementwise';
import { gemmJobs, type TableTarget } from './gemm';
import type { Job, Planning } from './job';
import { packTransposed } from './pack-transposed';

export const conv2dInputGradient = (
  { inputs, outputs, attributes: sizes }: KernelCall<'conv2dInputGradient'>,
  planning: Planning,
): Job[] => {
  const [outputGradient, filter] = [inputs.outputGradient, inputs.filter].map(planning.address);
  const addend = inputs.addend && planning.address(inputs.addend);
  const output = planning.address(outputs.output);
  const rightIsConstant = planning.isConstant(inputs.filter);
  const { filterHeight, filterWidth, strideY, strideX, inChannels, outChannels } = sizes;
  const rowPhases = phasesOf(filterHeight, strideY, sizes.top, sizes.height);
  const columnPhases = phasesOf(filterWidth, strideX, sizes.left, sizes.width);
  const jobs: Job[] = [];
  // A stride larger than the filter leaves pixels that no window sees: nothing but the addend comes there.
  if ([...rowPhases, ...columnPhases].some(({ taps, count }) => taps === 0 && count > 0))
    jobs.push(backgroundJob(sizes.batch * sizes.height * sizes.width * inChannels, addend, output));
  for (const row of rowPhases)
    for (const column of columnPhases) {
      if (row.taps * column.taps * row.count * column.count === 0) continue;
      const phase: Conv2dSizes = {
        ...{ batch: sizes.batch, inChannels: outChannels, outChannels: inChannels },
        ...{ height: sizes.outHeight, width: sizes.outWidth, outHeight: row.count, outWidth: column.count },
        ...{ filterHeight: row.taps, filterWidth: column.taps, strideY: 1, strideX: 1 },
        ...{ top: row.taps - 1 - row.firstStep, left: column.taps - 1 - column.firstStep },
      };
      const isWhole = strideY * strideX === 1;
      const windows = windowRows(phase, outputGradient, planning, !isWhole);
      const tapBytes = inChannels * outChannels * 4;
      const lastTapRow = row.remainder + (row.taps - 1) * strideY;
      const lastTapColumn = column.remainder + (column.taps - 1) * strideX;
      jobs.push(
        ...windows.jobs,
        ...gemmJobs(
          {
            rows: phase.batch * phase.outHeight * phase.outWidth,
            inner: phase.filterHeight * phase.filterWidth * outChannels,
            columns: inChannels,
            source: windows.source,
            target:
              windows.source.kind === 'affine' || isWhole
                ? undefined
                : pixelsOf(sizes, row, column, windows.source.rowsOfGroup),
            activation: LINEAR,
          },
          {
            ...{ left: windows.address, right: filter, rightIsConstant, bias: undefined, residual: addend, output },
            packRight: packTransposed(
              filter + (lastTapRow * filterWidth + lastTapColumn) * tapBytes,
              outChannels,
              inChannels,
              {
                rows: row.taps,
                columns: column.taps,
                rowStep: -strideY * filterWidth * tapBytes,
                columnStep: -strideX * tapBytes,
              },
            ),
          },
          planning,
        ),
      );
    }
  return jobs;
};

/** The rows y = u * stride + remainder - padding of the image, u from firstStep on, or its columns. */
interface Phase {
  remainder: number;
  firstStep: number;
  count: number;
  /** How many rows of the filter touch them. */
  taps: number;
}

const phasesOf = (filter: number, stride: number, padding: number, length: number): Phase[] =>
  [...Array(stride).keys()].map((remainder) => {
    const firstStep = Math.ceil((padding - remainder) / stride);
    const lastStep = Math.floor((length - 1 + padding - remainder) / stride);
    return {
      remainder,
      firstStep,
      count: lastStep - firstStep + 1,
      taps: Math.max(0, Math.ceil((filter - remainder) / stride)),
    };
  });

/** Where the results of a phase are in the image. */
const pixelsOf = (sizes: Conv2dSizes, row: Phase, column: Phase, rowsOfGroup: number): TableTarget => {
  const { height, width, inChannels, strideY, strideX } = sizes;
  const firstRow = row.firstStep * strideY + row.remainder - sizes.top;
  const firstColumn = column.firstStep * strideX + column.remainder - sizes.left;
  const positions = row.count * column.count;
  const imageBytes = height * width * inChannels * 4;
  return {
    key: [height, width, inChannels, strideY, strideX, firstRow, firstColumn].join(' '),
    groupStride: (rowsOfGroup / positions) * imageBytes,
    offset(position) {
      const y = firstRow + Math.floor((position % positions) / column.count) * strideY;
      const x = firstColumn + (position % column.count) * strideX;
      return Math.floor(position / positions) * imageBytes + (y * width + x) * inChannels * 4;
    },
  };
};

const backgroundJob = (length: number, addend: number | undefined, output: number): Job =>
  addend === undefined
    ? elementwiseJob({ key: 'zero', length, output, streams: [], compute: () => f32x4.const(0) })
    : elementwiseJob({ key: 'copy', length, output, streams: [addend], compute: (_, { streams }) => streams[0] });
