/** Networks that no one here made: their outputs are those of ONNX Runtime. */
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  FOREIGN_MODELS,
  foreignModel,
  isOnnxruntimeInstalled,
  openOnnx as openPeer,
} from '../../bench/peers/onnxruntime';
import type { DeviceName } from '../../src/kernels/backend';
import { openOnnx } from '../../src/nn/onnx';
import { random } from '../../src/tensor/random';
import { skipped, testDevices } from '../helpers/devices';
import { assertClose } from '../helpers/numbers';
import { sizeOf } from '../helpers/onnx-models';

const test = suite('networks of other people');

/** Where else than on wasm: reference takes its time, and a software GPU even more. */
const MORE: Partial<Record<string, readonly DeviceName[]>> = {
  eyes: ['reference', 'webgpu'],
  landmarks: ['reference'],
  age: ['reference'],
};

const isKnown = (name: string): name is keyof typeof FOREIGN_MODELS => name in FOREIGN_MODELS;
const names = Object.keys(FOREIGN_MODELS).filter(isKnown);

if (!isOnnxruntimeInstalled('onnxruntime-node') || !names.every(foreignModel))
  skipped('networks of other people', 'npm --prefix bench/peers ci --ignore-scripts installs them');
else
  for (const name of names)
    test(name, async () => {
      const bytes = readFileSync(foreignModel(name) ?? '');
      const peer = await openPeer('onnxruntime-node', bytes);
      for (const backend of await testDevices()) {
        if (backend.name !== 'wasm' && !MORE[name]?.includes(backend.name)) continue;
        const before = backend.liveBytes;
        const network = await openOnnx(backend, bytes);
        const [{ name: input, shape: sides }] = network.inputs;
        const shape = sides.map((side) => side ?? 1);
        const generator = random(7);
        const values = Float32Array.from({ length: sizeOf(shape) }, () => generator.next());
        const results = await (await network.prepare({ [input]: shape })).run({ [input]: values });
        const expected = await peer(values, shape);
        assert.ok(expected.size > 0);
        for (const [output, numbers] of expected)
          assertClose(results.get(output)?.values ?? [], numbers, 1e-4, `${backend.name}, ${output}`);
        await network.dispose();
        assert.is(backend.liveBytes, before, 'bytes were left behind');
      }
    });

test.run();
