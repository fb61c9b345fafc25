import type { Face } from './faces';

/** A part of the page. It is made when the reader comes near. */
export interface Panel {
  /** Of the section, and what links end in. */
  id: string;
  title: string;
  /** A few words in the navigation. */
  short: string;
  /** What one sees here, in a sentence or two. */
  lead: string;
  /** Chapters that explain it, by their names in docs/. */
  chapters: readonly string[];
  /** Files that carry it out; docs/index.md links to each, so that the site has a page for it. */
  files: readonly string[];
  mount(root: HTMLElement): void;
}

/** Something that the panels share; who watches is told of each change, and at once of what is there. */
export class Shared<T> {
  #value: T | undefined;
  readonly #watchers: ((value: T) => void)[] = [];

  get value(): T | undefined {
    return this.#value;
  }

  set(value: T): void {
    this.#value = value;
    for (const watch of this.#watchers) watch(value);
  }

  watch(watch: (value: T) => void): void {
    this.#watchers.push(watch);
    if (this.#value !== undefined) watch(this.#value);
  }
}

/** The face that the reader has chosen in the first panel and follows through the others. */
export const currentFace = new Shared<Face>();

/**
 * Carries out the latest of what is asked for, one at a time: what came in between is left out, so that a slider never
 * runs ahead of the engine.
 */
export function latestOnly<T>(work: (value: T) => Promise<void>): (value: T) => Promise<void> {
  let isBusy = false;
  const waiting: T[] = [];
  return async (value) => {
    waiting.splice(0, 1, value);
    if (isBusy) return;
    isBusy = true;
    try {
      while (waiting.length > 0) {
        const [next] = waiting.splice(0);
        await work(next);
      }
    } finally {
      isBusy = false;
    }
  };
}
