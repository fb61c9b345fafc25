import { button, html } from '../dom';
import type { Layer } from './face-walk';
import { blocksOf, isOnShortcut, shapeInWords, shortName, titleOf } from './words';

/** The network from left to right: a column a block, a button a layer. One stop for the Tab key, arrows inside. */
export class LayerStrip {
  readonly element = html('div', { class: 'network-strip', role: 'toolbar', 'aria-label': 'Layers of the network' });
  readonly #onChoice: (place: number) => void;
  #buttons: HTMLButtonElement[] = [];
  #columns: number[][] = [];
  #chosen = 0;

  constructor(onChoice: (place: number) => void) {
    this.#onChoice = onChoice;
    this.element.addEventListener('keydown', (event) => this.#move(event));
  }

  show(layers: readonly Layer[], chosen: number): void {
    const blocks = blocksOf(layers);
    this.#columns = blocks.map(({ places }) => places);
    this.#buttons = [];
    const columns = blocks.map(({ title, block, places }) => {
      const last = layers[places[places.length - 1]];
      const buttons = places.map((place) => {
        const layer = layers[place];
        const made = button(shortName(layer), () => this.#onChoice(place), {
          'aria-label': `${shortName(layer)}; ${title}: ${titleOf(layer)}, ${shapeInWords(layer.shape)}`,
          'aria-pressed': 'false',
          'data-shortcut': isOnShortcut(layer, layers),
          tabindex: -1,
        });
        this.#buttons[place] = made;
        return made;
      });
      return html(
        'div',
        { class: 'network-block', 'data-residual': places.some((place) => layers[place].kind === 'add') },
        html('strong', { title: block }, title),
        html('span', {}, shapeInWords(last.shape)),
        ...buttons,
      );
    });
    this.element.replaceChildren(...columns);
    this.choose(chosen);
  }

  choose(place: number): void {
    for (const [before, isChosen] of [
      [this.#chosen, false],
      [place, true],
    ] as const) {
      this.#buttons[before]?.setAttribute('aria-pressed', String(isChosen));
      this.#buttons[before]?.setAttribute('tabindex', isChosen ? '0' : '-1');
    }
    this.#chosen = place;
  }

  #move(event: KeyboardEvent): void {
    const column = this.#columns.findIndex((places) => places.includes(this.#chosen));
    const beside = (step: number) => {
      const places = this.#columns[column + step] ?? this.#columns[column];
      return places[Math.min(places.length - 1, this.#columns[column].indexOf(this.#chosen))];
    };
    const next = new Map([
      ['ArrowUp', this.#chosen - 1],
      ['ArrowDown', this.#chosen + 1],
      ['ArrowLeft', beside(-1)],
      ['ArrowRight', beside(1)],
      ['Home', 0],
      ['End', this.#buttons.length - 1],
    ]).get(event.key);
    if (next === undefined || !this.#buttons[next]) return;
    event.preventDefault();
    this.#buttons[next].focus();
    this.#onChoice(next);
  }
}
