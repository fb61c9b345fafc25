/** Kernels that go number by number: one loop, and for each kernel a line or two of arithmetic. */
import { type FunctionBuilder, f32x4, i32, type Local, type V128, v128 } from './assembler';
import { type Job, singleFunction } from './job';
import { mapRun } from './runs';

export interface Elementwise {
  /** Names the arithmetic, with any constants in it. */
  key: string;
  length: number;
  output: number;
  /** Addresses of operands as long as the output. */
  streams: readonly number[];
  /** Addresses of operands that are repeated along the output, one for each channel. */
  vectors?: readonly number[];
  channels?: number;
  /** Numbers that should not be in the code because they change from call to call. */
  factors?: readonly number[];
  compute(f: FunctionBuilder, values: { streams: V128[]; vectors: V128[]; factors: V128[] }): V128;
}

/** Numbers of a piece where nothing is repeated: 8 KB, so that piece and result stay in the first cache. */
const CHUNK = 2048;

export const elementwiseJob = (kernel: Elementwise): Job => {
  const { key, length, output, streams, vectors = [], factors = [], compute } = kernel;
  // A vector over channels makes each row a piece, so that channel and position in the row are the same.
  const rowLength = vectors.length > 0 ? (kernel.channels ?? 1) : CHUNK;
  return {
    code: singleFunction(`elementwise ${key}`, ({ f, first, end }) => {
      const total = f.parameter('i32');
      const rowNumbers = f.parameter('i32');
      const target = f.parameter('i32');
      const streamStarts = streams.map(() => f.parameter('i32'));
      const vectorStarts = vectors.map(() => f.parameter('i32'));
      const factorVectors = factors.map(() => f.parameter('f32')).map((factor) => f.let(f32x4.splat(factor)));
      const row = f.local('i32');
      const loadAt =
        (at: Local<'i32'>, shift: number) =>
        (start: Local<'i32'>): V128 =>
          v128.load(i32.add(start, at), shift);
      f.set(row, i32.mul(first, rowNumbers));
      for (const start of [target, ...streamStarts]) f.advance(start, i32.shl(row, 2));
      f.forRange(first, end, 1, () => {
        const numbers = f.let(i32.sub(total, row));
        f.set(numbers, i32.min(numbers, rowNumbers));
        mapRun(f, target, i32.shl(numbers, 2), (at, shift) =>
          compute(f, {
            streams: streamStarts.map(loadAt(at, shift)),
            vectors: vectorStarts.map(loadAt(at, shift)),
            factors: factorVectors,
          }),
        );
        f.advance(row, rowNumbers);
        for (const start of [target, ...streamStarts]) f.advance(start, i32.shl(rowNumbers, 2));
      });
    }),
    arguments: [length, rowLength, output, ...streams, ...vectors, ...factors],
    pieces: Math.ceil(length / rowLength),
    // Moving numbers is dearer than multiplying them.
    work: length * 4,
  };
};

/** left[i] (operation) right[i mod rightLength], addressed as a stream where nothing repeats. */
export const repeatedRight = (
  operation: Pick<Elementwise, 'key' | 'length' | 'output'>,
  left: number,
  right: number,
  rightLength: number,
  compute: (f: FunctionBuilder, left: V128, right: V128) => V128,
): Job =>
  rightLength === operation.length
    ? elementwiseJob({
        ...operation,
        streams: [left, right],
        compute: (f, { streams }) => compute(f, streams[0], streams[1]),
      })
    : elementwiseJob({
        ...operation,
        key: `${operation.key} repeated`,
        streams: [left],
        vectors: [right],
        channels: rightLength,
        compute: (f, { streams, vectors }) => compute(f, streams[0], vectors[0]),
      });
