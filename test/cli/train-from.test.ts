import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ARCFACE_TEMPLATE } from '../../src/face/align';
import { encodePng } from '../../src/face/image';
import type { Preprocessing } from '../../src/face/preprocessing';
import { syntheticPerson, syntheticPhoto } from '../../src/face/synthetic';
import { openReference } from '../../src/kernels/reference/backend';
import { MiniResNet } from '../../src/nn/mini-resnet';
import { decodeOnnx, encodeOnnx, exportOnnx } from '../../src/nn/onnx';
import { random } from '../../src/tensor/random';
import { readSafetensors } from '../../src/tensor/safetensors';
import { likeness, likenessProcess } from '../helpers/command';

const test = suite('training an ONNX network on from the command line');
const WASM = ['--device', 'wasm', '--threads', '1'];
const PEOPLE = ['Ada', 'Ben', 'Cleo'];
const PREPROCESSING: Preprocessing = {
  ...{ template: 'arcface', width: 24, height: 24, channels: 'BGR', range: [-1, 1], standardisation: 'none' },
};

let folder = '';
const path = (...names: string[]) => join(folder, ...names);

/** Three drawn people, four pictures of each, and a network that knows nobody. */
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'likeness-train-from-'));
  process.env.XDG_CACHE_HOME = path('cache');
  const generator = random(11);
  for (const name of PEOPLE) {
    await mkdir(path('people', name), { recursive: true });
    const person = syntheticPerson(generator.fork());
    for (let k = 1; k <= 4; k++) {
      const size = { height: 24, width: 24, channels: 3 as const, framing: ARCFACE_TEMPLATE };
      const { image } = syntheticPhoto(person, generator.fork(), size);
      await writeFile(path('people', name, `${k}.png`), await encodePng(image));
    }
  }
  const backend = openReference();
  const network = new MiniResNet(
    { backend, random: random(3) },
    { input: { height: 24, width: 24, channels: 3 }, widths: [8, 12], depths: [1, 1], embedding: 16, classes: 0 },
  );
  const file = async (name: string, metadata: Record<string, string>) => {
    const model = await exportOnnx(backend, (images) => [network.evaluate().embed(images)], {
      ...{ name: 'small', inputShape: [24, 24, 3], outputs: ['embedding'], metadata },
    });
    await writeFile(path(name), encodeOnnx(model));
  };
  await file('small.onnx', { preprocessing: JSON.stringify(PREPROCESSING) });
  await file('untold.onnx', {});
});
test.after(() => rm(folder, { recursive: true }));

const training = (out: string, ...more: string[]) => [
  ...['train', path('people'), '--aligned', '--train-first', '3', '--batch', '6', '--out', path(out), ...WASM],
  ...more,
];

test('it learns to name people, stopped and gone on with to the bit, and is exported as it came', async () => {
  const from = ['--from', path('small.onnx'), '--loss', 'arcface', '--learning-rate', '0.01', '--epochs', '12'];
  const whole = await likeness(training('whole.safetensors', ...from, '--json'));
  assert.is(whole.code, 0, whole.stderr);
  const report: { finished: boolean; step: number; history: { loss: number }[] } = JSON.parse(whole.stdout);
  assert.ok(report.finished && report.step === 12);
  assert.ok(report.history[11].loss < report.history[0].loss);
  const { metadata, tensors } = readSafetensors(await readFile(path('whole.safetensors')));
  assert.equal(
    [metadata.architecture, metadata.template, metadata.from, JSON.parse(metadata.names)],
    ['onnx', 'arcface', 'small.onnx', PEOPLE],
  );
  assert.equal(JSON.parse(metadata.preprocessing), PREPROCESSING);

  const part = training('part.safetensors', ...from, '--save-every', '1');
  const stopped = await likenessProcess(part, async (process) => {
    for (let tries = 0; tries < 6000; tries++) {
      if (await readFile(path('part.safetensors')).catch(() => undefined)) break;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    process.interrupt();
  });
  if (stopped.code === 130) {
    const resumed = await likeness(['train', path('people'), '--out', path('part.safetensors'), '--resume', ...WASM]);
    assert.is(resumed.code, 0, resumed.stderr);
  } else assert.is(stopped.code, 0, stopped.stderr); // it was faster than the interruption
  assert.equal(readSafetensors(await readFile(path('part.safetensors'))).tensors, tensors);

  const photo = path('people', 'Ben', '4.png');
  const named = await likeness([
    ...['identify', photo, '--model', path('whole.safetensors'), '--aligned', '--json', ...WASM],
  ]);
  assert.is(named.code, 0, named.stderr);
  const [{ faces }]: { faces: { name: string; top: object[] }[] }[] = JSON.parse(named.stdout);
  assert.ok(PEOPLE.includes(faces[0].name) && faces[0].top.length === 3);

  const embed = async (...words: string[]) => {
    const { code, stdout, stderr } = await likeness(['embed', photo, '--aligned', '--json', ...words, ...WASM]);
    assert.is(code, 0, stderr);
    const [document]: { faces: { embedding: number[] }[] }[] = JSON.parse(stdout);
    return document.faces[0].embedding;
  };
  const exported = await likeness(['export', path('whole.safetensors'), '--onnx', path('tuned.onnx')]);
  assert.is(exported.code, 0, exported.stderr);
  const again = decodeOnnx(await readFile(path('tuned.onnx')));
  const props = new Map(again.metadataProps.map(({ key, value }) => [key, value]));
  assert.equal(JSON.parse(props.get('preprocessing') ?? ''), PREPROCESSING);
  const own = await embed('--model', path('whole.safetensors'));
  for (const file of ['tuned.onnx', 'whole.safetensors']) {
    const others = await embed('--embedder', path(file));
    assert.ok(
      own.every((value, k) => Math.abs(value - others[k]) < 1e-5),
      `${file} as a network of others`,
    );
  }
});

test('what cannot be begun with is refused in a sentence, and nothing is written', async () => {
  const refusal = async (...words: string[]) => {
    const { code, stderr } = await likeness(training('none.safetensors', ...words));
    assert.is(code, 2, stderr);
    assert.match(stderr, /^likeness: .*\n$/);
    return stderr;
  };
  assert.match(await refusal('--from', path('missing.onnx')), /missing\.onnx/);
  assert.match(await refusal('--from', path('untold.onnx')), /does not say how it wants its faces/);
  assert.match(await refusal('--from', path('small.onnx'), '--template', 'facenet'), /aligned/);
});

test.run();
