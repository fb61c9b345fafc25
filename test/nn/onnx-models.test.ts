/** Networks that no one here made: their outputs are those that ONNX Runtime gave, recorded by bench/record-onnx.ts. */
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  FOREIGN_MODELS,
  type ForeignModel,
  foreignInput,
  foreignModel,
  recordedPlaces,
} from '../../bench/foreign-models';
import type { DeviceName } from '../../src/kernels/backend';
import { openOnnx } from '../../src/nn/onnx';
import recorded from '../fixtures/onnx-foreign-models.json';
import { testDevices } from '../helpers/devices';
import { assertClose } from '../helpers/numbers';

const test = suite('networks of other people');

/**
 * Where else than on wasm: reference takes its time, and a software GPU even more. LIKENESS_EVERYWHERE=1 tries all of them
 * on all devices, which takes minutes.
 */
const MORE: Partial<Record<ForeignModel, readonly DeviceName[]>> = {
  eye: ['reference', 'webgpu'],
  landmark: ['reference'],
  age: ['reference'],
};

const EVERYWHERE = process.env.LIKENESS_EVERYWHERE === '1';

for (const name of FOREIGN_MODELS)
  test(name, async () => {
    const bytes = readFileSync(foreignModel(name));
    for (const backend of await testDevices()) {
      const isWanted = EVERYWHERE || backend.name === 'wasm' || MORE[name]?.includes(backend.name);
      if (!isWanted) continue;
      const before = backend.liveBytes;
      const network = await openOnnx(backend, bytes);
      const [{ name: input, shape: sides }] = network.inputs;
      const { shape, values } = foreignInput(sides);
      const results = await (await network.prepare({ [input]: shape })).run({ [input]: values });
      const expected = Object.entries(recorded[name]);
      assert.ok(expected.length > 0);
      for (const [output, { count, values: numbers }] of expected) {
        const result = results.get(output)?.values ?? [];
        assert.is(result.length, count, output);
        assertClose(
          recordedPlaces(count).map((place) => result[place]),
          numbers,
          1e-4,
          `${backend.name}, ${output}`,
        );
      }
      await network.dispose();
      assert.is(backend.liveBytes, before, 'bytes were left behind');
    }
  });

test.run();
