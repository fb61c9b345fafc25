/** The ONNX project's own backend tests: a model, its inputs, and the outputs that it must give. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fromBinary } from '@bufbuild/protobuf';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend } from '../../src/kernels/backend';
import { openReference } from '../../src/kernels/reference/backend';
import { openWasm } from '../../src/kernels/wasm/backend';
import { openOnnx } from '../../src/nn/onnx';
import { readTensor } from '../../src/nn/onnx/element';
import { TensorProto } from '../../src/nn/onnx/proto';
import { skipped } from '../helpers/devices';

const FOLDER = '../shared/onnx-tests';

/** Cases of operators that we lack, and why. */
const LACKING: Readonly<Record<string, string>> = {};

const test = suite('cases of the ONNX backend tests');

/** The tensors input_0.pb, input_1.pb and so on, or those of the outputs. */
function tensorsOf(path: string, role: 'input' | 'output') {
  const files = readdirSync(path).filter((file) => file.startsWith(role));
  return files.map((_, k) => readTensor(fromBinary(TensorProto, readFileSync(`${path}/${role}_${k}.pb`))));
}

/** As ONNX compares, but in float32: some cases are of float64 and leave its range. What is not a number stays so. */
function assertSame(actual: ArrayLike<number>, expected: ArrayLike<number>, name: string): void {
  assert.is(actual.length, expected.length, name);
  for (let i = 0; i < expected.length; i++) {
    const wanted = Math.fround(expected[i]);
    const isClose = Object.is(actual[i], wanted) || Math.abs(actual[i] - wanted) <= 1e-5 + 1e-4 * Math.abs(wanted);
    assert.ok(isClose, `${name}: number ${i} is ${actual[i]}, expected ${expected[i]}`);
  }
}

async function check(backend: Backend, path: string): Promise<void> {
  const before = backend.liveBytes;
  const network = await openOnnx(backend, readFileSync(`${path}/model.onnx`));
  for (const set of readdirSync(path).filter((file) => file.startsWith('test_data_set'))) {
    const [given, expected] = [tensorsOf(`${path}/${set}`, 'input'), tensorsOf(`${path}/${set}`, 'output')];
    const inputs = network.inputs.map(({ name }, k) => ({ name, ...given[k] }));
    const plan = await network.prepare(Object.fromEntries(inputs.map(({ name, shape }) => [name, shape])));
    const results = await plan.run(Object.fromEntries(inputs.map(({ name, values }) => [name, values])));
    for (const [k, { name }] of network.outputs.entries()) {
      const result = results.get(name);
      assert.ok(result, name);
      assert.equal(result.shape, expected[k].shape, name);
      assertSame(result.values, expected[k].values, name);
    }
  }
  await network.dispose();
  assert.is(backend.liveBytes, before, 'bytes were left behind');
}

if (!existsSync(FOLDER)) skipped('the ONNX backend tests', `${FOLDER} is not there`);
else {
  const wasm = await openWasm({ threads: 1 });
  for (const name of readdirSync(FOLDER).filter((file) => file.startsWith('test_')))
    test(name, async () => {
      if (LACKING[name]) return console.log(`${name}: ${LACKING[name]}`);
      for (const backend of [openReference(), wasm]) await check(backend, `${FOLDER}/${name}`);
    });
  test.after(() => wasm.close());
}

test.run();
