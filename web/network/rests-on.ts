import { choice, html, messageOf, paint, picture, table } from '../dom';
import type { Face } from '../faces';
import { latestOnly } from '../panel';
import { drawMap, occlusionOf } from '../panels/occlusion-map';
import type { Layer } from './face-walk';
import { blocksOf } from './words';

/** Where Grad-CAM looks at first: maps of as many places as the squares of the other map. */
const FIRST = 'conv128_2';
/** Maps with more rows than this are not also told as a table. */
const MOST_ROWS = 8;

/** Two answers to what an embedding rests on, side by side: by the gradient, and by covering. */
export class RestsOn {
  readonly element = html('div', { class: 'network-rests-on', hidden: true });
  readonly #gradCam: (layer: number) => Promise<number[]>;
  readonly #chip = picture('the face, upright', undefined, { class: 'chip' });
  readonly #byGradient = picture('what the embedding rests on, by the gradient', undefined, { class: 'chip' });
  readonly #byCovering = picture('what the embedding rests on, by covering squares', undefined, { class: 'chip' });
  readonly #problem = html('p', { class: 'problem', role: 'status' });
  readonly #numbers = html('details', { class: 'network-numbers' });
  #choice: ReturnType<typeof choice> | undefined;
  #places = new Map<string, number>();
  #layers: readonly Layer[] = [];
  #face: Face | undefined;

  /** @param gradCam the map of a layer of the face that is shown, row by row */
  constructor(gradCam: (layer: number) => Promise<number[]>) {
    this.#gradCam = gradCam;
  }

  show(face: Face, layers: readonly Layer[]): void {
    this.#face = face;
    this.#layers = layers;
    if (!this.#choice) this.#choice = this.#build(layers);
    paint(this.#chip, face.chip);
    this.element.hidden = false;
    this.#tell(this.#byTheGradient());
    this.#tell(this.#byCovers(face));
  }

  async #tell(work: Promise<void>): Promise<void> {
    try {
      await work;
      this.#problem.textContent = '';
    } catch (error) {
      this.#problem.textContent = messageOf(error);
    }
  }

  #build(layers: readonly Layer[]) {
    const blocks = blocksOf(layers).filter(({ title }) => title.startsWith('Block'));
    this.#places = new Map(blocks.map(({ block, places }) => [block, places[places.length - 1]]));
    const nameOf = (block: string) => {
      const { shape } = layers[this.#places.get(block) ?? 0];
      return `${blocks.find((one) => one.block === block)?.title}: ${shape.height} × ${shape.width} places`;
    };
    const made = choice('Maps of', [...this.#places.keys()], () => this.#tell(this.#byTheGradient()), nameOf);
    made.set(FIRST);
    const figure = (canvas: HTMLCanvasElement, caption: string) =>
      html('figure', {}, canvas, html('figcaption', {}, caption));
    this.element.append(
      html('h3', {}, 'What the embedding rests on'),
      html(
        'p',
        { class: 'quiet' },
        'Grad-CAM (Selvaraju et al. 2017, section 3) asks for the gradient of one number. Here it is the length of the ' +
          'embedding along itself, e · e₀ / |e₀| with e₀ held still: what makes it longer speaks for this face. Each map of a ' +
          'layer counts as much as its gradient is on average, and what is negative in the sum is left out. Covering asks ' +
          'more directly, and moves the whole embedding (of the chip and its mirror image): the two need not agree.',
      ),
      html('div', { class: 'controls' }, made.element),
      html(
        'div',
        { class: 'network-answers' },
        figure(this.#chip, 'The chip'),
        figure(this.#byGradient, 'Grad-CAM'),
        figure(this.#byCovering, 'Covered square by square'),
      ),
      this.#problem,
      this.#numbers,
    );
    return made;
  }

  readonly #byTheGradient = latestOnly<void>(async () => {
    const [face, block] = [this.#face, this.#choice?.value() ?? FIRST];
    const place = this.#places.get(block) ?? 0;
    const { height, width } = this.#layers[place].shape;
    const map = await this.#gradCam(place);
    if (!face) return;
    drawMap(this.#byGradient, face.chip, width, map);
    const rows = Array.from({ length: height }, (_, i) => map.slice(i * width, (i + 1) * width));
    this.#numbers.hidden = height > MOST_ROWS;
    this.#numbers.replaceChildren(html('summary', {}, 'Its numbers'));
    if (height <= MOST_ROWS)
      this.#numbers.append(
        table(
          Array.from({ length: width }, (_, j) => String(j)),
          rows.map((row) => row.map((value) => value.toExponential(3))),
          'Grad-CAM, row by row',
        ),
      );
    this.element.dataset.gradCam = block;
  });

  readonly #byCovers = latestOnly<Face>(async ({ chip }) => {
    const { squares, distances } = await occlusionOf(chip);
    drawMap(this.#byCovering, chip, squares, distances);
    this.element.dataset.covered = String(squares);
  });
}
