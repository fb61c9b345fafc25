/**
 * How near strangers come to one another: distances of all pairs of LFW's View 1 photos that are of two people. Nothing
 * of View 2 is looked at. What it prints is the tail in src/gallery/false-matches.ts.
 *
 *   npm run bench -- impostors ../shared/faces/lfw [--no-flip]
 */
import { createHash } from 'node:crypto';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import Table from 'cli-table3';
import { platform } from '#platform';
import { embedFiles } from '../src/face/embedding-cache';
import { FacePipeline } from '../src/face/pipeline';
import { readLfw } from '../src/face/protocols';
import { openWasm } from '../src/kernels/wasm/backend';
import { matmul } from '../src/tensor/ops/matmul';
import { scope } from '../src/tensor/scope';
import { Tensor } from '../src/tensor/tensor';

/** Shares of pairs of strangers, and the distances below which that share of them is. */
const RATES = [1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6, 3e-7];
/** Distances above this are only counted. */
const NEAR = 0.6;
const ROWS = 256;

const [folder = '../shared/faces/lfw', ...options] = process.argv.slice(2);
const flip = !options.includes('--no-flip');

const { pairs } = await readLfw(folder, 1);
const files = [...new Set(pairs.flatMap((pair) => pair.files))].sort();
const faces = await embedded(files);
const people = [...faces.keys()].map((file) => basename(dirname(file)));
const embeddings = [...faces.values()].map(({ embedding }) => embedding);
const { near, strangers } = await distancesOfStrangers(embeddings, people);

const table = new Table({ head: ['Share of strangers', 'Distance', 'Pairs nearer'], style: { head: [], border: [] } });
for (const rate of RATES) {
  const count = Math.floor(rate * strangers);
  if (count >= 1) table.push([rate.toExponential(), near[count].toFixed(4), count]);
}
console.log(
  `${embeddings.length} photos, ${new Set(people).size} people, ${strangers} pairs of strangers, flip: ${flip}`,
);
console.log(table.toString());
console.log(`The ten nearest: ${Array.from(near.subarray(0, 10), (distance) => distance.toFixed(4)).join(', ')}`);

async function embedded(files: readonly string[]) {
  await using pipeline = await FacePipeline.open({ device: 'wasm', flip });
  return embedFiles(pipeline, files, {
    // As `likeness evaluate` keeps them.
    settings: JSON.stringify({ detector: 'tiny', flip, points: await landmarkNetworkHash() }),
    cacheFolder: join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'likeness', 'embeddings'),
  });
}

async function landmarkNetworkHash(): Promise<string> {
  const bytes = await platform.readBytes(new URL('landmarks.safetensors', platform.modelsDirectory()));
  return createHash('sha256').update(bytes).digest('hex');
}

/** @returns the small distances, sorted, and how many pairs of strangers there are */
async function distancesOfStrangers(embeddings: readonly Float32Array[], people: readonly string[]) {
  const backend = await openWasm({ threads: 2 });
  const dimension = embeddings[0].length;
  const flat = new Float32Array(embeddings.length * dimension);
  for (const [row, embedding] of embeddings.entries()) flat.set(embedding, row * dimension);
  const all = Tensor.from(backend, flat, [embeddings.length, dimension]);
  const near: number[] = [];
  let strangers = 0;
  for (let from = 0; from < embeddings.length; from += ROWS) {
    using _ = scope();
    const rows = Math.min(ROWS, embeddings.length - from);
    const part = Tensor.from(backend, flat.subarray(from * dimension, (from + rows) * dimension), [rows, dimension]);
    const cosines = await matmul(part, all, undefined, { transposeRight: true }).data();
    for (let row = 0; row < rows; row++)
      for (let other = 0; other < from + row; other++) {
        if (people[other] === people[from + row]) continue;
        strangers++;
        const distance = Math.sqrt(Math.max(0, 2 - 2 * cosines[row * embeddings.length + other]));
        if (distance < NEAR) near.push(distance);
      }
  }
  await backend.close();
  return { near: Float64Array.from(near).sort(), strangers };
}
