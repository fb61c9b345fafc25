/**
 * What the engine and the process hold over 1,000 embeddings of photos of ever new sizes, on every device at hand.
 *
 *   npm run bench -- memory            1,000 on each device
 *   npm run bench -- memory wasm 100   one device, another number
 */
import Table from 'cli-table3';
import { type Affine, DLIB_TEMPLATE } from '../src/face/align';
import { PretrainedEmbedder } from '../src/face/embed';
import type { RawImage } from '../src/face/image';
import { Network } from '../src/face/network';
import { warpPhoto } from '../src/face/warp';
import type { Backend, DeviceName } from '../src/kernels/backend';
import { openDevice } from '../src/tensor/device';
import { type Random, random } from '../src/tensor/random';

interface Candidate {
  title: string;
  embed(photo: RawImage): Promise<unknown>;
  dispose(): Promise<void>;
}

/** A device that takes longer than this for one embedding runs a smaller network instead. */
const PATIENCE_MILLISECONDS = 150;
const LANDMARK_SIDE = 112;

/** From a pixel of a square to a pixel of the photo, whole and a little askew. */
const askew = ({ width }: RawImage, side: number): Affine => {
  const step = width / side;
  return [step, 0.05 * step, 0, -0.05 * step, step, 0];
};

async function faceResnet(backend: Backend): Promise<Candidate> {
  const embedder = await PretrainedEmbedder.open(backend);
  return {
    title: 'face ResNet',
    embed: (photo) => embedder.embed(photo, [askew(photo, DLIB_TEMPLATE.side)], false),
    dispose: () => embedder.dispose(),
  };
}

async function tinyLandmarks(backend: Backend): Promise<Candidate> {
  const network = await Network.open(backend, 'face_landmark_68_tiny');
  return {
    title: 'tiny landmarks',
    embed: (photo) =>
      network.run(1, LANDMARK_SIDE, () => warpPhoto(backend, photo, askew(photo, LANDMARK_SIDE), LANDMARK_SIDE)),
    dispose: () => network.dispose(),
  };
}

function randomPhoto(generator: Random): RawImage {
  const [width, height] = [0, 1].map(() => 40 + generator.below(200));
  const data = Uint8Array.from({ length: 4 * width * height }, () => generator.below(256));
  return { width, height, data };
}

/** The larger network if the device is quick enough for it. Two runs before the one that is timed compile the rest. */
async function choose(backend: Backend, photo: RawImage): Promise<Candidate> {
  const large = await faceResnet(backend);
  await large.embed(photo);
  await large.embed(photo);
  const started = performance.now();
  await large.embed(photo);
  if (performance.now() - started <= PATIENCE_MILLISECONDS) return large;
  await large.dispose();
  const small = await tinyLandmarks(backend);
  await small.embed(photo);
  return small;
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);

const [only, wantedCount = '1000'] = process.argv.slice(2);
const devices: DeviceName[] = ['wasm', 'webgpu', 'reference'];
const count = Number(wantedCount);
const table = new Table({
  head: [
    'device',
    'network',
    'embeddings',
    'live MB: start',
    'middle',
    'end',
    'closed',
    'RSS MB: start',
    'middle',
    'end',
  ],
  style: { head: [], border: [], compact: true },
});
for (const device of devices.filter((name) => !only || name === only)) {
  const opened = await openDevice(device).catch((error: Error) => error);
  if (opened instanceof Error) {
    console.log(`${device} left out: ${opened.message}`);
    continue;
  }
  const { backend } = opened;
  const generator = random(1);
  const candidate = await choose(backend, randomPhoto(generator));
  const live: string[] = [];
  const resident: string[] = [];
  for (let k = 0; k <= count; k++) {
    if (k === 0 || k === count >> 1 || k === count) {
      live.push(megabytes(backend.liveBytes));
      resident.push(megabytes(process.memoryUsage.rss()));
    }
    if (k < count) await candidate.embed(randomPhoto(generator));
  }
  await candidate.dispose();
  table.push([device, candidate.title, count, ...live, megabytes(backend.liveBytes), ...resident]);
  await backend.close();
}
console.log(`${table}`);
