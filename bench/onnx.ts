/**
 * Whether ONNX Runtime computes what likeness computes, of what likeness exports: the pretrained networks, MiniResNets
 * of both presets and every form, and any model files named. Random inputs, batches of 1 and 3.
 *
 *   npm run bench -- onnx [model.safetensors...]
 */
import { readFile } from 'node:fs/promises';
import Table from 'cli-table3';
import { openModel } from '../src/face/model';
import { exportModel, exportPretrained, PRETRAINED_EXPORTS, type PretrainedExportName } from '../src/face/onnx';
import { openPretrained } from '../src/face/pretrained/networks';
import type { Backend } from '../src/kernels/backend';
import { openWasm } from '../src/kernels/wasm/backend';
import type { Forward } from '../src/nn/compile';
import { MINI_RESNET_PRESETS, MiniResNet, type MiniResNetOptions } from '../src/nn/mini-resnet';
import { transposed } from '../src/nn/onnx/graph';
import { encodeOnnx, type OnnxModel } from '../src/nn/onnx/proto';
import { random } from '../src/tensor/random';
import { writeSafetensors } from '../src/tensor/safetensors';
import { scope } from '../src/tensor/scope';
import type { Shape } from '../src/tensor/shape';
import { Tensor } from '../src/tensor/tensor';
import { isOnnxruntimeInstalled, type OrtPackage, openOnnx } from './peers/onnxruntime';

const LARGEST_DIFFERENCE = 1e-4;
const BATCHES = [1, 3];

interface Exported {
  title: string;
  model: OnnxModel;
  forward: Forward;
  /** [height, width, channels] */
  shape: Shape;
  /** Pixels from 0 to 255, else numbers of mean 0 and deviation 1. */
  isPixels: boolean;
}

async function pretrained(backend: Backend, name: PretrainedExportName): Promise<Exported> {
  const { name: file, shape } = PRETRAINED_EXPORTS[name];
  const { forward } = await openPretrained(backend, file);
  return { title: name, model: await exportPretrained(backend, name), forward, shape, isPixels: true };
}

async function trained(backend: Backend, title: string, bytes: Uint8Array): Promise<Exported> {
  const { network, input } = openModel(backend, bytes, title);
  const forward: Forward = (images) => {
    const embedding = network.embed(images);
    return [embedding, network.classify(embedding)];
  };
  const shape = [input.height, input.width, input.channels];
  return { title, model: await exportModel(backend, bytes, title), forward, shape, isPixels: false };
}

/** An untrained network whose norms have seen something. */
async function untrained(backend: Backend, options: Partial<MiniResNetOptions>): Promise<Uint8Array> {
  const generator = random(4);
  const network = new MiniResNet({ backend, random: generator }, { ...options, classes: 5 });
  const state = await network.state();
  for (const [name, { values }] of state)
    if (/\.(running_|bn|weight|bias)/.test(name) && !name.includes('conv') && !name.includes('dense'))
      for (let k = 0; k < values.length; k++)
        values[k] =
          name.endsWith('running_var') || name.endsWith('weight')
            ? generator.between(0.5, 1.5)
            : generator.normal() / 4;
  network.dispose();
  return writeSafetensors(state, { ...network.metadata(), names: JSON.stringify(['a', 'b', 'c', 'd', 'e']) });
}

/** The largest difference of any number, as a share of the largest number (at least 1). */
async function difference(backend: Backend, exported: Exported, runtime: OrtPackage, batch: number): Promise<number> {
  const { model, forward, shape, isPixels } = exported;
  const generator = random(batch);
  const [height, width, channels] = shape;
  const values = Float32Array.from({ length: batch * height * width * channels }, () =>
    isPixels ? generator.between(0, 255) : generator.normal(),
  );
  const outputs = await (() => {
    using _ = scope();
    const tensors = forward(Tensor.from(backend, values, [batch, ...shape]));
    return Promise.all(tensors.map(async (tensor) => ({ shape: tensor.shape, values: await tensor.data() })));
  })();
  const run = await openOnnx(runtime, encodeOnnx(model));
  const theirs = [...(await run(channelsFirst(values, [batch, ...shape]), [batch, channels, height, width])).values()];
  return Math.max(
    ...outputs.map((output, k) => {
      const ours = output.shape.length === 4 ? channelsFirst(output.values, output.shape) : output.values;
      let [off, largest] = [ours.length === theirs[k].length ? 0 : Number.POSITIVE_INFINITY, 1];
      for (let at = 0; at < ours.length; at++) {
        off = Math.max(off, Math.abs(ours[at] - theirs[k][at]));
        largest = Math.max(largest, Math.abs(ours[at]));
      }
      return off / largest;
    }),
  );
}

const channelsFirst = (values: ArrayLike<number>, shape: Shape): Float32Array =>
  Float32Array.from(transposed(values, shape, [0, 3, 1, 2]));

const RUNTIMES: OrtPackage[] = ['onnxruntime-node', 'onnxruntime-web'];
if (!RUNTIMES.every(isOnnxruntimeInstalled))
  throw new Error('npm --prefix bench/peers ci --ignore-scripts installs ONNX Runtime');

const backend = await openWasm({ threads: 1 });
const networks: Exported[] = [];
for (const name of ['face-recognition', 'face-landmarks', 'face-landmarks-tiny', 'tiny-face-detector'] as const)
  networks.push(await pretrained(backend, name));
const forms = ['post-activation', 'pre-activation', 'article'] as const;
for (const [preset, size] of Object.entries(MINI_RESNET_PRESETS))
  for (const form of forms)
    for (const classifier of ['linear', 'cosine'] as const) {
      const title = `mini-resnet ${preset}, ${form}, ${classifier}`;
      networks.push(await trained(backend, title, await untrained(backend, { ...size, form, classifier })));
    }
for (const file of process.argv.slice(2)) networks.push(await trained(backend, file, await readFile(file)));

const table = new Table({
  head: ['', 'nodes', 'MB', ...RUNTIMES.flatMap((runtime) => BATCHES.map((batch) => `${runtime}, batch ${batch}`))],
  style: { head: [], border: [], compact: true },
});
let worst = 0;
for (const exported of networks) {
  const differences: number[] = [];
  for (const runtime of RUNTIMES)
    for (const batch of BATCHES) differences.push(await difference(backend, exported, runtime, batch));
  worst = Math.max(worst, ...differences);
  const { graph } = exported.model;
  const size = (encodeOnnx(exported.model).length / 1e6).toFixed(1);
  table.push([exported.title, graph?.node.length ?? 0, size, ...differences.map((value) => value.toExponential(1))]);
}
console.log(
  'Largest difference between the outputs of likeness (wasm) and of ONNX Runtime, as a share of the largest.',
);
console.log(`${table}`);
if (!(worst <= LARGEST_DIFFERENCE)) throw new Error(`an output is off by ${worst}`);
await backend.close();
process.exit();
