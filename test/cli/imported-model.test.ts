import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DATA_TYPE, TensorProto } from '../../src/nn/onnx/proto';
import { readSafetensors } from '../../src/tensor/safetensors';
import { likeness } from '../helpers/command';
import { floats, node, onnxFile } from '../helpers/onnx-models';

const test = suite('likeness info, likeness import');

let folder = '';
const path = (name: string) => join(folder, name);

const outside = (location: string) =>
  onnxFile({
    inputs: { x: [1, 2] },
    outputs: ['y'],
    initializers: [
      create(TensorProto, {
        name: 'w',
        dims: [2n],
        dataType: DATA_TYPE.float,
        dataLocation: 1,
        externalData: [{ key: 'location', value: location }],
      }),
    ],
    nodes: [node('Add', ['x', 'w'], ['y'])],
  });

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'likeness-onnx-'));
  await mkdir(path('models'));
  const model = {
    inputs: { x: ['n', 2, 4, 4] },
    outputs: ['y'],
    initializers: [floats('k', [3, 2, 3, 3]), floats('b', [3])],
    nodes: [node('Conv', ['x', 'k', 'b'], ['c']), node('Relu', ['c'], ['y'])],
  };
  await writeFile(path('models/net.onnx'), onnxFile(model));
  await writeFile(path('models/lacking.onnx'), onnxFile({ ...model, nodes: [node('Loop', ['x'], ['y'])] }));
  await writeFile(path('models/outside.onnx'), outside('w.bin'));
  await writeFile(path('models/w.bin'), new Uint8Array(Float32Array.of(3, 4).buffer));
  await writeFile(path('secret.bin'), new Uint8Array(8));
  await symlink(path('secret.bin'), path('models/link.bin'));
  await writeFile(path('models/escaping.onnx'), outside('../secret.bin'));
  await writeFile(path('models/linked.onnx'), outside('link.bin'));
});
test.after(() => rm(folder, { recursive: true }));

async function refusal(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await likeness(args);
  assert.is(code, 2, stderr);
  assert.is(stdout, '');
  assert.match(stderr, /^likeness: [^\n]+\n$/);
  return stderr;
}

test('info counts what there is to compute, layer by layer', async () => {
  const { code, stdout, stderr } = await likeness(['info', path('models/net.onnx'), '--shape', 'x=2,2,4,4', '--json']);
  assert.is(code, 0, stderr);
  const report = JSON.parse(stdout);
  assert.is(report.parameters, 3 * 18 + 3);
  assert.is(report.multiplyAdds, 2 * 4 * 18 * 3);
  assert.equal(report.layers[0], {
    name: 'Conv c',
    type: 'Conv',
    shape: [2, 3, 2, 2],
    parameters: 57,
    multiplyAdds: 432,
  });
  assert.equal(report.inputs, [{ name: 'x', type: 'float32', shape: [null, 2, 4, 4] }]);
  const table = await likeness(['info', path('models/net.onnx')]);
  assert.match(table.stdout, /\? x 2 x 4 x 4/);
  assert.match(table.stdout, /2 layers, .* for x 1 x 2 x 4 x 4\. Opset 17, made by test\./);
});

test('import makes one safetensors file, of the files of the folder too', async () => {
  const { code, stderr } = await likeness(['import', path('models/outside.onnx'), '--out', path('one.safetensors')]);
  assert.is(code, 0, stderr);
  const { tensors } = readSafetensors(await readFile(path('one.safetensors')));
  assert.equal([...(tensors.get('w')?.values ?? [])], [3, 4]);
  const { stdout } = await likeness(['info', path('one.safetensors')]);
  assert.match(stdout, /1 layers?,/);
});

test('what cannot be done is refused in one sentence', async () => {
  assert.match(await refusal('info', path('models/lacking.onnx')), /lacks: node Loop y \(Loop\)/);
  assert.match(await refusal('info', path('missing.onnx')), /does not exist/);
  assert.match(await refusal('info', path('models/w.bin')), /is no ONNX file, or damaged|has no graph/);
  assert.match(await refusal('info', path('models/net.onnx'), '--shape', 'z=1'), /has no input z; it has x/);
  assert.match(await refusal('info', path('models/net.onnx'), '--shape', 'x'), /NAME=1,3,112,112/);
  assert.match(await refusal('info', path('models/net.onnx'), '--shape', 'x=1,3,4,4'), /takes \[\?,2,4,4\]/);
  const out = ['--out', path('other.safetensors')];
  assert.match(await refusal('import', path('models/escaping.onnx'), ...out), /outside of the model's folder/);
  assert.match(await refusal('import', path('models/linked.onnx'), ...out), /leads out of its folder/);
  assert.match(await refusal('import', path('models/net.onnx'), '--out', path('models/net.onnx')), /would overwrite/);
  assert.not((await readdir(folder)).includes('other.safetensors'));
});

test.run();
