import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ARCFACE_TEMPLATE } from '../../src/face/align';
import { encodePng } from '../../src/face/image';
import { syntheticPerson, syntheticPhoto } from '../../src/face/synthetic';
import { random } from '../../src/tensor/random';
import { readSafetensors } from '../../src/tensor/safetensors';
import { likeness } from '../helpers/command';

const test = suite('training from the command line');
const WASM = ['--device', 'wasm', '--threads', '2'];
const PEOPLE = ['Ada', 'Ben', 'Cleo'];

let folder = '';
const path = (...names: string[]) => join(folder, ...names);

/** A folder of folders of chips: three drawn people, six of each. */
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'likeness-train-'));
  process.env.XDG_CACHE_HOME = path('cache');
  const generator = random(11);
  for (const name of PEOPLE) {
    await mkdir(path('people', name), { recursive: true });
    const person = syntheticPerson(generator.fork());
    for (let k = 1; k <= 6; k++) {
      const size = { height: 64, width: 64, channels: 1 as const, framing: ARCFACE_TEMPLATE };
      const { image } = syntheticPhoto(person, generator.fork(), size);
      await writeFile(path('people', name, `${k}.png`), await encodePng(image));
    }
  }
});
test.after(() => rm(folder, { recursive: true }));

const training = (out: string, ...more: string[]) => [
  'train',
  path('people'),
  '--aligned',
  '--out',
  path(out),
  '--train-first',
  '4',
  '--batch',
  '6',
  ...WASM,
  ...more,
];

interface Report {
  finished: boolean;
  step: number;
  steps: number;
  people: number;
  accuracy: number;
  history: unknown[];
}

test('trains, reports, and the model names the people of other photos', async () => {
  const model = path('model.safetensors');
  const trained = await likeness(training('model.safetensors', '--epochs', '12', '--json'));
  assert.is(trained.code, 0, trained.stderr);
  const report: Report = JSON.parse(trained.stdout);
  assert.is(report.people, 3);
  assert.ok(report.finished);
  assert.is(report.step, 24);
  assert.is(report.history.length, 12);
  const { metadata } = readSafetensors(await readFile(model));
  assert.equal(JSON.parse(metadata.names), PEOPLE);
  assert.is(metadata.architecture, 'mini-resnet');
  assert.is(metadata.training, undefined);
  assert.match(await readFile(path('model.svg'), 'utf8'), /^<svg [\s\S]+<\/svg>\n$/);
  assert.equal(
    (await readdir(folder)).filter((name) => name.startsWith('.')),
    [],
  );

  const photos = PEOPLE.map((name) => path('people', name, '6.png'));
  const named = await likeness(['identify', ...photos, '--model', model, '--aligned', '--json', ...WASM]);
  assert.is(named.code, 0, named.stderr);
  const documents: { file: string; faces: { box: number[]; name: string; probability: number; top: object[] }[] }[] =
    JSON.parse(named.stdout);
  assert.equal(
    documents.map(({ file }) => file),
    photos,
  );
  for (const { faces } of documents) {
    assert.is(faces.length, 1);
    assert.equal(faces[0].box, [0, 0, 64, 64]);
    assert.is(faces[0].top.length, 3);
    assert.ok(PEOPLE.includes(faces[0].name) && faces[0].probability > 1 / 3);
  }
});

test('Ctrl-C saves and says how to go on, and going on gives the very model of an undisturbed run', async () => {
  const whole = await likeness(training('whole.safetensors', '--epochs', '30', '--no-progress'));
  assert.is(whole.code, 0, whole.stderr);
  const part = training('part.safetensors', '--epochs', '30', '--save-every', '2');
  const stopped = await likeness(part, async (process) => {
    for (let tries = 0; tries < 200; tries++) {
      await new Promise((done) => setTimeout(done, 20));
      if ((await readdir(folder)).includes('part.safetensors')) break;
    }
    process.interrupt();
  });
  assert.is(stopped.code, 130, stopped.stderr);
  assert.match(
    stopped.stderr,
    /stopped after step \d+ of 60, saved to .*part\.safetensors; go on with: likeness train .* --resume\n$/,
  );
  const resumed = await likeness([...part, '--resume']);
  assert.is(resumed.code, 0, resumed.stderr);
  const [expected, got] = await Promise.all(
    ['whole', 'part'].map(async (name) => readSafetensors(await readFile(path(`${name}.safetensors`))).tensors),
  );
  assert.equal(got, expected);
  const again = await likeness([...part, '--resume']);
  assert.is(again.code, 2);
  assert.match(again.stderr, /^likeness: .*is trained to its end; there is nothing to go on with\n$/);
});

test('what cannot be trained or used is refused in one sentence', async () => {
  await writeFile(path('cut.safetensors'), new Uint8Array(5));
  await mkdir(path('alone', 'Ada'), { recursive: true });
  await writeFile(path('alone', 'Ada', '1.png'), await readFile(path('people', 'Ada', '1.png')));
  const cases: [string[], RegExp][] = [
    [['identify', path('people', 'Ada', '1.png'), '--model', path('cut.safetensors')], /too short to be a safetensors/],
    [
      ['identify', path('people', 'Ada', '1.png'), '--model', path('none')],
      /none does not exist; likeness train makes/,
    ],
    [['train', path('alone'), '--out', path('x.safetensors')], /only/],
    [['train', path('people'), '--out', path('no', 'where', 'x')], /there is no such folder/],
    [['train', path('people'), '--resume', '--out', path('cut.safetensors')], /too short/],
    [['train', path('people')], /--out/],
  ];
  for (const [args, sentence] of cases) {
    const { code, stdout, stderr } = await likeness([...args, ...WASM]);
    assert.is(code, 2, stderr);
    assert.is(stdout, '');
    assert.match(stderr, /^likeness: [^\n]+\n$/);
    assert.match(stderr, sentence);
  }
  assert.not(await readdir(folder).then((names) => names.includes('x.safetensors')));
});

test.run();
