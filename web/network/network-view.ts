import { facts, html, inPercent, listen, messageOf } from '../dom';
import { type Face, startWorker, wantedDevice } from '../faces';
import { latestOnly } from '../panel';
import type { NetworkWalk } from '../workers/network-worker';
import { colourFilter, drawEnlarged, drawGrid, type Grid, legend, pictureOf } from './drawing';
import type { Explanation, Seen } from './explain';
import { ExplanationView } from './explanation-view';
import type { Filter, Layer, Maps } from './face-walk';
import { LayerStrip } from './layer-strip';
import { RestsOn } from './rests-on';
import { blocksOf, formulaOf, shapeInWords, shortName, signed, titleOf } from './words';

/** The first convolution: its filters are colours. */
const FIRST_LAYER = 2;

/** Where the reader is: the place of a pixel as a share of the map, which it keeps from layer to layer. */
interface Position {
  layer: number;
  channel: number;
  row: number;
  column: number;
}

const KEYS = new Map([
  ['ArrowUp', [-1, 0]],
  ['ArrowDown', [1, 0]],
  ['ArrowLeft', [0, -1]],
  ['ArrowRight', [0, 1]],
]);

/** The network on one face: a diagram, a layer's maps, and how one of its numbers came about. */
export class NetworkView {
  readonly #root: HTMLElement;
  readonly #worker = startWorker<NetworkWalk>('network-worker.js');
  readonly #strip = new LayerStrip((place) => this.#goTo({ layer: place }));
  readonly #restsOn = new RestsOn((layer) => this.#worker.gradCam(layer));
  readonly #problem = html('p', { class: 'problem', role: 'status' });
  readonly #heading = html('div', { class: 'network-heading' }, html('p', { class: 'quiet' }, 'The network looks …'));
  readonly #grid = canvasOfNumbers('Maps of the layer; arrow keys choose a channel');
  readonly #legend = html('div');
  readonly #pixels = canvasOfNumbers('The chosen map, enlarged; arrow keys choose a pixel');
  readonly #pixelsCaption = html('figcaption');
  readonly #inputs = html('div', { class: 'network-inputs' });
  readonly #explained = new ExplanationView();
  readonly #filters = html('div', { class: 'network-filters' });
  readonly #chosen = {
    channel: numberInput('Channel', (channel) => this.#goTo({ channel })),
    row: numberInput('Row', (row) => this.#goTo({ row: this.#share(row, 'height') })),
    column: numberInput('Column', (column) => this.#goTo({ column: this.#share(column, 'width') })),
  };

  #position: Position = { layer: FIRST_LAYER, channel: 0, row: 0.32, column: 0.3 };
  /** Whether the pixel stays where it is while the pointer moves. */
  #isHeld = false;
  #face: Face | undefined;
  #looked: Face | undefined;
  #layers: readonly Layer[] = [];
  readonly #maps = new Map<number, Promise<Maps>>();
  readonly #drawn = { maps: '', filters: '' };
  #shown: Grid = { columns: 1, rows: 1, step: 1 };

  constructor(root: HTMLElement) {
    this.#root = root;
    const figure = html('figure', { class: 'network-pixels' }, this.#pixels, this.#pixelsCaption);
    root.append(
      this.#strip.element,
      this.#problem,
      this.#heading,
      html(
        'div',
        { class: 'network-layer' },
        html('div', {}, html('h3', {}, 'Feature maps'), this.#grid, this.#legend, this.#filters),
        html(
          'div',
          {},
          html('h3', {}, 'One number, and what made it'),
          html('div', { class: 'controls' }, ...Object.values(this.#chosen).map(({ element }) => element)),
          html('div', { class: 'network-pictures' }, this.#inputs, figure),
          this.#explained.element,
        ),
      ),
      this.#restsOn.element,
    );
    listen(this.#grid, 'click', (event) => this.#choose(event));
    listen(this.#grid, 'keydown', (event) => this.#moveOverGrid(event));
    listen(this.#pixels, 'pointermove', (event) => {
      if (!this.#isHeld) this.#point(event);
    });
    listen(this.#pixels, 'click', (event) => this.#hold(event));
    listen(this.#pixels, 'keydown', (event) => this.#moveOverPixels(event));
  }

  show(face: Face): void {
    this.#face = face;
    this.#refresh();
  }

  #goTo(change: Partial<Position>): void {
    this.#position = { ...this.#position, ...change };
    this.#refresh();
  }

  readonly #refresh = latestOnly<void>(async () => {
    try {
      await this.#look();
      await this.#show();
      this.#problem.textContent = '';
    } catch (error) {
      this.#problem.textContent = messageOf(error);
    } finally {
      this.#root.removeAttribute('aria-busy');
    }
  });

  async #look(): Promise<void> {
    const face = this.#face;
    if (!face || face === this.#looked) return;
    this.#root.setAttribute('aria-busy', 'true');
    this.#layers = await this.#worker.look(wantedDevice(), face.chip);
    this.#looked = face;
    this.#maps.clear();
    this.#drawn.maps = '';
    this.#strip.show(this.#layers, this.#position.layer);
    this.#restsOn.show(face, this.#layers);
  }

  #mapsOf(layer: number): Promise<Maps> {
    const maps = this.#maps.get(layer) ?? this.#worker.maps(layer);
    this.#maps.set(layer, maps);
    return maps;
  }

  /** A place of the layer, of the share of its map. */
  #place() {
    const { channel, row, column, layer } = this.#position;
    const { shape } = this.#layers[layer];
    const within = (place: number, side: number) => Math.min(side - 1, Math.max(0, Math.floor(place)));
    return {
      channel: within(channel, shape.channels),
      row: within(row * shape.height, shape.height),
      column: within(column * shape.width, shape.width),
    };
  }

  /** The middle of a pixel, as a share of the map. */
  #share(place: number, side: 'height' | 'width'): number {
    const count = this.#layers[this.#position.layer]?.shape[side] ?? 1;
    return (Math.min(count - 1, Math.max(0, place)) + 0.5) / count;
  }

  async #show(): Promise<void> {
    const { layer } = this.#position;
    const described = this.#layers[layer];
    if (!described) return;
    const place = this.#place();
    const [maps, explanation, ...inputs] = await Promise.all([
      this.#mapsOf(layer),
      this.#worker.explain(layer, place),
      ...described.inputs.map((input) => this.#mapsOf(input)),
    ]);
    const onlyThese = new Set([layer, ...described.inputs]);
    for (const kept of this.#maps.keys()) if (!onlyThese.has(kept)) this.#maps.delete(kept);
    this.#drawLayer(described, maps, place.channel);
    this.#drawNumber(described, maps, inputs, explanation);
    await this.#showFilters(described, place.channel);
    this.#root.dataset.shown = [layer, place.channel, place.row, place.column].join(' ');
  }

  #drawLayer(layer: Layer, maps: Maps, channel: number): void {
    const { shape, statistics } = maps;
    const drawn = `${this.#position.layer} ${channel}`;
    if (this.#drawn.maps === drawn) return;
    this.#drawn.maps = drawn;
    this.#strip.choose(this.#position.layer);
    this.#heading.replaceChildren(...headingOf(layer, this.#layers, maps));
    const pictures = Array.from({ length: shape.channels }, (_, c) =>
      pictureOf(maps.values, shape, c, statistics.range),
    );
    this.#shown = drawGrid(this.#grid, pictures, channel);
    this.#grid.setAttribute(
      'aria-label',
      `The ${shape.channels} maps of the layer; channel ${channel} is chosen, arrow keys choose another`,
    );
    this.#legend.replaceChildren(legend(statistics.range, (value) => signed(value, 3)));
  }

  #drawNumber(layer: Layer, maps: Maps, inputs: readonly Maps[], explanation: Explanation | undefined): void {
    const { channel, row, column } = this.#place();
    const { shape, statistics } = maps;
    const isVector = shape.height * shape.width === 1;
    this.#chosen.channel.set(channel, shape.channels);
    this.#chosen.row.set(row, shape.height);
    this.#chosen.column.set(column, shape.width);
    this.#pixels.parentElement?.toggleAttribute('hidden', isVector);
    drawEnlarged(this.#pixels, pictureOf(maps.values, shape, channel, statistics.range), {
      ...{ top: row, left: column, height: 1, width: 1 },
    });
    this.#pixelsCaption.textContent = this.#isHeld ? 'This map, pixel held' : 'This map; click to hold a pixel';
    const seen = inputs.flatMap((input, k) => {
      const first = explanation?.seen.find((one) => one.input === k);
      return first && input.shape.height * input.shape.width > 1 ? [{ input, first }] : [];
    });
    this.#inputs.replaceChildren(...seen.map(({ input, first }) => inputFigure(input, first, inputName(layer, first))));
    const value = maps.values[(row * shape.width + column) * shape.channels + channel];
    this.#explained.show(formulaOf(layer), value, explanation, inputs[0]?.shape.channels ?? 0);
  }

  async #showFilters(layer: Layer, channel: number): Promise<void> {
    const { layer: at } = this.#position;
    const drawn = layer.kind === 'conv2d' ? `${at} ${channel}` : '';
    if (this.#drawn.filters === drawn) return;
    this.#drawn.filters = drawn;
    const filters = drawn ? await this.#worker.filters(at, channel) : [];
    this.#filters.replaceChildren(...(filters.length > 0 ? filtersView(filters, channel) : []));
  }

  #choose(event: MouseEvent): void {
    const [x, y] = sharesOf(event, this.#grid);
    const { columns, rows } = this.#shown;
    const channel = Math.floor(y * rows) * columns + Math.floor(x * columns);
    if (channel >= this.#layers[this.#position.layer].shape.channels) return;
    this.#goTo({ channel, column: (x * columns) % 1, row: (y * rows) % 1 });
  }

  #point(event: MouseEvent): void {
    const [column, row] = sharesOf(event, this.#pixels);
    this.#goTo({ row, column });
  }

  /** Holds the pixel that was clicked, so that the pointer may leave; lets go when the held one is clicked again. */
  #hold(event: MouseEvent): void {
    const before = this.#place();
    this.#point(event);
    const after = this.#place();
    this.#isHeld = !(this.#isHeld && before.row === after.row && before.column === after.column);
  }

  #moveOverGrid(event: KeyboardEvent): void {
    const step = KEYS.get(event.key);
    if (!step || !this.#layers[this.#position.layer]) return;
    event.preventDefault();
    const channel = this.#place().channel + step[0] * this.#shown.columns + step[1];
    if (channel >= 0 && channel < this.#layers[this.#position.layer].shape.channels) this.#goTo({ channel });
  }

  #moveOverPixels(event: KeyboardEvent): void {
    const step = KEYS.get(event.key);
    if (!step || !this.#layers[this.#position.layer]) return;
    event.preventDefault();
    const { row, column } = this.#place();
    this.#goTo({ row: this.#share(row + step[0], 'height'), column: this.#share(column + step[1], 'width') });
  }
}

/** A canvas that keys move over. */
const canvasOfNumbers = (label: string): HTMLCanvasElement =>
  html('canvas', { class: 'network-canvas', tabindex: 0, role: 'application', 'aria-label': label });

function sharesOf({ clientX, clientY }: MouseEvent, canvas: HTMLCanvasElement): [x: number, y: number] {
  const { left, top, width, height } = canvas.getBoundingClientRect();
  const within = (share: number) => Math.min(0.999999, Math.max(0, share));
  return [within((clientX - left) / width), within((clientY - top) / height)];
}

function numberInput(label: string, onChange: (value: number) => void) {
  const input = html('input', { type: 'number', min: 0, value: 0 });
  const element = html('label', {}, `${label} `, input);
  listen(input, 'input', () => {
    if (Number.isInteger(input.valueAsNumber)) onChange(input.valueAsNumber);
  });
  return {
    element,
    set(value: number, count: number) {
      input.max = String(count - 1);
      // What is being typed is left alone while it means the same.
      if (input.valueAsNumber !== value) input.value = String(value);
      element.hidden = count === 1;
    },
  };
}

function headingOf(layer: Layer, layers: readonly Layer[], { statistics }: Maps): HTMLElement[] {
  const { title } = blocksOf(layers).find(({ block }) => block === layer.block) ?? { title: '' };
  const { mean, deviation, min, max, zeros } = statistics;
  const from = layer.inputs.map((input) => shortName(layers[input])).join(' and ');
  return [
    html('h3', {}, `${title}: ${titleOf(layer)} `, html('code', {}, layer.weights ?? layer.block)),
    facts({
      Shape: shapeInWords(layer.shape),
      ...(from && { 'Reads from': from }),
      Mean: signed(mean),
      Deviation: signed(deviation),
      Smallest: signed(min),
      Largest: signed(max),
      'Exactly zero': inPercent(zeros),
      ...(layer.multiplyAdds > 0 && { 'Multiply-adds': layer.multiplyAdds.toLocaleString('en') }),
      ...(layer.milliseconds !== undefined && { 'This run, one thread': `${layer.milliseconds.toFixed(2)} ms` }),
    }),
  ];
}

function inputName({ kind }: Layer, { input, channel }: Seen): string {
  if (kind !== 'add') return `Input, channel ${channel}`;
  return `The ${input === 0 ? 'convolutions' : 'shortcut'}, channel ${channel}`;
}

/** What was looked at of an input, framed. */
function inputFigure({ values, shape, statistics }: Maps, seen: Seen, name: string): HTMLElement {
  const canvas = html('canvas', { role: 'img', 'aria-label': `${name}; a frame marks what was read` });
  drawEnlarged(canvas, pictureOf(values, shape, seen.channel, statistics.range), seen);
  return html('figure', { class: 'network-pixels' }, canvas, html('figcaption', {}, name));
}

function filtersView(filters: readonly Filter[], channel: number): HTMLElement[] {
  const [{ shape, values }] = filters;
  const size = `${shape.height}×${shape.width}`;
  const isColour = shape.channels === 3;
  const told = isColour
    ? `All ${filters.length} filters, each ${size} pixels in colour; grey is 0. The framed one makes this map.`
    : `The filter that makes this map: one slice of ${size} for each of the ${shape.channels} channels that come in.`;
  const range = Math.max(...values.map(Math.abs));
  const pictures = isColour
    ? filters.map((filter) => colourFilter(filter.values, filter.shape))
    : Array.from({ length: shape.channels }, (_, c) => pictureOf(values, shape, c, range));
  const canvas = html('canvas', { class: 'network-canvas', role: 'img', 'aria-label': told });
  drawGrid(canvas, pictures, isColour ? channel : undefined);
  return [html('h3', {}, 'Filters'), canvas, html('p', { class: 'quiet' }, told)];
}
