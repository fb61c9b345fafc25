import type { Backend } from '../kernels/backend';
import { type GalleryEmbedder, GalleryError } from './embedders';
import {
  operatingPoints,
  probabilities,
  rateOfComparison,
  type SearchThreshold,
  thresholdForComparison,
} from './false-matches';
import type { Gallery } from './gallery';
import { GallerySearch, type SearchOptions } from './search';

export interface IdentifierOptions extends SearchOptions {
  /** The share of searches for somebody unknown that may name someone all the same. Default 0.01. */
  falseMatchRate?: number;
  /** The largest distance that counts, in place of the one that follows from the rate and the gallery's size. */
  threshold?: number;
}

export interface GalleryCandidate {
  name: string;
  /** Euclidean, 0 to 2, to the nearest template of the person, or to their mean. */
  distance: number;
  /** That it is this person, 0 to 1: see probabilities(). There is none for a model that is not calibrated. */
  probability?: number;
}

export interface GalleryAnswer {
  /** The nearest person, where near enough; nobody known otherwise. */
  person?: GalleryCandidate;
  /** The nearest people, near enough or not. */
  top: GalleryCandidate[];
}

export interface Identified {
  answers: GalleryAnswer[];
  /** By what it was decided. */
  threshold: number;
  /** What is known of the threshold, unless the caller chose it. */
  chosen?: SearchThreshold;
  /** With how many templates each face was compared, or with how many people by their means. */
  compared: number;
}

const DEFAULT_RATE = 0.01;

/** Who of a gallery is it, or nobody? */
export class Identifier {
  readonly #gallery: Gallery;
  readonly #embedder: GalleryEmbedder;
  readonly #options: IdentifierOptions;
  readonly #search: GallerySearch;

  private constructor(gallery: Gallery, embedder: GalleryEmbedder, backend: Backend, options: IdentifierOptions) {
    this.#gallery = gallery;
    this.#embedder = embedder;
    this.#options = options;
    this.#search = new GallerySearch(gallery, embedder, backend, 'template', options);
  }

  /**
   * @param backend where to compare; it stays the caller's
   * @throws GalleryError when the gallery is empty
   */
  static async open(gallery: Gallery, backend: Backend, options: IdentifierOptions = {}): Promise<Identifier> {
    const embedder = await gallery.embedder();
    if (!embedder) throw new GalleryError(`the gallery ${gallery.place} knows nobody yet; likeness enroll adds people`);
    return new Identifier(gallery, embedder, backend, options);
  }

  /**
   * @param probes embeddings of length 1, by the embedder of the gallery
   * @param count how many people to name, near enough or not
   */
  async identify(probes: readonly Float32Array[], count = 5): Promise<Identified> {
    const { neighbours, compared } = await this.#search.nearest(probes, count);
    const names = await this.#names(neighbours.flatMap((list) => list.map(({ owner }) => owner)));
    const { threshold, chosen } = this.#threshold(compared);
    const people = await this.#countPeople();
    const { calibration } = this.#embedder;
    const answers = neighbours.map((list): GalleryAnswer => {
      // Whoever was forgotten since the search has no name any more, and is no candidate.
      const present = list.filter(({ owner }) => names.has(owner));
      const chances =
        calibration &&
        probabilities(
          present.map(({ distance }) => distance),
          people,
          calibration,
        );
      const top = present.map(
        ({ owner, distance }, k): GalleryCandidate => ({
          name: names.get(owner) ?? '',
          distance,
          ...(chances && { probability: chances[k] }),
        }),
      );
      const isNear = top.length > 0 && top[0].distance <= threshold;
      return { ...(isNear && { person: top[0] }), top };
    });
    return { answers, threshold, compared, ...(chosen && { chosen }) };
  }

  dispose(): void {
    this.#search.dispose();
  }

  #threshold(compared: number): { threshold: number; chosen?: SearchThreshold } {
    const { threshold, falseMatchRate = DEFAULT_RATE } = this.#options;
    if (threshold !== undefined) return { threshold };
    const chosen = thresholdOf(this.#embedder, rateOfComparison(falseMatchRate, compared));
    return { threshold: chosen.threshold, chosen };
  }

  async #names(ids: readonly number[]): Promise<Map<number, string>> {
    const rows = await this.#gallery.database.query<{ id: number; name: string }>(
      'SELECT id, name FROM likeness.person WHERE id = ANY($1::int[])',
      [[...new Set(ids)]],
    );
    return new Map(rows.map(({ id, name }) => [id, name]));
  }

  async #countPeople(): Promise<number> {
    const [{ count }] = await this.#gallery.database.query<{ count: number }>(
      'SELECT count(*)::int AS count FROM likeness.person',
    );
    return count;
  }
}

/** The threshold at which a comparison lets strangers through at a rate, of the gallery's embedder. */
export function thresholdOf(embedder: GalleryEmbedder, rate: number): SearchThreshold {
  return thresholdForComparison(rate, operatingPoints(embedder.name, embedder.isFlipped, embedder.calibration));
}
