/**
 * A 3x3 convolution of stride 1 by Winograd's minimal filtering F(2x2, 3x3), after Lavin and Gray, "Fast algorithms for
 * convolutional neural networks" (2016). Two neighbouring results of a filter g of three numbers over four numbers d,
 *
 *   y[0] = d[0] g[0] + d[1] g[1] + d[2] g[2]
 *   y[1] = d[1] g[0] + d[2] g[1] + d[3] g[2]
 *
 * are A^T ((G g) * (B^T d)), multiplied number by number: four products instead of six. (The transpose of multiplying
 * two polynomials by evaluating them at 0, 1, -1 and infinity, multiplying there, and finding the product from its
 * values; wasm/winograd-transforms.ts does it for other points as well.) In two dimensions, with the same along both,
 *
 *   Y = A^T ((G g G^T) * (B^T d B)) A
 *
 * gives 2x2 results from windows d of 4x4 pixels with 16 products instead of 36. Summed over the channels c, each of
 * the 16 places xi of a window is a product of matrices:
 *
 *   U[xi, c, o]    = (G g G^T)[xi]                     winograd-filter.wgsl
 *   V[xi, tile, c] = (B^T d B)[xi]                     winograd-input.wgsl
 *   M[xi, tile, o] = sum over c of V[xi, tile, c] * U[xi, c, o]   winograd-products.wgsl
 *   Y              = A^T M A                           winograd-output.wgsl
 *
 * 2.25 times fewer multiply-adds, for which V and M, four times the numbers of the input and of the output, go out to
 * memory and come back. Which weighs more differs from card to card and from layer to layer: `likeness bench --tune`
 * measures it. Factors of 1 and 1/2 only, so the result is about as exact as that of the plain sum.
 */
import { type Activation, type Conv2dSizes, type KernelCall, LINEAR, type Slot } from '../kernel';
import { ceilingOf, type Dispatch, workgroupsFor } from './dispatch';
import { type Tile, tileConstants, workgroupsOf } from './gemm';
import { lanesOf } from './lanes';

/** Numbers of a window. */
const PLACES = 16;
/** V and M may be as large as every WebGPU device binds: the least maxStorageBufferBindingSize that the standard allows. */
const MOST_BYTES = 2 ** 27;

/** The convolution in four dispatches, with a tile of one's choice for the products. */
export const winogradConv2d = ({ inputs, outputs, attributes }: KernelCall<'conv2d'>, tile: Tile): Dispatch[] =>
  winograd({ ...inputs, ...outputs, sizes: attributes, activation: attributes.activation, isTurned: false }, tile);

/**
 * The gradient of the input likewise, a convolution of dY:
 *   dX[n,y,x,c] = sum over p,q,o of dY[n, y+p-(2-top), x+q-(2-left), o] * K[2-p, 2-q, c, o]
 */
export const winogradInputGradient = (
  { inputs, outputs, attributes }: KernelCall<'conv2dInputGradient'>,
  tile: Tile,
): Dispatch[] => {
  const { outputGradient: input, filter, addend: residual } = inputs;
  const sizes = backwards(attributes);
  return winograd({ input, filter, residual, ...outputs, sizes, activation: LINEAR, isTurned: true }, tile);
};

/** Whether the call has a 3x3 filter of stride 1, channels in fours, and not too many numbers. */
export const allowsWinograd = ({ kernel, attributes }: KernelCall<'conv2d' | 'conv2dInputGradient'>): boolean => {
  const { filterHeight, filterWidth, strideY, strideX, inChannels, outChannels } = attributes;
  if (filterHeight !== 3 || filterWidth !== 3 || strideY !== 1 || strideX !== 1) return false;
  if (lanesOf(inChannels, outChannels) !== 4) return false;
  const { tiles } = tilesOf(kernel === 'conv2d' ? attributes : backwards(attributes));
  return 4 * PLACES * tiles * Math.max(inChannels, outChannels) <= MOST_BYTES;
};

interface Convolution {
  input: Slot;
  filter: Slot;
  bias?: Slot | undefined;
  residual?: Slot | undefined;
  output: Slot;
  sizes: Conv2dSizes;
  activation: Activation;
  /** Whether the filter is turned by 180 degrees, and leads from its last channels to those before. */
  isTurned: boolean;
}

/** The sizes of the convolution that leads from dY to dX. */
const backwards = (sizes: Conv2dSizes): Conv2dSizes => ({
  ...sizes,
  ...{ height: sizes.outHeight, width: sizes.outWidth, inChannels: sizes.outChannels },
  ...{ outHeight: sizes.height, outWidth: sizes.width, outChannels: sizes.inChannels },
  ...{ top: 2 - sizes.top, left: 2 - sizes.left },
});

/** Squares of 2x2 results: down and across an image, and in all. */
const tilesOf = ({ batch, outHeight, outWidth }: Conv2dSizes) => {
  const [down, across] = [Math.ceil(outHeight / 2), Math.ceil(outWidth / 2)];
  return { down, across, tiles: batch * down * across };
};

function winograd({ sizes, activation, isTurned, ...slots }: Convolution, tile: Tile): Dispatch[] {
  const { height, width, inChannels, outHeight, outWidth, outChannels, top, left } = sizes;
  const { down, across, tiles } = tilesOf(sizes);
  const filters: Slot = { length: PLACES * inChannels * outChannels };
  const windows: Slot = { length: PLACES * tiles * inChannels };
  const products: Slot = { length: PLACES * tiles * outChannels };
  return [
    {
      shader: 'winogradFilter',
      inputs: [slots.filter],
      output: filters,
      scratch: [filters],
      integers: [(inChannels * outChannels) / 4, isTurned ? 1 : 0],
      workgroups: workgroupsFor((inChannels * outChannels) / 4),
    },
    {
      shader: 'winogradInput',
      inputs: [slots.input],
      output: windows,
      scratch: [windows],
      integers: [tiles, down, across, height, width, inChannels / 4, top, left],
      workgroups: workgroupsFor((tiles * inChannels) / 4),
    },
    {
      shader: 'winogradProducts',
      constants: { ...tileConstants(tile), RIGHT_TURNED: isTurned ? 1 : 0 },
      inputs: [windows, filters],
      output: products,
      scratch: [products],
      integers: [tiles, outChannels, PLACES, inChannels],
      workgroups: PLACES * workgroupsOf(tile, tiles, outChannels),
    },
    {
      shader: 'winogradOutput',
      inputs: [products, slots.bias, slots.residual],
      output: slots.output,
      integers: [
        ...[tiles, down, across, outHeight, outWidth, outChannels / 4],
        slots.bias ? 1 : 0,
        slots.residual ? 1 : 0,
      ],
      reals: [activation.slope, ceilingOf(activation)],
      workgroups: workgroupsFor((tiles * outChannels) / 4),
    },
  ];
}
