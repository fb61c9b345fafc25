import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { acceptedAt, type DistanceHistogram, pairsIn } from '../../src/face/distance-histogram';
import { openWasm } from '../../src/kernels/wasm/backend';
import { readSafetensors } from '../../src/tensor/safetensors';
import { likeness, likenessProcess } from '../helpers/command';
import { trainModel } from '../helpers/model';
import { cropAround, halved, jpegOf, mirrorImage, plain, SAMPLE_FACES, samplePhoto } from '../helpers/photos';

const test = suite('evaluation from the command line');
const WASM = ['--device', 'wasm', '--threads', '1', '--no-progress'];
/** Four people of the sample photos: which photo, and which of its faces. */
const PEOPLE: Record<string, [string, number]> = {
  Ada: ['sample1.jpg', 0],
  Ben: ['sample1.jpg', 2],
  Cleo: ['sample3.jpg', 1],
  Dan: ['sample4.jpg', 1],
};

let folder = '';
const path = (...names: string[]) => join(folder, ...names);
const photo = (name: string, number: number) => path('lfw', 'images', name, `${name}_000${number}.jpg`);

async function write(name: string, content: string | Uint8Array) {
  await mkdir(dirname(path(name)), { recursive: true });
  await writeFile(path(name), content);
  return path(name);
}

const FOLD = (a: string, b: string) => `${a}\t1\t2\n${b}\t1\t2\n${a}\t1\t${b}\t1\n${a}\t2\t${b}\t2\n`;

/** Laid out as LFW is: two photos of each person, the second a mirror image of the first. */
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'likeness-evaluate-'));
  process.env.XDG_CACHE_HOME = path('cache');
  for (const [name, [file, face]] of Object.entries(PEOPLE)) {
    const crop = halved(cropAround(await samplePhoto(file), SAMPLE_FACES[file][face]));
    for (const [k, image] of [crop, mirrorImage(crop)].entries())
      await write(`lfw/images/${name}/${name}_000${k + 1}.jpg`, await jpegOf(image));
  }
  await write('lfw/pairs.txt', `2\t2\n${FOLD('Ada', 'Ben')}${FOLD('Cleo', 'Dan')}`);
  await write('lfw/pairsDevTrain.txt', `2\n${FOLD('Ada', 'Ben')}`);
  await write('lfw/pairsDevTest.txt', `2\n${FOLD('Cleo', 'Dan')}`);
  const backend = await openWasm({ threads: 1 });
  await write('model.safetensors', (await trainModel(backend, { epochs: 2 })).bytes);
  await backend.close();
});
test.after(() => rm(folder, { recursive: true }));

interface Lfw {
  accuracy: number;
  standardError: number;
  tarAtFar: Record<string, number>;
  auc: number;
  eer: number;
  missed: number;
  folds: number[];
  conditions?: { condition: string; strength?: number; accuracy: number }[];
  groups?: { group: string; pairs: number; accuracy: number }[];
  calibration?: { threshold: number; origin: string };
  distances: DistanceHistogram;
}

interface MaskRow {
  photos: string;
  accuracy: number;
  accuracyAtUnmasked: number;
  missed: number;
  of: number;
  distances: DistanceHistogram;
}

const figuresOf = ({ accuracy, standardError, tarAtFar, auc, eer, missed, folds }: Lfw) => ({
  accuracy,
  standardError,
  tarAtFar,
  auc,
  eer,
  missed,
  folds,
});

const lfw = (...more: string[]) => ['evaluate', 'lfw', path('lfw'), ...WASM, ...more];
const cached = async () => (await readdir(path('cache', 'likeness', 'embeddings')).catch(() => [])).length;

test('Ctrl-C keeps what is done, and the same command goes on from there; each embedding is made once', async () => {
  const stopped = await likenessProcess(lfw('--json'), async (process) => {
    for (let tries = 0; tries < 1000 && (await cached()) === 0; tries++)
      await new Promise((done) => setTimeout(done, 10));
    process.interrupt();
  });
  assert.is(stopped.code, 130, stopped.stderr);
  assert.match(stopped.stderr, /likeness: \d of 8 photos are done and kept; the same command goes on from there\n/);
  const kept = await cached();
  assert.ok(kept >= 1 && kept < 8, `${kept}`);
  const first = await likeness(lfw('--json'));
  assert.is(first.code, 0, first.stderr);
  assert.is(await cached(), 8);
  const figures = figuresOf(JSON.parse(first.stdout));
  // At the best threshold of the other fold all pairs of a face and its mirror image are told from the others.
  assert.is(figures.accuracy, 1);
  assert.is(figures.standardError, 0);
  assert.equal(figures.folds, [1, 1]);
  assert.equal(figures.tarAtFar, { '0.01': 1, '0.001': 1 });
  assert.equal([figures.auc, figures.eer, figures.missed], [1, 0, 0]);
  const { distances }: Lfw = JSON.parse(first.stdout);
  assert.equal(pairsIn(distances), { same: 4, different: 4 });
  assert.equal(acceptedAt(distances, 0.412), { same: 4, different: 0 }, 'four mirror images, and nobody else');
  for (const way of [[], ['--no-cache']]) {
    const again = await likeness(lfw('--json', ...way));
    assert.equal(figuresOf(JSON.parse(again.stdout)), figures);
  }
  await likeness(lfw('--no-flip', '--json'));
  assert.is(await cached(), 16, 'other settings have other embeddings');
});

test('conditions, groups, and a page with pictures of the mistakes', async () => {
  const labels = await write('labels.csv', 'Ada,first\nBen,first\nCleo,second\nDan,second\n');
  const more = ['--no-flip', '--conditions', 'eyes,mouth', '--labels', labels, '--report', path('report.html')];
  const { code, stdout, stderr } = await likeness(lfw('--threshold', '0', '--json', ...more));
  assert.is(code, 0, stderr);
  const document: Lfw = JSON.parse(stdout);
  assert.is(document.accuracy, 0.5, 'no distance is 0');
  assert.equal(
    document.conditions?.map(({ condition }) => condition),
    ['none', ...Array(3).fill('eyes'), ...Array(3).fill('mouth')],
  );
  assert.equal(
    document.groups?.map(({ group, pairs }) => [group, pairs]),
    [
      ['first', 4],
      ['second', 4],
    ],
  );
  const page = await readFile(path('report.html'), 'utf8');
  assert.is(page.match(/data:image\/png;base64,/g)?.length, 8, 'two pictures of each of four mistakes');
  assert.match(page, /likeness evaluate lfw/);
  assert.ok((page.match(/<svg/g)?.length ?? 0) >= 4);
  const table = await likeness(lfw('--no-flip', '--conditions', 'eyes', '--labels', labels));
  assert.match(
    table.stdout,
    /LFW View 2: 8 pairs of 8 photos[\s\S]+Accuracy[\s\S]+eyes[\s\S]+0.6 of the eyes[\s\S]+second/,
  );
});

test('with masks: on the probes, on both photos, and on people that are looked up; kept like any other embedding', async () => {
  const { code, stdout, stderr } = await likeness(lfw('--masks', 'both', '--json'));
  assert.is(code, 0, stderr);
  const { masks }: { masks: MaskRow[] } = JSON.parse(stdout);
  assert.equal(
    masks.map(({ photos, of }) => [photos, of]),
    [
      ['unmasked-unmasked', 8],
      ['masked-unmasked', 6], // Ada's and Cleo's first photos are never looked up
      ['masked-masked', 8],
    ],
  );
  assert.is(masks[0].accuracy, 1);
  assert.is(masks[0].accuracyAtUnmasked, 1);
  for (const { accuracy, accuracyAtUnmasked, missed, of, distances } of masks) {
    assert.ok(accuracy > 0.2 && accuracy <= 1 && accuracyAtUnmasked > 0.2, stdout);
    assert.ok(missed >= 0 && missed < of);
    assert.equal(pairsIn(distances), { same: 4, different: 4 });
  }
  assert.is(masks[0].distances.withoutFace.same, 0);
  const kept = await cached();
  const again = await likeness(lfw('--masks', 'both', '--json'));
  assert.equal(JSON.parse(again.stdout).masks, masks);
  assert.is(await cached(), kept, 'nothing was embedded again');
  const table = await likeness(lfw('--masks', 'probe'));
  assert.match(table.stdout, /unmasked-unmasked[\s\S]+masked-unmasked[\s\S]+of 6/);
  assert.not.match(table.stdout, /masked-masked/);

  const people = await likeness(['evaluate', 'identify', path('lfw', 'images'), '--masks', 'both', '--json', ...WASM]);
  assert.is(people.code, 0, people.stderr);
  const { rank1, masks: rows }: { rank1: number; masks: (MaskRow & { rank1: number; probes: number })[] } = JSON.parse(
    people.stdout,
  );
  assert.equal(
    rows.map(({ photos, probes }) => [photos, probes]),
    [
      ['unmasked-unmasked', 4],
      ['masked-unmasked', 4],
      ['masked-masked', 4],
    ],
  );
  assert.equal([rank1, rows[0].rank1], [1, 1]);
  const aligned = await likeness(lfw('--masks', 'probe', '--aligned'));
  assert.is(aligned.code, 2);
  assert.match(aligned.stderr, /--masks.*--aligned/);
});

test('View 1 calibrates a model: it is written into the file, and verify says its false-match rate', async () => {
  const model = path('model.safetensors');
  const before = await likeness(lfw('--model', model, '--own-threshold'));
  assert.is(before.code, 2);
  assert.match(before.stderr, /^likeness: the model does not say which distance counts as the same person[^\n]+\n$/);
  const { code, stdout, stderr } = await likeness(lfw('--view', '1', '--calibrate', '--model', model, '--json'));
  assert.is(code, 0, stderr);
  const { calibration }: Lfw = JSON.parse(stdout);
  assert.is(calibration?.origin, '8 pairs of LFW View 1');
  const { metadata } = readSafetensors(await readFile(model));
  assert.is(JSON.parse(metadata.calibration).flip.threshold.toFixed(6), calibration?.threshold.toFixed(6));
  assert.is(JSON.parse(metadata.calibration).plain, undefined);
  assert.is((await likeness(lfw('--model', model, '--own-threshold'))).code, 0);
  const photos = [photo('Ada', 1), photo('Ada', 2)];
  const [verified, table, strict] = await Promise.all([
    likeness(['verify', ...photos, '--model', model, '--json', ...WASM]),
    likeness(['verify', ...photos, ...WASM]),
    likeness(['verify', ...photos, '--false-match-rate', '0.0001', ...WASM]),
  ]);
  assert.is(verified.code, 0, verified.stderr);
  assert.is(JSON.parse(verified.stdout).falseMatchRate, 0);
  assert.match(table.stdout, /False matches there[\s\S]+0\.50 %/);
  assert.is(strict.code, 2);
  assert.match(
    strict.stderr,
    /has no threshold for a false-match rate of 0\.0001; it has them for 0\.005, 0\.000625\n$/,
  );
});

test('a list of pairs, people, boxes and points', async () => {
  const [ada, ben] = [photo('Ada', 1), photo('Ben', 1)];
  const list = await write('list.csv', `${ada},${photo('Ada', 2)},1\n${ada},${ben},0\n`);
  const [pairs, people, found] = await Promise.all([
    likeness(['evaluate', 'pairs', list, '--own-threshold', '--json', ...WASM]),
    likeness(['evaluate', 'identify', path('lfw', 'images'), '--json', ...WASM]),
    likeness(['detect', ada, '--json', ...WASM]),
  ]);
  assert.is(pairs.code, 0, pairs.stderr);
  assert.is(JSON.parse(pairs.stdout).accuracy, 1);
  assert.is(people.code, 0, people.stderr);
  const { rank1, probes, openSet, confusion } = JSON.parse(people.stdout);
  assert.equal([rank1, probes, confusion], [1, 4, []]);
  assert.equal(openSet, { people: 2, known: 2, strangers: 2, dirAtFar: { '0.1': 1, '0.01': 1 } });

  const [{ faces }]: [{ faces: { box: number[]; landmarks: number[][] }[] }] = JSON.parse(found.stdout);
  await write('labelled/images/a.jpg', await readFile(ada));
  await write('labelled/boxes.csv', `file,x,y,width,height,difficulty\na.jpg,${faces[0].box.join(',')},easy\n`);
  const detected = await likeness(['evaluate', 'detect', path('labelled'), '--json', ...WASM]);
  assert.is(detected.code, 0, detected.stderr);
  assert.is(JSON.parse(detected.stdout).averagePrecision.easy, 1);

  const middle = (...places: number[]) =>
    [0, 1].map((axis) => places.reduce((sum, k) => sum + faces[0].landmarks[k][axis], 0) / places.length);
  const five = [middle(36, 37, 38, 39, 40, 41), middle(42, 43, 44, 45, 46, 47), middle(30), middle(48), middle(54)];
  await write('labelled/points.csv', `file,and,so,on\na.jpg,${five.flat().join(',')}\n`);
  const points = await likeness(['evaluate', 'landmarks', path('labelled'), '--landmarks', 'full', '--json', ...WASM]);
  assert.is(points.code, 0, points.stderr);
  const { meanError, failures, missed, photos } = JSON.parse(points.stdout);
  assert.ok(meanError < 1e-3, `${meanError}`);
  assert.equal([failures, missed, photos], [0, 0, 1]);
  const own = await likeness(['evaluate', 'landmarks', path('labelled'), '--json', ...WASM]);
  assert.is(own.code, 0, own.stderr);
  const figures = JSON.parse(own.stdout);
  assert.is(figures.landmarks, 'five');
  assert.ok(figures.meanError > 0 && figures.meanError < 0.15, `our own five points: ${figures.meanError}`);
  const masked = await likeness(['evaluate', 'landmarks', path('labelled'), '--masked', '--json', ...WASM]);
  assert.is(masked.code, 0, masked.stderr);
  const behind = JSON.parse(masked.stdout);
  assert.equal([figures.masked, behind.masked, behind.missed], [false, true, 0]);
  assert.ok(behind.meanError !== figures.meanError && behind.meanError < 0.3, `masked: ${behind.meanError}`);
});

test('a photo without a face counts as an error', async () => {
  await write('nobody.jpg', await jpegOf(plain(96, 96)));
  const ada = photo('Ada', 1);
  const list = await write('nobody.csv', `${ada},${photo('Ada', 2)},1\n${ada},nobody.jpg,0\n`);
  const { stdout, stderr } = await likeness(['evaluate', 'pairs', list, '--own-threshold', '--json', ...WASM]);
  const { accuracy, missed, distances }: Lfw = JSON.parse(stdout);
  assert.equal([accuracy, missed], [0.5, 1], stderr);
  assert.equal(distances.withoutFace, { same: 0, different: 1 });
  assert.equal(acceptedAt(distances, 2), { same: 1, different: 0 });
});

test('what cannot be evaluated is refused in one sentence', async () => {
  const [ada, ben] = [photo('Ada', 1), photo('Ben', 1)];
  await write('text.jpg', 'no picture, whatever its name says');
  await mkdir(path('empty'));
  const list = (name: string, text: string) => write(`lists/${name}`, text);
  const pairs = async (name: string, text: string) => ['evaluate', 'pairs', await list(name, text)];
  const cases: [string[], RegExp][] = [
    [
      await pairs('missing', `${ada},gone.jpg,1\nlost.jpg,${ben},0\n`),
      /names 2 files that do not exist: .*gone\.jpg, .*lost\.jpg$/,
    ],
    [await pairs('twice', `${ada},${ben},0\n${ben},${ada},0\n`), /names a pair twice/],
    [
      await pairs('folds', `3 2\nAda 1 2\n`),
      /announces 3 folds of 2 same and 2 different pairs, 12 in all, but names 1/,
    ],
    [await pairs('one', `${ada},${photo('Ada', 2)},1\n`), /there is only one fold/],
    [[...(await pairs('kind', `${ada},${photo('Ada', 2)},1\n`)), '--own-threshold'], /there is no pair of two people/],
    [[...(await pairs('text', `${ada},${path('text.jpg')},1\n`)), '--own-threshold'], /text\.jpg is not a picture/],
    [['evaluate', 'lfw', path('empty')], /pairs\.txt does not exist/],
    [['evaluate', 'cfp', path('empty')], /Pair_list_F\.txt does not exist/],
    [['evaluate', 'identify', path('empty')], /holds no images/],
    [['evaluate', 'identify', path('nowhere')], /nowhere does not exist/],
    [['evaluate', 'identify', path('lfw', 'images'), '--enrolled', '2'], /has more than 2 photos; enroll fewer/],
    [['evaluate', 'detect', path('empty')], /boxes\.csv does not exist/],
    [['evaluate', 'landmarks', path('empty')], /points\.csv does not exist/],
    [['evaluate', 'lfw', path('lfw'), '--calibrate'], /never on View 2/],
    [['evaluate', 'lfw', path('lfw'), '--view', '3'], /Allowed choices are 1, 2/],
    [['evaluate', 'lfw', path('lfw'), '--conditions', 'rain'], /rain is none of all, blur/],
    [['evaluate', 'lfw', path('lfw'), '--report', path('page.png')], /name a file that ends in \.html/],
    [['evaluate', 'lfw', path('lfw'), '--report', path('no', 'page.html')], /there is no such folder/],
    [['evaluate', 'lfw', path('lfw'), '--labels', path('none.csv')], /none\.csv does not exist/],
    [['evaluate', 'lfw', path('lfw'), '--model', path('none')], /none does not exist; likeness train makes a model/],
    [['evaluate', 'rain'], /unknown command 'rain'/],
  ];
  const refusals = cases.map(async ([args, sentence]) => {
    const { code, stdout, stderr } = await likeness([...args, ...(args[1] === 'rain' ? [] : WASM)]);
    const said = `${args.join(' ')}\n${stderr}`;
    assert.is(code, 2, said);
    assert.is(stdout, '', said);
    assert.match(stderr, /^likeness: [^\n]+\n$/, said);
    assert.match(stderr.trimEnd(), sentence, said);
  });
  await Promise.all(refusals);
});

test('the help has examples', async () => {
  const { code, stdout } = await likeness(['evaluate', '--help']);
  assert.is(code, 0);
  assert.match(stdout, /likeness evaluate lfw \.\.\/lfw/);
});

test.run();
