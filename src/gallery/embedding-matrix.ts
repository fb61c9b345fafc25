import type { Backend } from '../kernels/backend';
import { matmul } from '../tensor/ops/matmul';
import { scope, unscoped } from '../tensor/scope';
import { Tensor } from '../tensor/tensor';
import type { Queries } from './database';
import { type Neighbour, Ranking } from './nearest';
import { readTable, type VectorTable } from './vectors';

/** Rows of a block: 16 MB of 128 numbers each, so that a block's cosines are read while they are still near. */
const BLOCK_ROWS = 32_768;
/** Probes of one product: its result is as large as a block then. */
const PROBES_AT_ONCE = 128;

/** What a person is compared by: the best of his templates, or their mean. */
export type ComparedBy = 'best' | 'mean';

interface Block {
  rows: number;
  ids: Int32Array;
  owners: Int32Array;
  /** [rows, dimension], each row of length 1 */
  vectors: Tensor;
}

/** Embeddings in the engine's memory: a probe is compared with all of them by one product of matrices a block. */
export class EmbeddingMatrix {
  readonly size: number;
  readonly #backend: Backend;
  readonly #dimension: number;
  readonly #blocks: readonly Block[];

  private constructor(backend: Backend, dimension: number, blocks: readonly Block[]) {
    this.#backend = backend;
    this.#dimension = dimension;
    this.#blocks = blocks;
    this.size = blocks.reduce((sum, { rows }) => sum + rows, 0);
  }

  static async load(
    backend: Backend,
    queries: Queries,
    table: VectorTable,
    embedder: { id: number; dimension: number },
    by: ComparedBy = 'best',
  ): Promise<EmbeddingMatrix> {
    const { dimension } = embedder;
    const builder = new MatrixBuilder(backend, dimension);
    const means = new Map<number, Float32Array>();
    for await (const { ids, owners, vectors } of readTable(queries, table, embedder))
      for (let row = 0; row < ids.length; row++) {
        const vector = vectors.subarray(row * dimension, (row + 1) * dimension);
        if (by === 'best') {
          builder.add(ids[row], owners[row], vector);
          continue;
        }
        const sum = means.get(owners[row]) ?? new Float32Array(dimension);
        for (let k = 0; k < dimension; k++) sum[k] += vector[k];
        means.set(owners[row], sum);
      }
    for (const [owner, sum] of means) builder.add(0, owner, withLengthOne(sum));
    return new EmbeddingMatrix(backend, dimension, builder.finish());
  }

  /**
   * The nearest owners of each probe, the nearest first.
   * @param probes of length 1
   */
  async nearest(probes: readonly Float32Array[], count: number): Promise<Neighbour[][]> {
    const found: Neighbour[][] = [];
    for (let from = 0; from < probes.length; from += PROBES_AT_ONCE)
      found.push(...(await this.#nearestOfSome(probes.slice(from, from + PROBES_AT_ONCE), count)));
    return found;
  }

  dispose(): void {
    for (const { vectors } of this.#blocks) vectors.dispose();
  }

  async #nearestOfSome(probes: readonly Float32Array[], count: number): Promise<Neighbour[][]> {
    const ranking = new Ranking(probes.length, count);
    const flat = new Float32Array(probes.length * this.#dimension);
    for (const [k, probe] of probes.entries()) flat.set(probe, k * this.#dimension);
    for (const { rows, ids, owners, vectors } of this.#blocks) {
      const cosines = await this.#cosines(vectors, flat, probes.length);
      for (let row = 0, at = 0; row < rows; row++)
        for (let probe = 0; probe < probes.length; probe++, at++)
          if (cosines[at] > ranking.least[probe]) ranking.add(probe, owners[row], ids[row], cosines[at]);
    }
    return ranking.neighbours();
  }

  /** @returns [rows, probes] */
  #cosines(vectors: Tensor, probes: Float32Array, count: number) {
    using _ = scope();
    const right = Tensor.from(this.#backend, probes, [count, this.#dimension]);
    return matmul(vectors, right, undefined, { transposeRight: true }).data();
  }
}

class MatrixBuilder {
  readonly #backend: Backend;
  readonly #dimension: number;
  readonly #blocks: Block[] = [];
  readonly #values: Float32Array;
  #ids: number[] = [];
  #owners: number[] = [];

  constructor(backend: Backend, dimension: number) {
    this.#backend = backend;
    this.#dimension = dimension;
    this.#values = new Float32Array(BLOCK_ROWS * dimension);
  }

  add(id: number, owner: number, vector: Float32Array): void {
    this.#values.set(vector, this.#ids.length * this.#dimension);
    this.#ids.push(id);
    this.#owners.push(owner);
    if (this.#ids.length === BLOCK_ROWS) this.#close();
  }

  finish(): Block[] {
    if (this.#ids.length > 0) this.#close();
    return this.#blocks;
  }

  #close(): void {
    const rows = this.#ids.length;
    const values = this.#values.subarray(0, rows * this.#dimension);
    const vectors = unscoped(() => Tensor.from(this.#backend, values, [rows, this.#dimension]));
    this.#blocks.push({ rows, ids: Int32Array.from(this.#ids), owners: Int32Array.from(this.#owners), vectors });
    this.#ids = [];
    this.#owners = [];
  }
}

function withLengthOne(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector);
  return vector.map((value) => value / Math.max(length, 1e-12));
}
