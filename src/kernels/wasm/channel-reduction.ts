/**
 * Sums over the rows of [rows, channels]. The rows are cut into chunks of some dozen, so that no sum in float32 is long;
 * a piece sums one chunk of sixteen channels. A second job, a piece a channel, adds the sums of the chunks in float64
 * and makes the results of them. The order is the same however many threads there are.
 */
import { type F64, type FunctionBuilder, f32, f32x4, f64, i32, type Local, type V128, v128 } from './assembler';
import { type Code, type Job, type Planning, singleFunction } from './job';

export interface ChannelSums {
  key: string;
  /** Operands as long as the rows together. */
  streams: number;
  /** Operands with one number a channel. */
  vectors: number;
  sums: number;
  /** What a row adds to each sum. `centres` are the means of the streams over the chunk. */
  terms(f: FunctionBuilder, values: { streams: V128[]; vectors: V128[]; centres: V128[] }): V128[];
  /** Takes the means first, rounded to float32, and writes them down behind the sums. */
  centred?: boolean;
}

export interface Sizes {
  length: number;
  channels: number;
}

export interface Chunks {
  rows: number;
  rowsOfChunk: number;
  count: number;
}

const VECTORS = 4;
const CHANNELS = VECTORS * 4;
const FEWEST_ROWS = 32;
const MOST_ROWS = 128;

export const chunksOf = ({ length, channels }: Sizes): Chunks => {
  const rows = length / channels;
  const rowsOfChunk = Math.min(Math.max(Math.ceil(Math.sqrt(rows)), FEWEST_ROWS), MOST_ROWS);
  return { rows, rowsOfChunk, count: Math.ceil(rows / rowsOfChunk) };
};

/** Sums of each chunk, [chunk][sum][channel], to the address. */
export const chunkSumsJob = (code: Code, sizes: Sizes, operands: readonly number[], partials: number): Job => {
  const { rows, rowsOfChunk, count } = chunksOf(sizes);
  return {
    code,
    arguments: [partials, rows, rowsOfChunk, sizes.channels, ...operands],
    pieces: count * Math.ceil(sizes.channels / CHANNELS),
    work: sizes.length * 4,
  };
};

export const chunkSumsCode = (kernel: ChannelSums): Code =>
  singleFunction(`chunk sums ${kernel.key}`, ({ f, first, end }) => {
    const parameter = () => f.parameter('i32');
    const [partials, rows, rowsOfChunk, channels] = [1, 2, 3, 4].map(parameter);
    const streamStarts = [...Array(kernel.streams)].map(parameter);
    const vectorStarts = [...Array(kernel.vectors)].map(parameter);
    const rowBytes = f.let(i32.shl(channels, 2));
    const blocks = f.let(i32.divU(i32.add(channels, CHANNELS - 1), CHANNELS));
    const quads = [...Array(VECTORS).keys()];
    const kept = kernel.sums + (kernel.centred ? kernel.streams : 0);
    f.forRange(first, end, 1, (piece) => {
      const chunk = f.let(i32.divU(piece, blocks));
      const channel = f.let(i32.mul(i32.remU(piece, blocks), CHANNELS));
      const row = f.let(i32.mul(chunk, rowsOfChunk));
      const lastRow = f.let(i32.add(row, rowsOfChunk));
      f.set(lastRow, i32.min(lastRow, rows));
      const start = f.let(i32.add(i32.mul(row, rowBytes), i32.shl(channel, 2)));
      const at = streamStarts.map((stream) => f.let(i32.add(stream, start)));
      const vectorAt = vectorStarts.map((vector) => f.let(i32.add(vector, i32.shl(channel, 2))));
      const load = (from: Local<'i32'>[], v: number): V128[] => from.map((address) => v128.load(address, v * 16));
      const centres = quads.map((v) => (kernel.centred ? load(at, v).map((value) => f.let(value)) : []));
      if (kernel.centred) emitMeans(f, at, centres, { row, lastRow, rowBytes });
      const sums = quads.map(() => [...Array(kernel.sums)].map(() => f.let<'v128'>(f32x4.const(0))));
      f.continueRange(row, lastRow, 1, () => {
        for (const v of quads) {
          const streams = load(at, v).map((value) => f.let(value));
          const terms = kernel.terms(f, { streams, vectors: load(vectorAt, v), centres: centres[v] });
          terms.forEach((term, k) => {
            f.set(sums[v][k], f32x4.add(sums[v][k], term));
          });
        }
        for (const address of at) f.advance(address, rowBytes);
      });
      const target = f.let(i32.add(partials, i32.add(i32.mul(i32.mul(chunk, kept), rowBytes), i32.shl(channel, 2))));
      const left = i32.sub(channels, channel);
      for (let k = 0; k < kept; k++) {
        storeChannels(
          f,
          target,
          quads.map((v) => (k < kernel.sums ? sums[v][k] : centres[v][k - kernel.sums])),
          f.let(left),
        );
        f.advance(target, rowBytes);
      }
    });
  });

/**
 * Turns the first row of the chunk into the mean of its rows: their distances from it are smaller than they are. The
 * chunk is in the first cache when it is gone through again.
 */
const emitMeans = (
  f: FunctionBuilder,
  starts: Local<'i32'>[],
  centres: Local<'v128'>[][],
  { row, lastRow, rowBytes }: Record<'row' | 'lastRow' | 'rowBytes', Local<'i32'>>,
): void => {
  const at = starts.map((start) => f.let(start));
  const sums = centres.map((streams) => streams.map(() => f.let<'v128'>(f32x4.const(0))));
  f.forRange(row, lastRow, 1, () => {
    sums.forEach((streams, v) => {
      streams.forEach((sum, k) => {
        f.set(sum, f32x4.add(sum, f32x4.sub(v128.load(at[k], v * 16), centres[v][k])));
      });
    });
    for (const address of at) f.advance(address, rowBytes);
  });
  const count = f.let(f32x4.splat(f32.fromI32(i32.sub(lastRow, row))));
  sums.forEach((streams, v) => {
    streams.forEach((sum, k) => {
      f.set(centres[v][k], f32x4.add(centres[v][k], f32x4.div(sum, count)));
    });
  });
};

const storeChannels = (f: FunctionBuilder, start: Local<'i32'>, values: V128[], left: Local<'i32'>): void => {
  values.forEach((value, v) => {
    f.when(
      i32.geS(left, v * 4 + 4),
      () => f.store(start, value, v * 16),
      () => {
        for (let lane = 0; lane < 4; lane++)
          f.when(i32.gtS(left, v * 4 + lane), () => f.storeLane(start, value, lane, v * 16 + lane * 4));
      },
    );
  });
};

/** A number of a channel, in float64. */
export const numberAt = (start: Local<'i32'>, at: Local<'i32'>): F64 => f64.fromF32(f32.load(i32.add(start, at)));

/** Goes through the chunks of a channel: `visit` gets the address of the chunk's first sum of that channel. */
export const eachChunk = (
  f: FunctionBuilder,
  first: Local<'i32'>,
  chunks: Local<'i32'>,
  chunkBytes: Local<'i32'>,
  visit: (address: Local<'i32'>, chunk: Local<'i32'>) => void,
): void => {
  const address = f.let(first);
  f.forRange(0, chunks, 1, (chunk) => {
    visit(address, chunk);
    f.advance(address, chunkBytes);
  });
};

/** Adds up each sum over the chunks, which is all that most kernels want. Output [sums, channels]. */
export const channelSumJobs = (
  { chunkCode, sums }: { chunkCode: Code; sums: number },
  sizes: Sizes,
  { operands, output }: { operands: readonly number[]; output: number },
  { scratch }: Planning,
): Job[] => {
  const { count } = chunksOf(sizes);
  const width = sums * sizes.channels;
  const partials = scratch(count * width * 4);
  return [
    chunkSumsJob(chunkCode, sizes, operands, partials),
    { code: addChunksCode, arguments: [partials, output, count, width], pieces: width, work: count * width * 4 },
  ];
};

export const channelSumCode = (kernel: ChannelSums): { chunkCode: Code; sums: number } => ({
  chunkCode: chunkSumsCode(kernel),
  sums: kernel.sums,
});

const addChunksCode: Code = singleFunction('add chunks', ({ f, first, end }) => {
  const [partials, output, chunks, width] = [1, 2, 3, 4].map(() => f.parameter('i32'));
  const chunkBytes = f.let(i32.shl(width, 2));
  f.forRange(first, end, 1, (column) => {
    const total = f.let(f64.const(0));
    const start = f.let(i32.add(partials, i32.shl(column, 2)));
    eachChunk(f, start, chunks, chunkBytes, (address) => {
      f.set(total, f64.add(total, f64.fromF32(f32.load(address))));
    });
    f.storeF32(i32.add(output, i32.shl(column, 2)), f32.fromF64(total));
  });
});
