/**
 * Imported networks on the CPU against ONNX Runtime, one thread each, and an imported network against the same one
 * written by hand. They take turns, and of each the quickest run counts: what else the machine does harms both alike.
 *
 *   npm run node24 -- bench onnx-import [model.onnx...]
 */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import Table from 'cli-table3';
import { exportPretrained } from '../src/face/onnx';
import { openPretrained } from '../src/face/pretrained/networks';
import { openWasm } from '../src/kernels/wasm/backend';
import { compile } from '../src/nn/compile';
import { encodeOnnx, openOnnx } from '../src/nn/onnx';
import { random } from '../src/tensor/random';
import { FOREIGN_MODELS, foreignModel } from './foreign-models';
import { isOnnxruntimeInstalled, openOnnx as openPeer } from './peers/onnxruntime';

const TURNS = 15;
const MILLISECONDS_PER_TURN = 100;
/** What the CPU may take, as a multiple of ONNX Runtime's time. */
const MOST = 1.5;

/** The quickest of many runs in milliseconds, of each contestant, in turns. */
async function quickest(...contestants: (() => Promise<unknown>)[]): Promise<number[]> {
  const best = contestants.map(() => Number.POSITIVE_INFINITY);
  for (let turn = 0; turn < TURNS; turn++)
    for (const [k, run] of contestants.entries()) {
      const end = performance.now() + MILLISECONDS_PER_TURN;
      do {
        const started = performance.now();
        await run();
        best[k] = Math.min(best[k], performance.now() - started);
      } while (performance.now() < end);
    }
  return best;
}

if (!isOnnxruntimeInstalled('onnxruntime-node'))
  throw new Error('npm --prefix bench/peers ci --ignore-scripts installs ONNX Runtime');

const backend = await openWasm({ threads: 1 });
const table = new Table({
  head: ['', 'input', 'likeness, ms', 'onnxruntime-node, ms', 'ratio', 'largest difference'],
  style: { head: [], border: [], compact: true },
});
const ratios: number[] = [];
for (const file of [...FOREIGN_MODELS.map(foreignModel), ...process.argv.slice(2)]) {
  const bytes = readFileSync(file);
  const network = await openOnnx(backend, bytes, { source: file });
  const [{ name, shape: sides }] = network.inputs;
  const shape = sides.map((side) => side ?? 1);
  const generator = random(1);
  const values = Float32Array.from({ length: shape.reduce((size, side) => size * side, 1) }, () => generator.next());
  const plan = await network.prepare({ [name]: shape });
  const peer = await openPeer('onnxruntime-node', bytes);
  const [results, expected] = [await plan.run({ [name]: values }), await peer(values, shape)];
  let off = 0;
  for (const [output, numbers] of expected)
    for (const [k, number] of numbers.entries())
      off = Math.max(
        off,
        Math.abs(number - (results.get(output)?.values[k] ?? Number.NaN)) / Math.max(1, Math.abs(number)),
      );
  const [ours, theirs] = await quickest(
    () => plan.run({ [name]: values }),
    () => peer(values, shape),
  );
  ratios.push(ours / theirs);
  const figures = [ours.toFixed(2), theirs.toFixed(2), (ours / theirs).toFixed(2), off.toExponential(1)];
  table.push([basename(file), shape.join('x'), ...figures]);
  await network.dispose();
}
console.log(`Node ${process.version}, ${backend.description}. Files: input and outputs as they are in the file.`);
console.log(`${table}`);
const slow = ratios.filter((ratio) => ratio > MOST).length;
console.log(`${ratios.length - slow} of ${ratios.length} take at most ${MOST} times as long.`);

const shape = [1, 150, 150, 3];
const { forward } = await openPretrained(backend, 'face_recognition');
const onnx = await openOnnx(backend, encodeOnnx(await exportPretrained(backend, 'face-recognition')));
const own = await compile(backend, forward, shape);
const imported = await compile(backend, (input) => onnx.forward(input), shape);
const read = async (plan: typeof own) => plan.run()[0].data();
const [byHand, fromFile] = await quickest(
  () => read(own),
  () => read(imported),
);
console.log(
  `The face ResNet (150 x 150): by hand ${byHand.toFixed(2)} ms, exported and imported ${fromFile.toFixed(2)} ms; ` +
    `${own.calls.length} and ${imported.calls.length} calls.`,
);
process.exit();
