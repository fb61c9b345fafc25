import { access, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readImage } from '../../src/face/image';
import { type Finished, likeness, likenessProcess } from '../helpers/command';
import { flatJpeg, handmadePng, webpHeader } from '../helpers/image-files';

const test = suite('the command');
const SAMPLES = resolve('node_modules/@vladmandic/face-api/demo');
const sample = (number: number) => join(SAMPLES, `sample${number}.jpg`);
const WASM = ['--device', 'wasm', '--threads', '1'];

let folder = '';
const path = (name: string) => join(folder, name);

async function fileOf(name: string, bytes: Uint8Array | string): Promise<string> {
  await writeFile(path(name), bytes);
  return path(name);
}

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'likeness-command-'));
});
test.after(() => rm(folder, { recursive: true }));

interface FaceDocument {
  box: number[];
  score: number;
  landmarks: number[][];
  embedding: number[];
  norm: number;
  chip: string;
}

interface PhotoDocument {
  file: string;
  width: number;
  height: number;
  faces: FaceDocument[];
  error?: string;
}

/** The one document on stdout: a single line, and nothing else. */
function documentOf<Document>({ stdout, stderr }: Finished): Document {
  assert.ok(stdout.endsWith('\n') && stdout.trimEnd().split('\n').length === 1, `${stdout.slice(0, 300)}\n${stderr}`);
  return JSON.parse(stdout);
}

/** Refused before any work: one sentence on stderr, nothing on stdout, exit code 2. */
async function refusal(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await likeness(args);
  assert.is(code, 2, stderr);
  assert.is(stdout, '');
  assert.match(stderr, /^likeness: [^\n]+\n$/);
  return stderr;
}

const grey = () => handmadePng(64, 48, 8, 0, new Array(48).fill(new Array(64).fill(128)));

test('help and version', async () => {
  const [help, version, bare, ofCommand] = await Promise.all([
    likenessProcess(['--help']),
    likenessProcess(['--version']),
    likenessProcess([]),
    likenessProcess(['verify', '--help']),
  ]);
  assert.is(help.code, 0);
  assert.match(help.stdout, 'likeness verify passport.jpg selfie.jpg');
  assert.is(version.code, 0);
  assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/);
  assert.is(bare.code, 2);
  assert.match(bare.stderr, 'Usage: likeness');
  assert.match(ofCommand.stdout, '--threshold');
});

test('what is typed wrongly is refused in a sentence', async () => {
  const refusals: [RegExp, string[]][] = [
    [/unknown command 'seek'/, ['seek', 'a.jpg']],
    [/unknown option '--jsno'.*--json/, ['detect', 'a.jpg', '--jsno']],
    [/missing required argument 'photo'/, ['detect']],
    [/missing required argument 'other-photo'/, ['verify', 'a.jpg']],
    [/too many arguments/, ['verify', 'a.jpg', 'b.jpg', 'c.jpg']],
    [/'gpu' is invalid.*auto, webgpu, wasm, reference/, ['detect', 'a.jpg', '--device', 'gpu']],
    [/number from 0 to 1/, ['detect', 'a.jpg', '--minimum-score', 'high']],
    [/whole number from 1/, ['detect', 'a.jpg', '--threads', '1.5']],
    [/whole number from 1/, ['detect', 'a.jpg', '--threads', '0']],
    [/'huge' is invalid.*tiny, ssd/, ['detect', 'a.jpg', '--detector', 'huge']],
    [/'' is invalid.*number from 0 to 1/, ['detect', 'a.jpg', '--minimum-score', '']],
    [/'-1' is invalid.*number from 0 to 2/, ['verify', 'a.jpg', 'b.jpg', '--threshold', '-1']],
    [/'vgg' is invalid.*dlib, arcface/, ['align', 'a.jpg', '--out', folder, '--template', 'vgg']],
    [/--out is empty/, ['detect', 'a.jpg', '--out', '']],
    [/--out <path>' not specified/, ['align', 'a.jpg']],
    [/name a folder/, ['detect', 'a.jpg', 'b.jpg', '--out', path('both.png')]],
    [/name a folder/, ['align', 'a.jpg', '--out', path('chips.png')]],
    [/written as PNG/, ['detect', 'a.jpg', '--out', path('faces.jpg')]],
    [/--aligned.*--out/, ['embed', 'a.png', '--aligned', '--out', folder]],
    [/wasm: half precision is for GPUs/, ['embed', 'a.jpg', '--half', ...WASM]],
    [/reference: half precision is for GPUs/, ['verify', 'a.jpg', 'b.jpg', '--half', '--device', 'reference']],
    [/wasm: half precision is for GPUs/, ['bench', '--half', '--task', 'mini-resnet', ...WASM]],
    [/--half is for networks and their training: face-resnet/, ['bench', '--half', '--task', 'gemm', ...WASM]],
    [/--half.*--compare/, ['bench', '--half', '--compare', ...WASM]],
    [/wasm: half precision is for GPUs/, ['train', '--half', '--out', 'model.safetensors', ...WASM]],
  ];
  const sentences = await Promise.all(refusals.map(([, args]) => refusal(...args)));
  for (const [index, [expected]] of refusals.entries()) assert.match(sentences[index], expected);
});

test('detect and embed print what the contract says, and a bad file does not stop the others', async () => {
  const missing = path('missing.jpg');
  const [detected, embedded] = await Promise.all([
    likeness(['detect', missing, sample(1), '--json', ...WASM]),
    likeness(['embed', sample(1), '--json', ...WASM]),
  ]);
  assert.is(detected.code, 2);
  assert.is(detected.stderr, `likeness: ${missing} does not exist\n`);
  const [failure, photo] = documentOf<PhotoDocument[]>(detected);
  assert.equal(failure, { file: missing, error: `${missing} does not exist` });
  assert.equal([photo.file, photo.width, photo.height], [sample(1), 1920, 1280]);
  assert.ok(photo.faces.length >= 2);
  for (const { box, score, landmarks } of photo.faces) {
    assert.ok(box.length === 4 && box.every(Number.isFinite));
    assert.ok(score > 0.3 && score <= 1);
    assert.ok(landmarks.length === 68 && landmarks.every((point) => point.length === 2));
  }
  assert.is(embedded.code, 0);
  assert.is(embedded.stderr, '');
  const [{ faces }] = documentOf<PhotoDocument[]>(embedded);
  assert.is(faces.length, photo.faces.length);
  for (const [index, { box, embedding, norm }] of faces.entries()) {
    assert.equal(box, photo.faces[index].box);
    assert.is(embedding.length, 128);
    assert.ok(Math.abs(Math.hypot(...embedding) - 1) < 1e-6);
    assert.ok(norm > 0.5);
  }
});

test('align writes chips that embed --aligned takes', async () => {
  const out = path('chips');
  const aligned = await likeness(['align', sample(2), '--out', out, '--json', ...WASM]);
  assert.is(aligned.code, 0, aligned.stderr);
  const [{ faces }] = documentOf<PhotoDocument[]>(aligned);
  const chips = faces.map(({ chip }) => chip);
  assert.ok(chips.length > 0);
  const { width, height } = await readImage(chips[0]);
  assert.equal([width, height], [150, 150]);
  const wrong = await fileOf('wrong.png', grey());
  const embedded = await likeness(['embed', '--aligned', ...chips, wrong, '--json', ...WASM]);
  assert.is(embedded.code, 2);
  const results = documentOf<PhotoDocument[]>(embedded);
  for (const [index, chip] of chips.entries()) {
    assert.equal(Object.keys(results[index]), ['file', 'faces']);
    assert.is(results[index].file, chip);
    assert.is(results[index].faces[0].embedding.length, 128);
  }
  assert.match(results[chips.length].error ?? '', 'an aligned chip is 150x150');
});

test('verify says same with 0 and different with 1', async () => {
  const [same, different, table] = await Promise.all([
    likenessProcess(['verify', sample(2), sample(2), '--json', '--device', 'wasm']),
    likenessProcess(['verify', sample(1), sample(5), '--json', '--threshold', '0.1', '--device', 'wasm']),
    likeness(['verify', sample(2), sample(2), ...WASM, '--out', path('verified')]),
  ]);
  assert.is(same.code, 0, same.stderr);
  const answer = documentOf<{
    same: boolean;
    distance: number;
    threshold: number;
    probability: number;
    faces: FaceDocument[];
    device: string;
  }>(same);
  assert.ok(answer.same && answer.distance < 1e-3 && answer.probability > 0.9 && answer.threshold > 0);
  assert.is(answer.device, 'wasm');
  assert.equal(
    answer.faces.map(({ embedding, landmarks }) => [embedding.length, landmarks.length]),
    [
      [128, 68],
      [128, 68],
    ],
  );
  assert.is(different.code, 1, different.stderr);
  assert.not(documentOf<{ same: boolean }>(different).same);
  assert.match(table.stdout, /yes[^\n]*0\.000/);
  assert.equal((await readdir(path('verified'))).sort(), ['sample2-faces-2.png', 'sample2-faces.png']);
});

test('every kind of bad file is told in a sentence of its own, and the exit code is 2', async () => {
  const photo = await readFile(sample(3));
  await mkdir(path('holiday'));
  const expected: [string, RegExp][] = [
    [path('holiday'), /is a folder/],
    [path('nothing.jpg'), /does not exist/],
    [await fileOf('empty.jpg', ''), /is empty/],
    [await fileOf('notes.jpg', 'Not a photo.'), /is not a picture/],
    [await fileOf('cut.jpg', photo.subarray(0, photo.length / 2)), /damaged or cut short/],
    [await fileOf('cut.png', grey().subarray(0, 60)), /damaged or cut short/],
    [await fileOf('huge.png', handmadePng(30000, 30000, 8, 2, [])), /30000x30000 pixels; at most/],
    [await fileOf('photo.webp', webpHeader(640, 480)), /WEBP/],
  ];
  const bad = expected.map(([file]) => file);
  const good = [await fileOf('grey.jpg', flatJpeg([90])), await fileOf('ink.jpg', flatJpeg([9, 8, 7, 255]))];
  good.push(await fileOf('one.png', handmadePng(1, 1, 8, 0, [[7]])), await fileOf('deep.png', deepPng()));
  const run = await likeness(['embed', ...bad, ...good, '--json', ...WASM]);
  assert.is(run.code, 2);
  assert.not.match(run.stderr, /^ +at /m);
  const results = documentOf<PhotoDocument[]>(run);
  const sentences = run.stderr.trimEnd().split('\n');
  assert.is(sentences.length, bad.length + good.length);
  for (const [index, [file, reason]] of expected.entries()) {
    assert.match(results[index].error ?? '', reason);
    assert.is(sentences[index], `likeness: ${results[index].error}`);
    assert.ok(sentences[index].includes(file));
  }
  for (const [index, file] of good.entries()) {
    assert.equal(results[bad.length + index].faces, []);
    assert.is(sentences[bad.length + index], `likeness: ${file} shows no face that can be found`);
  }
});

const deepPng = () => handmadePng(2, 1, 16, 2, [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]]);

test('no face: an answer for detect, an error for verify', async () => {
  const blank = await fileOf('blank.png', grey());
  const [detected, verified, debugged] = await Promise.all([
    likeness(['detect', blank, '--json', ...WASM]),
    likeness(['verify', blank, sample(2), '--json', ...WASM]),
    likeness(['verify', path('gone.jpg'), sample(2), '--debug', ...WASM]),
  ]);
  assert.is(detected.code, 0);
  assert.equal(documentOf<PhotoDocument[]>(detected)[0].faces, []);
  assert.match(detected.stderr, 'shows no face');
  assert.is(verified.code, 2);
  assert.match(documentOf<{ error: string }>(verified).error, `${blank} shows no face`);
  assert.match(verified.stderr, /^likeness: [^\n]*shows no face[^\n]*\n$/);
  assert.is(debugged.code, 2);
  assert.match(debugged.stderr, /^ +at /m);
});

test('--out never overwrites a photo, and leaves no unfinished file', async () => {
  const photo = await fileOf('precious.png', grey());
  const before = await readFile(photo);
  await symlink(photo, path('alias.png'));
  for (const out of [photo, path('alias.png')]) {
    const { code, stderr } = await likeness(['detect', photo, '--out', out, ...WASM]);
    assert.is(code, 2);
    assert.match(stderr, 'is one of the photos and stays as it is');
  }
  assert.equal(await readFile(photo), before);
  assert.is((await likeness(['detect', photo, '--out', path('new/marked.png'), ...WASM])).code, 0);
  assert.equal(await readdir(path('new')), ['marked.png']);
  assert.match(await refusal('detect', photo, '--out', join(photo, 'below')), 'there is a file of that name');
});

test('Ctrl-C stops between photos, leaving whole files only', async () => {
  const out = path('stopped');
  const photos = await Promise.all(
    Array.from({ length: 200 }, async (_, index) => fileOf(`many-${index}.png`, grey())),
  );
  const first = join(out, 'many-0-faces.png');
  const run = await likenessProcess(['detect', ...photos, '--out', out, '--json', ...WASM], async ({ interrupt }) => {
    for (let tries = 0; tries < 400; tries++) {
      const isThere = await access(first).then(
        () => true,
        () => false,
      );
      if (isThere) break;
      await sleep(50);
    }
    interrupt();
  });
  assert.is(run.code, 130);
  assert.match(run.stderr, /likeness: stopped\n$/);
  const written = await readdir(out);
  assert.ok(written.length > 0 && written.length < 200);
  for (const name of written) assert.is((await readImage(join(out, name))).width, 64);
});

test('devices names all three, and what auto picks and why', async () => {
  const run = await likeness(['devices', '--json']);
  assert.is(run.code, 0);
  const { devices, auto } = documentOf<{
    devices: { device: string; available: boolean; adapter?: string; extras?: string[]; reason?: string }[];
    auto: { device: string; reason: string };
  }>(run);
  assert.equal(
    devices.map(({ device }) => device),
    ['webgpu', 'wasm', 'reference'],
  );
  for (const { available, adapter, reason } of devices) assert.ok(available ? adapter : reason);
  const known = ['half precision', 'subgroups', 'timestamps', 'subgroup matrices'];
  for (const { device, available, extras } of devices)
    if (device === 'webgpu' && available)
      assert.ok(
        extras?.every((extra) => known.includes(extra)),
        `extras of webgpu: ${extras}`,
      );
  assert.ok(devices.find(({ device }) => device === auto.device)?.available && auto.reason.length > 0);
});

test.run();
