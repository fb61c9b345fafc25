import type { KernelCall } from '../kernel';
import { f32, f32x4, f64, i32 } from './assembler';
import { chunkSumsCode, chunkSumsJob, chunksOf, eachChunk, numberAt } from './channel-reduction';
import { type Code, type Job, type Planning, singleFunction } from './job';

/**
 * One pass through the memory. In each chunk the mean is taken first, rounded, and then the sums of d and d * d with
 * d = x - mean, which corrects the rounding. The squares of the chunks are joined in float64: the squares of all =
 * the squares of the chunks + count * (mean of the chunk - mean of all)^2. Nothing large is ever taken from another.
 */
export const channelMoments = (
  { inputs, outputs, attributes }: KernelCall<'channelMoments'>,
  { address, scratch }: Planning,
): Job[] => {
  const { channels } = attributes;
  const { rows, rowsOfChunk, count } = chunksOf(attributes);
  const partials = scratch(count * 3 * channels * 4);
  return [
    chunkSumsJob(sumsCode, attributes, [address(inputs.input)], partials),
    {
      code: joinCode,
      arguments: [partials, address(outputs.output), channels, count, rows, rowsOfChunk],
      pieces: channels,
      work: count * channels * 20,
    },
  ];
};

const sumsCode = chunkSumsCode({
  key: 'channelMoments',
  streams: 1,
  vectors: 0,
  sums: 2,
  centred: true,
  terms(f, { streams, centres }) {
    const difference = f.let(f32x4.sub(streams[0], centres[0]));
    return [difference, f32x4.mul(difference, difference)];
  },
});

const joinCode: Code = singleFunction('join moments', ({ f, first, end }) => {
  const [partials, output, channels, chunks, rows, rowsOfChunk] = [1, 2, 3, 4, 5, 6].map(() => f.parameter('i32'));
  const rowBytes = f.let(i32.shl(channels, 2));
  const twoRowBytes = f.let(i32.shl(channels, 3));
  const chunkBytes = f.let(i32.mul(rowBytes, 3));
  const [mean, squares, sum, chunkMean, count] = [1, 2, 3, 4, 5].map(() => f.local('f64'));
  f.forRange(first, end, 1, (channel) => {
    const start = f.let(i32.add(partials, i32.shl(channel, 2)));
    const eachChunkMean = (visit: (address: typeof start) => void): void =>
      eachChunk(f, start, chunks, chunkBytes, (address, chunk) => {
        const rowsLeft = f.let(i32.sub(rows, i32.mul(chunk, rowsOfChunk)));
        f.set(count, f64.fromI32(i32.min(rowsLeft, rowsOfChunk)));
        f.set(sum, f64.fromF32(f32.load(address)));
        f.set(chunkMean, f64.add(numberAt(address, twoRowBytes), f64.div(sum, count)));
        visit(address);
      });
    f.set(mean, f64.const(0));
    eachChunkMean(() => f.set(mean, f64.add(mean, f64.mul(chunkMean, count))));
    f.set(mean, f64.div(mean, f64.fromI32(rows)));
    f.set(squares, f64.const(0));
    eachChunkMean((address) => {
      const within = f64.sub(numberAt(address, rowBytes), f64.div(f64.mul(sum, sum), count));
      const distance = f.let(f64.sub(chunkMean, mean));
      const between = f64.mul(f64.mul(distance, distance), count);
      f.set(squares, f64.add(squares, f64.add(within, between)));
    });
    const variance = f64.max(f64.div(squares, f64.fromI32(rows)), f64.const(0));
    const target = f.let(i32.add(output, i32.shl(channel, 2)));
    f.storeF32(target, f32.fromF64(mean));
    f.storeF32(i32.add(target, rowBytes), f32.fromF64(variance));
  });
});
