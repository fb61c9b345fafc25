/**
 * Half precision against full, on a GPU: how far embeddings move, and how long they take.
 *
 *   npm run bench -- half [--batch 1,32,256] [--network face,tiny,default] [--seconds 3] [--weights FOLDER/] [--rehearse] [--json]
 *
 * The bundle (.cache/bench/half/) needs Node, the npm package `webgpu`, and for the face ResNet the folder of its
 * weight files (--weights, by default that of the npm package @vladmandic/face-api). --rehearse keeps f32 where halves
 * would be, to try everything but the rounding on a GPU without them.
 */
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { medianTimes, type Turn } from '../src/bench/measure';
import { ARCFACE_TEMPLATE, DLIB_TEMPLATE, type Template } from '../src/face/align';
import type { RawImage } from '../src/face/image';
import { openPretrained } from '../src/face/pretrained/networks';
import { syntheticPerson, syntheticPhoto } from '../src/face/synthetic';
import { openWebgpu, type WebgpuBackend } from '../src/kernels/webgpu/backend';
import { compile, type Forward, type Plan } from '../src/nn/compile';
import { MINI_RESNET_PRESETS, MiniResNet } from '../src/nn/mini-resnet';
import { random } from '../src/tensor/random';

interface Contestant {
  name: string;
  shape: readonly [height: number, width: number, channels: number];
  /** How faces are aligned. */
  template: Template;
  /** What becomes of a pixel from 0 to 255. */
  scaled(value: number): number;
  forward: Forward;
  dispose(): void;
}

interface Row {
  network: string;
  batch: number;
  /** The largest distance of an embedding in half precision from the one in full, by the length of that. */
  error: number;
  /** The least cosine of the angle between the two. */
  cosine: number;
  /** Medians for the whole batch, without uploading. */
  fullMilliseconds: number;
  halfMilliseconds: number;
  /** Bytes that the plan holds. */
  fullBytes: number;
  halfBytes: number;
}

const NETWORKS = ['face', 'tiny', 'default'] as const;
type NetworkName = (typeof NETWORKS)[number];
/** A turn of shorter runs is made of several, so that reading the result does not count for much. */
const SHORTEST_TURN = 20;

async function open(backend: WebgpuBackend, name: NetworkName, weights: URL | undefined): Promise<Contestant> {
  if (name === 'face') {
    const pretrained = await openPretrained(backend, 'face_recognition', weights);
    return {
      name: 'face ResNet, 150 x 150',
      shape: [150, 150, 3],
      template: DLIB_TEMPLATE,
      scaled: (value) => value,
      forward: pretrained.forward,
      dispose: () => pretrained.weights.dispose(),
    };
  }
  const network = new MiniResNet({ backend, random: random(1) }, { ...MINI_RESNET_PRESETS[name], classes: 100 });
  const { height, width, channels } = network.options.input;
  return {
    name: `MiniResNet ${name}, ${height} x ${width}`,
    shape: [height, width, channels],
    template: ARCFACE_TEMPLATE,
    scaled: (value) => (value - 128) / 64,
    forward: (images) => [network.embed(images)],
    dispose: () => network.dispose(),
  };
}

/** More different faces than this tell nothing more, and take long to draw. */
const MOST_FACES = 32;

/** A batch of drawn faces, as the network takes them. */
function drawnFaces(batch: number, { shape: [height, width, channels], template, scaled }: Contestant): Float32Array {
  const generator = random(7);
  const photos: RawImage[] = [];
  for (let k = 0; k < Math.min(batch, MOST_FACES); k++) {
    const options = { width, height, framing: template, channels: channels === 1 ? 1 : 3 } as const;
    photos.push(syntheticPhoto(syntheticPerson(generator), generator, options).image);
  }
  return Float32Array.from({ length: batch * height * width * channels }, (_, i) => {
    const pixel = Math.floor(i / channels);
    const { data } = photos[Math.floor(pixel / (height * width)) % photos.length];
    return scaled(data[4 * (pixel % (height * width)) + (i % channels)]);
  });
}

/** How far the embeddings of a batch are from what they should be. */
function differences(actual: ArrayLike<number>, expected: ArrayLike<number>, batch: number) {
  const length = expected.length / batch;
  let [error, cosine] = [0, 1];
  for (let k = 0; k < batch; k++) {
    let [dot, square, ownSquare, apart] = [0, 0, 0, 0];
    for (let i = k * length; i < (k + 1) * length; i++) {
      dot += actual[i] * expected[i];
      square += expected[i] ** 2;
      ownSquare += actual[i] ** 2;
      apart += (actual[i] - expected[i]) ** 2;
    }
    // What is not a number stays so.
    error = Math.max(error, Math.sqrt(apart / square));
    cosine = Math.min(cosine, dot / Math.sqrt(square * ownSquare));
  }
  return { error, cosine };
}

/** Runs follow one another; reading the result waits for all of them. */
function turnOf(plan: Plan): Turn {
  let runs = 1;
  return async () => {
    const started = performance.now();
    for (let k = 0; k < runs; k++) plan.run();
    await plan.outputs[0].data();
    const milliseconds = (performance.now() - started) / runs;
    runs = Math.min(50, Math.max(1, Math.ceil(SHORTEST_TURN / milliseconds)));
    return [milliseconds];
  };
}

async function compare(backend: WebgpuBackend, one: Contestant, batch: number, seconds: number): Promise<Row> {
  const images = drawnFaces(batch, one);
  const plans: { plan: Plan; bytes: number; embeddings: ArrayLike<number> }[] = [];
  try {
    for (const precision of ['full', 'half'] as const) {
      const before = backend.liveBytes;
      const plan = await compile(backend, one.forward, [batch, ...one.shape], { precision });
      const bytes = backend.liveBytes - before;
      backend.write(plan.input.slot, images);
      plans.push({ plan, bytes, embeddings: await plan.run()[0].data() });
    }
    const [full, half] = plans;
    const [fullMilliseconds, halfMilliseconds] = await medianTimes(
      plans.map(({ plan }) => turnOf(plan)),
      { rounds: 30, warmUps: 3, seconds, minimum: 3 },
    );
    return {
      network: one.name,
      batch,
      ...differences(half.embeddings, full.embeddings, batch),
      fullMilliseconds,
      halfMilliseconds,
      fullBytes: full.bytes,
      halfBytes: half.bytes,
    };
  } finally {
    for (const { plan } of plans) plan.dispose();
  }
}

function print(rows: readonly Row[], device: string): void {
  console.log(`Node ${process.version}, ${device}. Medians for the whole batch, without uploading.`);
  console.log('Error: the largest |half - full| / |full| of an embedding. Cosine: the least, of half and full.');
  const cells = [
    ['network', 'batch', 'error', '1 - cosine', 'ms full', 'ms half', 'ratio', 'MB full', 'MB half'],
    ...rows.map((row) => [
      row.network,
      String(row.batch),
      row.error.toExponential(1),
      (1 - row.cosine).toExponential(1),
      row.fullMilliseconds.toFixed(3),
      row.halfMilliseconds.toFixed(3),
      (row.halfMilliseconds / row.fullMilliseconds).toFixed(2),
      (row.fullBytes / 1e6).toFixed(1),
      (row.halfBytes / 1e6).toFixed(1),
    ]),
  ];
  const widths = cells[0].map((_, k) => Math.max(...cells.map((row) => row[k].length)));
  for (const row of cells)
    console.log(row.map((cell, k) => (k === 0 ? cell.padEnd(widths[k]) : cell.padStart(widths[k]))).join('  '));
}

const isNetwork = (name: string): name is NetworkName => NETWORKS.some((one) => one === name);

const { values } = parseArgs({
  options: {
    batch: { type: 'string', default: '1,32,256' },
    network: { type: 'string', default: NETWORKS.join() },
    seconds: { type: 'string', default: '3' },
    weights: { type: 'string' },
    rehearse: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const batches = values.batch.split(',').map(Number);
const names = values.network.split(',').filter(isNetwork);
const seconds = Number(values.seconds);
if (!batches.every((batch) => Number.isInteger(batch) && batch > 0) || names.length === 0 || !(seconds > 0))
  throw new Error(
    `--batch takes whole numbers above 0, --network some of ${NETWORKS.join()}, --seconds a number above 0`,
  );

const backend = await openWebgpu({ allowSoftware: true, ...(values.rehearse && { halves: 'f32' }) });
if (backend.halfRefusal !== undefined) console.log(`Not measured: ${backend.halfRefusal}.`);
else {
  const rows: Row[] = [];
  for (const name of names)
    try {
      const one = await open(backend, name, values.weights ? pathToFileURL(`${values.weights}/`) : undefined);
      try {
        for (const batch of batches) {
          rows.push(await compare(backend, one, batch, seconds));
          console.error(`half: ${one.name}, batch ${batch}: done`);
        }
      } finally {
        one.dispose();
      }
    } catch (error) {
      console.error(`half: ${name}: ${error instanceof Error ? error.message : error}`);
      process.exitCode = 1;
    }
  if (values.json) console.log(JSON.stringify({ node: process.version, device: backend.description, rows }));
  else print(rows, backend.description);
}
process.exit(); // Dawn holds the process
