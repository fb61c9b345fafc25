/**
 * Records what ONNX Runtime makes of networks that no one here made, for test/nn/onnx-models.test.ts:
 * npm run bench -- record-onnx (after npm --prefix bench/peers ci --ignore-scripts).
 */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { openOnnx as readNetwork } from '../src/nn/onnx';
import { openDevice } from '../src/tensor/device';
import { FOREIGN_MODELS, foreignInput, foreignModel, type RecordedOutput, recordedPlaces } from './foreign-models';
import { openOnnx } from './peers/onnxruntime';

const FIXTURE = 'test/fixtures/onnx-foreign-models.json';

const { backend } = await openDevice('reference');
const recorded: Record<string, Record<string, RecordedOutput>> = {};
for (const name of FOREIGN_MODELS) {
  const bytes = readFileSync(foreignModel(name));
  const network = await readNetwork(backend, bytes);
  const { shape, values } = foreignInput(network.inputs[0].shape);
  const outputs = await (await openOnnx('onnxruntime-node', bytes))(values, shape);
  recorded[name] = {};
  for (const [output, numbers] of outputs) {
    const places = recordedPlaces(numbers.length);
    recorded[name][output] = { count: numbers.length, values: places.map((place) => numbers[place]) };
  }
  await network.dispose();
}
await backend.close();
await writeFile(FIXTURE, `${JSON.stringify(recorded)}\n`);
console.log(`${FIXTURE}: ${FOREIGN_MODELS.length} networks`);
