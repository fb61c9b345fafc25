import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodePng } from '../../src/face/image';
import { calibrateModel } from '../../src/face/model-embedder';
import { openWasm } from '../../src/kernels/wasm/backend';
import { readSafetensors, writeSafetensors } from '../../src/tensor/safetensors';
import { type Finished, likeness } from '../helpers/command';
import { drawnChip, trainModel } from '../helpers/model';
import { cropAround, halved, plain, SAMPLE_FACES, samplePhoto } from '../helpers/photos';

const test = suite('models on the command line');
const WASM = ['--device', 'wasm', '--threads', '1'];

let folder = '';
let names: string[] = [];
const path = (name: string) => join(folder, name);
const [calibrated, uncalibrated, woman, chip, nobody] = [
  'c.safetensors',
  'u.safetensors',
  'woman.png',
  'chip.png',
  'no.png',
];

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'likeness-identify-'));
  const backend = await openWasm({ threads: 1 });
  const { bytes, test: images } = await trainModel(backend, { epochs: 3 });
  names = images.names;
  const known = await calibrateModel(backend, bytes, images.examples);
  await backend.close();
  const face = halved(cropAround(await samplePhoto('sample3.jpg'), SAMPLE_FACES['sample3.jpg'][0]));
  await Promise.all([
    writeFile(path(uncalibrated), bytes),
    writeFile(path(calibrated), known.bytes),
    writeFile(path(woman), await encodePng(face)),
    writeFile(path(chip), await encodePng(drawnChip(4))),
    writeFile(path(nobody), await encodePng(plain(90, 60))),
  ]);
});
test.after(() => rm(folder, { recursive: true }));

/** Runs a command on files of the folder. */
const run = (command: string, files: string[], model: string, ...more: string[]): Promise<Finished> =>
  likeness([command, ...files.map(path), '--model', path(model), '--json', ...WASM, ...more]);

const documentOf = <Document>({ stdout }: Finished): Document => JSON.parse(stdout);

interface Candidate {
  name: string;
  probability: number;
}
interface Photo<Face> {
  file: string;
  faces: Face[];
}

test('identify: file, box, name, probability and the most probable; nobody is an answer', async () => {
  const [found, aligned] = await Promise.all([
    run('identify', [woman, nobody], calibrated),
    run('identify', [chip], uncalibrated, '--aligned'),
  ]);
  assert.equal([found.code, aligned.code], [0, 0], found.stderr + aligned.stderr);
  assert.is(found.stderr, `likeness: ${path(nobody)} shows no face that can be found\n`);
  const photos = documentOf<Photo<Candidate & { box: number[]; top: Candidate[] }>[]>(found);
  assert.equal(
    photos.map(({ file, faces }) => [file, faces.length]),
    [
      [path(woman), 1],
      [path(nobody), 0],
    ],
  );
  const [face] = photos[0].faces;
  assert.equal(Object.keys(face).sort(), ['box', 'name', 'probability', 'top']);
  assert.equal({ name: face.name, probability: face.probability }, face.top[0]);
  assert.is(face.box.length, 4);
  for (const candidate of face.top) {
    assert.equal(Object.keys(candidate), ['name', 'probability']);
    assert.ok(names.includes(candidate.name) && candidate.probability >= 0 && candidate.probability <= 1);
  }
  assert.equal(documentOf<Photo<{ box: number[] }>[]>(aligned)[0].faces[0].box, [0, 0, 112, 112]);
});

test('embed: as many numbers as the model has', async () => {
  const [found, aligned] = await Promise.all([
    run('embed', [woman], uncalibrated),
    run('embed', [chip], uncalibrated, '--aligned', '--no-flip'),
  ]);
  assert.equal([found.code, aligned.code], [0, 0], found.stderr + aligned.stderr);
  for (const finished of [found, aligned]) {
    const [{ embedding }] = documentOf<Photo<{ embedding: number[] }>[]>(finished)[0].faces;
    assert.is(embedding.length, 32);
    assert.ok(Math.abs(Math.hypot(...embedding) - 1) < 1e-6);
  }
});

test('verify: the threshold of the model, else that of --threshold, else it asks', async () => {
  const [known, given, unknown] = await Promise.all([
    run('verify', [woman, woman], calibrated),
    run('verify', [woman, woman], uncalibrated, '--threshold', '0.5'),
    run('verify', [woman, woman], uncalibrated),
  ]);
  interface Answer {
    same: boolean;
    threshold: number;
    probability?: number;
  }
  assert.is(known.code, 0, known.stderr);
  const answer = documentOf<Answer>(known);
  const { flip } = JSON.parse(readSafetensors(await readFile(path(calibrated))).metadata.calibration);
  assert.ok(Math.abs(answer.threshold - flip.threshold) < 1e-8 && Number(answer.probability) > 0.5);
  assert.is(given.code, 0, given.stderr);
  assert.is(documentOf<Answer>(given).probability, undefined);
  assert.is(unknown.code, 2);
  assert.match(unknown.stderr, /^likeness: [^\n]*never calibrated[^\n]*--threshold\)\n$/);
});

test('what is no such model is told once, in one sentence, with the exit code 2', async () => {
  const bytes = await readFile(path(uncalibrated));
  const { tensors, metadata } = readSafetensors(bytes);
  await writeFile(path('cut'), bytes.subarray(0, bytes.length - 1000));
  await writeFile(path('other'), writeSafetensors(tensors, { ...metadata, architecture: 'resnet50' }));
  await writeFile(path('few'), writeSafetensors(tensors, { ...metadata, names: '["Ada"]' }));
  const cases: [string, RegExp][] = [
    ['cut', /cut: is cut short/],
    ['other', /other: is no mini-resnet, but resnet50/],
    ['few', /few: names 1 of the 6 people/],
    ['gone', /gone does not exist; likeness train makes a model/],
  ];
  const commands = ['identify', 'embed', 'verify', 'identify'];
  await Promise.all(
    cases.map(async ([model, sentence], k) => {
      const { code, stdout, stderr } = await run(commands[k], [woman, woman], model);
      assert.is(code, 2, stderr);
      assert.match(stderr, /^likeness: [^\n]+\n$/);
      assert.match(stderr, sentence);
      assert.match(JSON.parse(stdout).error, sentence);
    }),
  );
});

test.run();
