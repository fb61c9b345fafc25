import type { Backend } from '../kernels/backend';
import { templateChanges } from './counters';
import type { GalleryEmbedder } from './embedders';
import { type ComparedBy, EmbeddingMatrix } from './embedding-matrix';
import type { Gallery } from './gallery';
import type { Neighbour } from './nearest';
import { hasNearestIndex, nearestByIndex } from './nearest-index';
import type { VectorTable } from './vectors';

export interface SearchOptions {
  by?: ComparedBy;
  /** Compare with all, also where there is an index. */
  isExact?: boolean;
}

/**
 * The nearest people or photos of a gallery: by pgvector's index where one was built, else by comparing with all, on
 * the engine. Templates stay in memory from one search to the next, and are read anew after any change.
 */
export class GallerySearch {
  readonly #gallery: Gallery;
  readonly #embedder: GalleryEmbedder;
  readonly #backend: Backend;
  readonly #table: VectorTable;
  readonly #by: ComparedBy;
  readonly #isExact: boolean;
  #matrix: { matrix: EmbeddingMatrix; change: number } | undefined;

  /** The backend stays the caller's. */
  constructor(
    gallery: Gallery,
    embedder: GalleryEmbedder,
    backend: Backend,
    table: VectorTable,
    { by = 'best', isExact = false }: SearchOptions = {},
  ) {
    this.#gallery = gallery;
    this.#embedder = embedder;
    this.#backend = backend;
    this.#table = table;
    this.#by = by;
    this.#isExact = isExact;
  }

  /**
   * @param probes of length 1
   * @returns of each probe the nearest owners, and with how many vectors it was compared, be it by the index
   */
  async nearest(
    probes: readonly Float32Array[],
    count: number,
  ): Promise<{ neighbours: Neighbour[][]; compared: number }> {
    const { database } = this.#gallery;
    if (!this.#isExact && this.#by === 'best' && (await hasNearestIndex(database, this.#table, this.#embedder))) {
      const neighbours = await nearestByIndex(database, this.#table, this.#embedder, probes, count);
      return { neighbours, compared: await this.#size() };
    }
    const matrix = await this.#current();
    return { neighbours: await matrix.nearest(probes, count), compared: matrix.size };
  }

  dispose(): void {
    this.#matrix?.matrix.dispose();
    this.#matrix = undefined;
  }

  async #current(): Promise<EmbeddingMatrix> {
    const change = await this.#change();
    if (this.#matrix && this.#matrix.change === change) return this.#matrix.matrix;
    this.dispose();
    const { database } = this.#gallery;
    const matrix = await EmbeddingMatrix.load(this.#backend, database, this.#table, this.#embedder, this.#by);
    this.#matrix = { matrix, change };
    return matrix;
  }

  /** Another number after each change of the templates; of the index, which changes with each photo, always another. */
  async #change(): Promise<number> {
    if (this.#table === 'face') return Number.NaN;
    return templateChanges(this.#gallery.database);
  }

  async #size(): Promise<number> {
    const [{ count }] = await this.#gallery.database.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM likeness.${this.#table} WHERE embedder_id = $1`,
      [this.#embedder.id],
    );
    return count;
  }
}
