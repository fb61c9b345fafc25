import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readSafetensors } from '../../src/tensor/safetensors';
import { likeness } from '../helpers/command';
import { cropAround, halved, jpegOf, plain, SAMPLE_FACES, samplePhoto } from '../helpers/photos';

const test = suite('training of landmarks from the command line');
const WASM = ['--device', 'wasm', '--threads', '1', '--no-progress'];

let folder = '';
const path = (...names: string[]) => join(folder, ...names);

/** Nine labelled faces, one label that is of nobody, and a picture without a face. */
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'likeness-landmarks-'));
  process.env.XDG_CACHE_HOME = path('cache');
  await mkdir(path('labelled', 'images'), { recursive: true });
  const files: string[] = [];
  for (const photo of ['sample3.jpg', 'sample5.jpg', 'sample6.jpg'])
    for (const face of [0, 1, 2]) {
      const file = path('labelled', 'images', `${photo}-${face}.jpg`);
      await writeFile(file, await jpegOf(halved(cropAround(await samplePhoto(photo), SAMPLE_FACES[photo][face]))));
      files.push(file);
    }
  await writeFile(path('labelled', 'images', 'nobody.jpg'), await jpegOf(plain(90, 90)));
  const { stdout } = await likeness(['detect', ...files, '--json', ...WASM]);
  const photos: { file: string; faces: { box: number[]; points: number[][] }[] }[] = JSON.parse(stdout);
  const largest = (faces: (typeof photos)[number]['faces']) => faces.sort((a, b) => b.box[2] - a.box[2])[0];
  const rows = photos.map(({ file, faces }) => `${file.split('/').at(-1)},${largest(faces).points.flat().join(',')}`);
  const far = Array(10).fill('-500').join(',');
  rows.push(`nobody.jpg,${far}`, `sample3.jpg-0.jpg,${far}`);
  await writeFile(path('labelled', 'points.csv'), `file,ten,numbers\n${rows.join('\n')}\n`);
});
test.after(() => rm(folder, { recursive: true }));

const training = (out: string, ...more: string[]) => [
  ...['train', path('labelled'), '--task', 'landmarks', '--out', path(out), '--epochs', '2', '--batch', '4'],
  ...more,
  ...WASM,
];

test('a folder with images and points gives a network, and boxes are kept for the next time', async () => {
  const { code, stdout, stderr } = await likeness(training('one.safetensors', '--json'));
  assert.is(code, 0, stderr);
  const { finished, history, settings, data } = JSON.parse(stdout);
  assert.is(finished, true);
  assert.equal(
    history.map(({ epoch }: { epoch: number }) => epoch),
    [1, 2],
  );
  assert.ok(history.every(({ error, validationError }: Record<string, number>) => error > 0 && validationError > 0));
  assert.equal([settings.batchSize, settings.epochs, settings.seed], [4, 2, 1]);
  assert.equal(data.match(/\d+/g), ['7', '1', '2'], data);
  const { metadata } = readSafetensors(await readFile(path('one.safetensors')));
  assert.is(metadata.architecture, 'likeness-landmarks-5');
  assert.is((await readdir(path('cache', 'likeness', 'boxes'))).length, 10);
  const again = await likeness(training('two.safetensors'));
  assert.is(again.code, 0, again.stderr);
  assert.match(again.stdout, /^7 faces to train on, 1 to validate; 2 left out\.\nWritten: .*two\.safetensors/);
  const tensorsOf = async (name: string) => readSafetensors(await readFile(path(name))).tensors;
  assert.equal(await tensorsOf('one.safetensors'), await tensorsOf('two.safetensors'));
});

test('what cannot be learnt from is refused in one sentence', async () => {
  await mkdir(path('empty'), { recursive: true });
  const out = ['--task', 'landmarks', '--out', path('none.safetensors')];
  for (const [args, sentence] of [
    [['train', 'labelled', '--half', ...out], /--half is for --task people/],
    [['train', ...out], /landmarks are learnt from a folder with images\/ and points\.csv/],
    [['train', path('empty'), ...out], /points\.csv does not exist/],
    [['train', path('labelled'), ...out, '--resume'], /cannot be resumed/],
    [['train', path('labelled'), '--task', 'landmarks', '--out', path('no', 'a.safetensors')], /cannot be written/],
    [['train', path('labelled'), '--task', 'noses', '--out', path('a')], /Allowed choices are people, landmarks/],
  ] satisfies [string[], RegExp][]) {
    const { code, stderr } = await likeness([...args, ...WASM]);
    assert.is(code, 2, stderr);
    assert.match(stderr, sentence);
    assert.match(stderr, /^likeness: [^\n]+\n$/);
  }
});

test.run();
