import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodePng } from '../../src/face/image';
import type { Companion } from '../../src/face/onnx-embedder';
import { type Finished, likeness } from '../helpers/command';
import { skipped } from '../helpers/devices';
import { drawnChip } from '../helpers/model';
import { assertClose } from '../helpers/numbers';
import { hasRealModels, onnxFile, realModel } from '../helpers/onnx-files';
import { cropAround, halved, jpegOf, mirrorImage, SAMPLE_FACES, samplePhoto } from '../helpers/photos';

const test = suite("other people's networks from the command line");
const WASM = ['--device', 'wasm', '--threads', '1', '--no-progress'];

let folder = '';
/** Of one face. */
let photo = '';
const path = (...names: string[]) => join(folder, ...names);

async function write(name: string, content: string | Uint8Array): Promise<string> {
  await mkdir(dirname(path(name)), { recursive: true });
  await writeFile(path(name), content);
  return path(name);
}

/** An embedder of tiny grey pictures: what it sees is what it gives. */
const tiny = onnxFile({
  inputs: { data: [null, 1, 8, 8] },
  outputs: { fc1: [null, 64] },
  nodes: [['Flatten', ['data'], ['fc1'], { axis: 1 }]],
});

const FOLD = (a: string, b: string) => `${a}\t1\t2\n${b}\t1\t2\n${a}\t1\t${b}\t1\n${a}\t2\t${b}\t2\n`;

/** Laid out as LFW is, of drawn faces that are aligned: the second of each person is the mirror image of the first. */
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'likeness-networks-'));
  process.env.XDG_CACHE_HOME = path('cache');
  for (const [seed, name] of ['Ada', 'Ben', 'Cleo', 'Dan'].entries()) {
    const chip = drawnChip(seed + 1);
    for (const [k, image] of [chip, mirrorImage(chip)].entries())
      await write(`lfw/images/${name}/${name}_000${k + 1}.jpg`, await encodePng(image));
  }
  await write('lfw/pairsDevTrain.txt', `2\n${FOLD('Ada', 'Ben')}`);
  await write('lfw/pairsDevTest.txt', `2\n${FOLD('Cleo', 'Dan')}`);
  await write('tiny.onnx', tiny);
  const [face] = SAMPLE_FACES['sample3.jpg'];
  photo = await write('photo.jpg', await jpegOf(halved(cropAround(await samplePhoto('sample3.jpg'), face))));
});
test.after(() => rm(folder, { recursive: true }));

function documentOf<Document>({ stdout, stderr, code }: Finished): Document {
  assert.ok(stdout.endsWith('\n'), `${code}: ${stderr}`);
  return JSON.parse(stdout);
}

async function refusal(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await likeness([...args, ...WASM]);
  assert.is(code, 2, stderr);
  assert.is(stdout, '');
  assert.match(stderr, /^likeness: [^\n]+\n$/);
  return stderr;
}

test('evaluate --calibrate writes a file beside the embedder, which verify then decides by', async () => {
  const embedder = path('tiny.onnx');
  const before = await readFile(embedder);
  const evaluated = documentOf<{
    calibration: { threshold: number };
    model: { name: string; preprocessing: { channels: string; width: number } };
  }>(
    await likeness([
      ...['evaluate', 'lfw', path('lfw'), '--view', '1', '--calibrate', '--aligned', '--json'],
      ...['--embedder', embedder, '--template', 'arcface', ...WASM],
    ]),
  );
  assert.match(evaluated.model.name, /^onnx [0-9a-f]{8}$/);
  assert.is(evaluated.model.preprocessing.channels, 'GRAY');
  const { preprocessing, calibration }: Companion = JSON.parse(await readFile(`${embedder}.json`, 'utf8'));
  assert.equal(preprocessing, {
    template: 'arcface',
    width: 8,
    height: 8,
    channels: 'GRAY',
    range: [-1, 1],
    standardisation: 'none',
  });
  assert.equal(Object.keys(calibration ?? {}), ['flip']);
  assertClose([calibration?.flip?.threshold ?? 0], [evaluated.calibration.threshold], 1e-8);
  assert.equal(await readFile(embedder), before);

  const verified = await likeness(['verify', photo, photo, '--embedder', embedder, '--json', ...WASM]);
  assert.is(verified.code, 0, verified.stderr);
  const { threshold, same } = documentOf<{ threshold: number; same: boolean }>(verified);
  assert.ok(same);
  assert.ok(Math.abs(threshold - evaluated.calibration.threshold) < 1e-6);
});

test('what does not go together is refused in a sentence', async () => {
  const embedder = path('tiny.onnx');
  const refusals: [RegExp, string[]][] = [
    [/--template is of a network that --embedder names; add it/, ['embed', photo, '--template', 'arcface']],
    [/--range is of a network/, ['embed', photo, '--range', '0,1']],
    [/It must be two numbers, such as -1,1\./, ['embed', photo, '--embedder', embedder, '--range', '1']],
    [/--liveness-threshold is of a network that --liveness names/, ['detect', photo, '--liveness-threshold', '0.7']],
    [/It must be tiny, ssd, haar, or an ONNX file/, ['detect', photo, '--detector', 'mtcnn']],
    [/cannot be used with option '--model/, ['embed', photo, '--embedder', embedder, '--model', 'm.safetensors']],
    [
      /--template dlib is the pretrained network's/,
      ['align', photo, '--embedder', embedder, '--template', 'dlib', '--out', path('chips')],
    ],
  ];
  const told = await Promise.all(refusals.map(([, args]) => refusal(...args)));
  for (const [k, [expected]] of refusals.entries()) assert.match(told[k], expected);
  assert.not(await stat(path('chips')).catch(() => undefined));
});

if (!hasRealModels()) skipped('real networks', 'faceplugin-face-recognition-js is not installed');
else {
  interface Detected {
    faces: { score: number; liveness: number }[];
  }

  test('detect with a detector and a liveness network that no one here made', async () => {
    const found = await likeness([
      ...['detect', photo, '--detector', realModel('detect'), '--liveness', realModel('liveness')],
      ...['--json', ...WASM],
    ]);
    const [{ faces }] = documentOf<Detected[]>(found);
    assert.is(faces.length, 1);
    for (const { score, liveness } of faces) assert.ok(score > 0.9 && liveness > 0.5);
  });

  test('verify confirms nobody below the liveness threshold, says so, and ends with 1', async () => {
    const networks = ['--embedder', realModel('feature'), '--template', 'mobilefacenet', '--threshold', '1.1'];
    const strict = ['--liveness', realModel('liveness'), '--liveness-threshold', '1'];
    const { code, stdout, stderr } = await likeness(['verify', photo, photo, ...networks, ...strict, ...WASM]);
    assert.is(code, 1, stderr);
    assert.match(stdout, 'not confirmed');
    assert.match(
      stderr,
      /photo\.jpg does not look like a living face: [01]\.\d+, and 1 is asked for; nothing is confirmed/,
    );
  });
}

test.run();
