import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkChoices, type DataChoices } from '../../src/cli/training-data';
import { TEMPLATES } from '../../src/face/align';
import { encodePng } from '../../src/face/image';
import { FacePipeline } from '../../src/face/pipeline';
import { readSafetensors, writeSafetensors } from '../../src/tensor/safetensors';
import { likeness } from '../helpers/command';
import { assertClose, rejection, thrown } from '../helpers/numbers';
import { cropAround, halved, mirrorImage, SAMPLE_FACES, samplePhoto } from '../helpers/photos';

const test = suite('learning from a teacher, on the command line');
const WASM = ['--device', 'wasm', '--threads', '1', '--no-progress'];

let folder = '';
const path = (...names: string[]) => join(folder, ...names);

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'likeness-teacher-'));
  process.env.XDG_CACHE_HOME = path('cache');
});
test.after(() => rm(folder, { recursive: true }));

test('a student of upper faces: it has no names, its file says what it sees, and photos are cut so', async () => {
  const [ada, ben, cleo] = await Promise.all(
    [
      ['sample3.jpg', 0],
      ['sample6.jpg', 0],
      ['sample1.jpg', 0],
    ].map(async ([name, k]) =>
      halved(cropAround(await samplePhoto(String(name)), SAMPLE_FACES[String(name)][Number(k)])),
    ),
  );
  for (const [name, photo] of Object.entries({ Ada: ada, Ben: ben, Cleo: cleo })) {
    await mkdir(path('people', name), { recursive: true });
    await writeFile(path('people', name, '1.png'), await encodePng(photo));
    await writeFile(path('people', name, '2.png'), await encodePng(mirrorImage(photo)));
  }
  const seen = ['--focus', 'upper', '--masks', '0.5', '--preset', 'small', '--size', '24'];
  const short = ['--epochs', '2', '--batch', '2', '--save-every', '1'];
  const training = ['train', path('people'), '--teacher', ...seen, ...short, ...WASM];
  const trained = await likeness([...training, '--out', path('student.safetensors'), '--json']);
  assert.is(trained.code, 0, trained.stderr);
  const report: { finished: boolean; images: object; mistakes?: object } = JSON.parse(trained.stdout);
  assert.equal(report.images, { train: 4, test: 2 });
  assert.is(report.mistakes, undefined);
  const bytes = await readFile(path('student.safetensors'));
  const { metadata, tensors } = readSafetensors(bytes);
  assert.equal([metadata.focus, metadata.masks, metadata.names], ['upper', '0.5', '[]']);
  assert.is(metadata.teacher, 'dlib face ResNet');
  assert.not.ok([...tensors.keys()].some((name) => name.startsWith('classifier')));

  {
    await using pipeline = await FacePipeline.open({ device: 'wasm', threads: 1, model: bytes });
    const [face] = await pipeline.embed(ada);
    const [upper] = await pipeline.align(ada, { template: 'upper' });
    const [whole] = await pipeline.align(ada, { template: 'arcface' });
    assert.equal(face.chip, upper.chip);
    assertClose((await pipeline.embedAligned(upper.chip)).embedding, face.embedding, 1e-5);
    assert.not.equal(whole.chip.data, upper.chip.data);
    assert.match((await rejection(pipeline.identify(ada))).message, /names nobody, for it learnt from a teacher/);
  }
  const other = writeSafetensors(tensors, { ...metadata, focus: 'ears' });
  const opened = FacePipeline.open({ device: 'wasm', threads: 1, model: other });
  assert.match((await rejection(opened)).message, /looks at the part ears of a face; whole and upper are known/);

  // Its weights are a start for a network that sees more pixels, and that learns names.
  const start = ['--start', path('student.safetensors'), '--size', '32', '--epochs', '1', '--batch', '2'];
  const named = await likeness(['train', path('people'), ...start, ...WASM, '--out', path('named.safetensors')]);
  assert.is(named.code, 0, named.stderr);
  const second = readSafetensors(await readFile(path('named.safetensors')));
  const options: { input: object; classes: number } = JSON.parse(second.metadata.options);
  assert.equal(options.input, { height: 32, width: 32, channels: 3 });
  assert.is(options.classes, 3);
});

test('choices that do not go together are refused in one sentence', () => {
  const usual: DataChoices = { seed: 1, focus: 'whole', masks: 0 };
  const taught: DataChoices = { ...usual, teacher: 'face-resnet' };
  const cases: [string[], DataChoices, RegExp][] = [
    [[], taught, /a teacher looks at photos; name a folder/],
    [['people'], { ...taught, aligned: true }, /leave --aligned out/],
    [['people'], { ...taught, trainFirst: 2 }, /leave --train-first out/],
    [['people'], { ...usual, focus: 'upper', aligned: true }, /leave --aligned out/],
    [[], { ...usual, focus: 'upper' }, /name a folder/],
    [['people'], { ...usual, masks: 0.5, aligned: true }, /leave --aligned or --masks out/],
  ];
  for (const [folders, choices, sentence] of cases)
    assert.match(thrown(() => checkChoices(folders, choices)).message, sentence);
  checkChoices(['people', 'more'], { ...taught, focus: 'upper', masks: 1 });
  checkChoices([], { ...usual, masks: 0.5 });
  assert.equal(Object.keys(TEMPLATES), ['dlib', 'arcface', 'upper']);
});

test('bad words on the command line are refused, and nothing is written', async () => {
  const out = ['--out', path('none.safetensors')];
  const cases: [string[], RegExp][] = [
    [['train', '--masks', '1.5', ...out], /--masks.*must be a number from 0 to 1/],
    [['train', path('nowhere'), '--teacher', ...out], /nowhere does not exist/],
    [['train', path('people'), '--task', 'landmarks', '--teacher', ...out], /are for --task people/],
  ];
  for (const [words, sentence] of cases) {
    const { code, stdout, stderr } = await likeness([...words, ...WASM]);
    assert.is(code, 2, stderr);
    assert.is(stdout, '');
    assert.match(stderr, /^likeness: [^\n]+\n$/);
    assert.match(stderr, sentence);
  }
  assert.match((await rejection(readFile(path('none.safetensors')))).message, /ENOENT/);
});

test.run();
