import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openReference } from '../../src/kernels/reference/backend';
import { MINI_RESNET_PRESETS, MiniResNet } from '../../src/nn/mini-resnet';
import { decodeOnnx } from '../../src/nn/onnx';
import { random } from '../../src/tensor/random';
import { writeSafetensors } from '../../src/tensor/safetensors';
import { likeness } from '../helpers/command';

const test = suite('likeness export');

let folder = '';
const path = (name: string) => join(folder, name);

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'likeness-export-'));
  const network = new MiniResNet(
    { backend: openReference(), random: random(1) },
    { ...MINI_RESNET_PRESETS.tiny, classes: 2 },
  );
  const metadata = { ...network.metadata(), names: '["Ada","Ben"]' };
  await writeFile(path('model.safetensors'), writeSafetensors(await network.state(), metadata));
});
test.after(() => rm(folder, { recursive: true }));

async function refusal(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await likeness(['export', ...args]);
  assert.is(code, 2, stderr);
  assert.is(stdout, '');
  assert.match(stderr, /^likeness: [^\n]+\n$/);
  return stderr;
}

test('a model becomes an ONNX file, and is told about', async () => {
  const { code, stdout, stderr } = await likeness([
    'export',
    path('model.safetensors'),
    '--onnx',
    path('model.onnx'),
    '--json',
  ]);
  assert.is(code, 0, stderr);
  const report = JSON.parse(stdout);
  const bytes = await readFile(path('model.onnx'));
  const { graph } = decodeOnnx(bytes);
  assert.equal(
    { ...report, metadata: undefined },
    {
      onnx: path('model.onnx'),
      bytes: bytes.length,
      irVersion: 8,
      opset: 17,
      inputs: [{ name: 'input', shape: ['batch', 1, 56, 48] }],
      outputs: [
        { name: 'embedding', shape: ['batch', 128] },
        { name: 'logits', shape: ['batch', 2] },
      ],
      nodes: graph?.node.length,
      initializers: graph?.initializer.length,
      metadata: undefined,
    },
  );
  assert.equal(report.metadata.toSorted(), ['architecture', 'names', 'options', 'preprocessing']);
  assert.equal((await readdir(folder)).toSorted(), ['model.onnx', 'model.safetensors']);
});

test('a pretrained network, with a table', async () => {
  const { code, stdout } = await likeness([
    'export',
    '--network',
    'face-landmarks-tiny',
    '--onnx',
    path('points.onnx'),
  ]);
  assert.is(code, 0);
  assert.match(stdout, /batch x 3 x 112 x 112/);
  assert.match(stdout, /IR 8, opset 17/);
  assert.is(decodeOnnx(await readFile(path('points.onnx'))).producerName, 'likeness');
});

test('what cannot be done is refused in one sentence', async () => {
  const onnx = ['--onnx', path('other.onnx')];
  assert.match(await refusal(path('model.safetensors')), /--onnx/);
  assert.match(await refusal(...onnx), /name a model that likeness train wrote, or --network/);
  assert.match(await refusal(path('model.safetensors'), '--network', 'face-recognition', ...onnx), /not both/);
  assert.match(await refusal(path('missing.safetensors'), ...onnx), /does not exist/);
  assert.match(await refusal(path('model.onnx'), ...onnx), /is no safetensors file|is cut short/);
  assert.match(await refusal(path('model.safetensors'), '--onnx', path('model.safetensors')), /would overwrite/);
  await mkdir(path('taken.onnx'));
  assert.match(await refusal(path('model.safetensors'), '--onnx', path('taken.onnx')), /it is a folder/);
  assert.not((await readdir(folder)).includes('other.onnx'));
  assert.match((await likeness(['export', '--help'])).stdout, /likeness export --network face-recognition/);
});

test.run();
