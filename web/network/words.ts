import { digits } from '../dom';
import { KINDS, type MapShape } from './explain';
import type { Layer } from './face-walk';

/** With a true minus sign. */
export const signed = (value: number, count = 4): string => digits(value, count).replaceAll('-', '−');

const sides = ({ window }: Layer): string =>
  window ? `${window.height}×${window.width}${window.stride > 1 ? ` /${window.stride}` : ''}` : '';

/** A few letters in the diagram. */
const SHORT: Record<Layer['kind'], (layer: Layer) => string> = {
  picture: () => 'chip',
  conv2d: (layer) => `conv ${sides(layer)}`,
  scaleShift: () => 'scale',
  activation: () => 'ReLU',
  add: () => '+ x',
  maxPool2d: (layer) => `max ${sides(layer)}`,
  averagePool2d: (layer) => `mean ${sides(layer)}`,
  pad: () => 'pad',
  globalAveragePool: () => 'mean of all',
  matmul: () => 'dense',
  l2Normalize: () => 'x / ‖x‖',
};

export const shortName = (layer: Layer): string => SHORT[layer.kind](layer);

export function titleOf(layer: Layer): string {
  if (layer.kind === 'picture') return 'The aligned chip';
  return [KINDS[layer.kind].title, sides(layer).replace(' /', ', stride ')].filter(Boolean).join(' ');
}

export const formulaOf = ({ kind }: Layer): string =>
  kind === 'picture' ? 'X(i, j, c): red, green and blue, from 0 to 255' : KINDS[kind].formula;

export const shapeInWords = ({ height, width, channels }: MapShape): string => `${height} × ${width} × ${channels}`;

/** The parts of the network, in their order, as readers of a paper would call them. */
export function blocksOf(layers: readonly Layer[]): { title: string; block: string; places: number[] }[] {
  const blocks = new Map<string, number[]>();
  for (const [place, { block }] of layers.entries()) blocks.set(block, [...(blocks.get(block) ?? []), place]);
  let residual = 0;
  return Array.from(blocks, ([block, places]) => {
    const [first] = places;
    if (places.some((place) => layers[place].kind === 'add')) return { title: `Block ${++residual}`, block, places };
    if (first === 0) return { title: 'Input', block, places };
    return { title: layers[first].kind === 'conv2d' ? 'Stem' : 'Embedding', block, places };
  });
}

/** Whether it lies on the way around the convolutions of a block. */
export const isOnShortcut = (layer: Layer, layers: readonly Layer[]): boolean =>
  layer.kind === 'averagePool2d' || (layer.kind === 'pad' && layers[layer.inputs[0]].kind === 'averagePool2d');
