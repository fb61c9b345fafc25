import type { KernelCall } from '../kernel';
import { tiledConv2d } from './conv2d';
import { filterTilesFor, tiledFilterGradient, tiledInputGradient } from './conv2d-gradient';
import type { Dispatch } from './dispatch';
import { TILES, type Tile, tilesFor, workgroupsOf } from './gemm';
import { asConvolution } from './matmul';
import { allowsWinograd, winogradConv2d, winogradInputGradient } from './winograd';

/** One way to carry a call out. */
export interface Candidate {
  /** Its name, the same for whatever sizes. */
  tile: string;
  dispatches: Dispatch[];
}

/** How many workgroups the sum of a filter's gradient may be cut into. */
const WORKGROUPS_OF_PARTS = [256, 512, 1024, 2048];

const nameOf = ({ rows, columns, inner, rowsPerThread }: Tile) => `${rows}x${columns}x${inner}, ${rowsPerThread} rows`;

/** The plain sum with each tile, and Winograd's where it is allowed. */
const sums = (
  call: KernelCall<'conv2d' | 'conv2dInputGradient'>,
  plain: (tile: Tile) => Dispatch,
  winograd: (tile: Tile) => Dispatch[],
): Candidate[] => {
  const { inChannels, outChannels } = call.attributes;
  const direct = tilesFor(inChannels, outChannels).map((tile) => ({ tile: nameOf(tile), dispatches: [plain(tile)] }));
  if (!allowsWinograd(call)) return direct;
  return [...direct, ...TILES.map((tile) => ({ tile: `Winograd, ${nameOf(tile)}`, dispatches: winograd(tile) }))];
};

/**
 * All ways to carry out a call that has a choice of tiles; none for the others. All of them give what the call asks for,
 * up to rounding. Winograd's is here only, to be measured: no rule of thumb chooses it.
 */
export function candidates(call: KernelCall): Candidate[] {
  switch (call.kernel) {
    case 'conv2d':
      return sums(
        call,
        (tile) => tiledConv2d(call, tile),
        (tile) => winogradConv2d(call, tile),
      );
    case 'conv2dInputGradient':
      return sums(
        call,
        (tile) => tiledInputGradient(call, tile),
        (tile) => winogradInputGradient(call, tile),
      );
    case 'conv2dFilterGradient': {
      const { filterHeight, filterWidth, inChannels, outChannels } = call.attributes;
      const rows = filterHeight * filterWidth * inChannels;
      return filterTilesFor(inChannels, outChannels).flatMap((tile) =>
        WORKGROUPS_OF_PARTS.map((workgroups) => ({
          tile: `${nameOf(tile)}, ${workgroups} workgroups`,
          dispatches: tiledFilterGradient(call, tile, Math.ceil(workgroups / workgroupsOf(tile, rows, outChannels))),
        })),
      );
    }
    case 'matmul': {
      const convolution = asConvolution(call);
      return convolution ? candidates(convolution) : [];
    }
    default:
      return [];
  }
}
