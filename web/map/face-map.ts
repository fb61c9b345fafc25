import { html, listen, svg } from '../dom';
import type { MappedFace } from './found-faces';
import type { Near } from './neighbours';
import type { Place } from './places';

/** More pictures than that do not glide to their places: it would take the browser too long. */
const MOST_GLIDING = 200;
/** Pictures are smaller where there are more. */
const CROWDED = [120, 400];

/**
 * Moved and scaled so that they fill a square from 0 to 1; a single one lies in the middle.
 *
 * @param isStretched each axis on its own, where lengths say nothing; else both alike
 */
export function fitted(places: readonly Place[], isStretched = false): Place[] {
  const extent = (axis: 0 | 1): readonly [middle: number, size: number] => {
    const values = places.map((place) => place[axis]);
    const [low, high] = values.reduce(
      ([least, most], value) => [Math.min(least, value), Math.max(most, value)],
      [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
    );
    return [(low + high) / 2, high - low];
  };
  const [[x, width], [y, height]] = [extent(0), extent(1)];
  const larger = Math.max(width, height);
  const [across, up] = (isStretched ? [width, height] : [larger, larger]).map((size) => size || 1);
  return places.map((place) => [0.5 + (place[0] - x) / across, 0.5 + (place[1] - y) / up]);
}

/** The nearest place in a direction, at most 45 degrees off it; undefined where there is none. */
export function nextTowards(places: readonly Place[], from: number, [dx, dy]: Place): number | undefined {
  let best: { place: number; distance: number } | undefined;
  for (const [place, [x, y]] of places.entries()) {
    const [across, up] = [x - places[from][0], y - places[from][1]];
    const along = across * dx + up * dy;
    const aside = Math.abs(across * dy - up * dx);
    if (place === from || along <= 0 || aside > along) continue;
    const distance = Math.hypot(along, aside);
    if (!best || distance < best.distance) best = { place, distance };
  }
  return best?.place;
}

/** In the plane of the screen, where y grows downwards. */
const ARROWS: Readonly<Record<string, Place>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** Colours of groups go round the circle by the golden angle, so that neighbours in number differ. */
export const hueOf = (group: number): string => String(Math.round(265 + 137.5 * group) % 360);

/**
 * Faces in a plane. One of them is chosen: Tab leads to it, and the arrow keys from it to others. Pointing at one shows it
 * for as long as the pointer is there.
 */
export class FaceMap {
  readonly element = html('div', { class: 'map', role: 'group', 'aria-label': 'Map of the faces' });
  readonly #lines = svg('svg', {
    viewBox: '0 0 1 1',
    preserveAspectRatio: 'none',
    'aria-hidden': 'true',
    class: 'map-lines',
  });
  readonly #plane = html('div', { class: 'map-plane' }, this.#lines);
  readonly #onShow: (face: number) => void;
  #buttons: HTMLButtonElement[] = [];
  #places: Place[] = [];
  #chosen = 0;

  /** @param onShow told of the face that is chosen or pointed at */
  constructor(onShow: (face: number) => void) {
    this.#onShow = onShow;
    this.element.append(this.#plane);
    listen(this.element, 'keydown', (event) => this.#hear(event));
  }

  get chosen(): number {
    return this.#chosen;
  }

  clear(): void {
    for (const button of this.#buttons) button.remove();
    this.#buttons = [];
    this.#places = [];
    this.#chosen = 0;
    this.#lines.replaceChildren();
  }

  add({ name, picture }: MappedFace, place: Place): void {
    const face = this.#buttons.length;
    const button = html(
      'button',
      { type: 'button', class: 'map-face', 'aria-label': name, tabindex: face === 0 ? 0 : -1, title: name },
      html('img', { src: picture, alt: '', draggable: 'false' }),
    );
    listen(button, 'click', () => this.choose(face));
    listen(button, 'focus', () => this.choose(face));
    listen(button, 'pointerenter', ({ pointerType }) => pointerType === 'mouse' && this.#onShow(face));
    listen(button, 'pointerleave', ({ pointerType }) => pointerType === 'mouse' && this.#onShow(this.#chosen));
    this.#buttons.push(button);
    this.#places.push(place);
    this.#plane.append(button);
    this.#put(face);
    this.element.dataset.crowd = String(CROWDED.filter((count) => this.#buttons.length > count).length);
    this.element.classList.toggle('gliding', this.#buttons.length <= MOST_GLIDING);
  }

  /** @param isStretched see fitted() */
  moveTo(places: readonly Place[], isStretched: boolean): void {
    this.#places = fitted(places, isStretched);
    for (const face of this.#places.keys()) this.#put(face);
  }

  choose(face: number): void {
    this.#chosen = face;
    for (const [k, button] of this.#buttons.entries()) {
      button.tabIndex = k === face ? 0 : -1;
      button.setAttribute('aria-pressed', String(k === face));
    }
    this.#onShow(face);
  }

  focus(face: number): void {
    this.#buttons[face]?.focus();
  }

  /** Lines from a face to others; whole to those that are taken for the same person. */
  connect(face: number, near: readonly Near[], threshold: number): void {
    const [x1, y1] = this.#places[face];
    this.#lines.replaceChildren(
      ...near.map(({ face: other, distance }) => {
        const [x2, y2] = this.#places[other];
        return svg('line', { x1, y1, x2, y2, ...(distance > threshold && { class: 'other' }) });
      }),
    );
    for (const [k, button] of this.#buttons.entries()) button.classList.toggle('shown', k === face);
  }

  /** Outlines each face in the colour of its group, and says its number; those on their own have none. */
  group(groups: readonly number[], isAlone: (group: number) => boolean, names: readonly string[]): void {
    for (const [k, button] of this.#buttons.entries()) {
      const number = isAlone(groups[k]) ? undefined : groups[k];
      button.classList.toggle('alone', number === undefined);
      button.style.setProperty('--hue', hueOf(groups[k]));
      button.dataset.group = number === undefined ? '' : String(number + 1);
      button.setAttribute('aria-label', `${names[k]}, ${number === undefined ? 'on its own' : `group ${number + 1}`}`);
    }
  }

  /** Dims all others, or none. */
  light(isLit: ((face: number) => boolean) | undefined): void {
    for (const [k, button] of this.#buttons.entries()) button.classList.toggle('dim', isLit !== undefined && !isLit(k));
  }

  #put(face: number): void {
    const [x, y] = this.#places[face];
    this.#buttons[face].style.left = `${100 * x}%`;
    this.#buttons[face].style.top = `${100 * y}%`;
  }

  #hear(event: KeyboardEvent): void {
    const ends: Record<string, number> = { Home: 0, End: this.#buttons.length - 1 };
    const towards = ARROWS[event.key];
    const next = towards ? nextTowards(this.#places, this.#chosen, towards) : ends[event.key];
    if (towards || next !== undefined) event.preventDefault();
    if (next !== undefined) this.focus(next);
  }
}
