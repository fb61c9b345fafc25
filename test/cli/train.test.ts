import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ARCFACE_TEMPLATE } from '../../src/face/align';
import { encodePng } from '../../src/face/image';
import { syntheticPerson, syntheticPhoto } from '../../src/face/synthetic';
import { random } from '../../src/tensor/random';
import { readSafetensors, writeSafetensors } from '../../src/tensor/safetensors';
import { likeness, likenessProcess } from '../helpers/command';

const test = suite('training from the command line');
const WASM = ['--device', 'wasm', '--threads', '1'];
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
  images: { train: number; test: number };
  accuracy: number;
  history: unknown[];
  report: string;
  chart: string;
  mistakes: { files: string[] }[];
}

test('trains, reports, and the model names the people of other photos', async () => {
  const model = path('model.safetensors');
  const trained = await likeness(training('model.safetensors', '--epochs', '6', '--json'));
  assert.is(trained.code, 0, trained.stderr);
  const report: Report = JSON.parse(trained.stdout);
  assert.is(report.people, 3);
  assert.ok(report.finished);
  assert.is(report.step, 12);
  assert.is(report.history.length, 6);
  const { metadata } = readSafetensors(await readFile(model));
  assert.equal(JSON.parse(metadata.names), PEOPLE);
  assert.is(metadata.architecture, 'mini-resnet');
  assert.is(metadata.training, undefined);
  assert.is(report.report, path('model.html'));
  assert.is(report.chart, path('model.svg'));
  assert.match(await readFile(report.chart, 'utf8'), /^<svg [\s\S]+<\/svg>\n$/);
  const page = await readFile(report.report, 'utf8');
  assert.ok(page.includes(`likeness train ${path('people')} --aligned`));
  // What the file answers is what was reported of the network in memory.
  const wrong = report.mistakes.reduce((sum, { files }) => sum + files.length, 0);
  assert.is(wrong, Math.round((1 - report.accuracy) * report.images.test));
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

/** Resolves when a file is there. */
async function appeared(name: string) {
  for (let tries = 0; tries < 1000; tries++) {
    if ((await readdir(folder)).includes(name)) return;
    await new Promise((done) => setTimeout(done, 20));
  }
  throw new Error(`${name} has not come`);
}

/** On two threads, and yet as on one. */
const LONG = ['--epochs', '12', '--save-every', '2', '--threads', '2'];
const tensorsOf = async (name: string) => readSafetensors(await readFile(path(name))).tensors;

/** The model of a training that nobody disturbed. */
let undisturbed: ReturnType<typeof tensorsOf> | undefined;
function trainUndisturbed() {
  undisturbed ??= (async () => {
    const whole = await likeness(training('whole.safetensors', '--epochs', '12', '--no-progress'));
    assert.is(whole.code, 0, whole.stderr);
    assert.is(whole.stderr, '');
    return tensorsOf('whole.safetensors');
  })();
  return undisturbed;
}

test('Ctrl-C saves and says how to go on, and going on gives the very model of an undisturbed run', async () => {
  const part = training('part.safetensors', ...LONG);
  const stopped = await likenessProcess(part, async (process) => {
    await appeared('part.safetensors');
    process.interrupt();
  });
  assert.is(stopped.code, 130, stopped.stderr);
  assert.match(
    stopped.stderr,
    /stopped after step \d+ of 24, saved to .*part\.safetensors; go on with: likeness train .* --resume\n$/,
  );
  const resumed = await likeness([...part, '--resume']);
  assert.is(resumed.code, 0, resumed.stderr);
  assert.equal(await tensorsOf('part.safetensors'), await trainUndisturbed());
  const again = await likeness([...part, '--resume']);
  assert.is(again.code, 2);
  assert.match(again.stderr, /^likeness: .*is trained to its end; there is nothing to go on with\n$/);
});

test('kill -9 leaves the last checkpoint whole, and going on from it gives the very model of an undisturbed run', async () => {
  const part = training('killed.safetensors', ...LONG);
  const killed = await likenessProcess(part, async (process) => {
    await appeared('killed.safetensors');
    process.kill();
  });
  assert.is(killed.code, null);
  const { metadata } = readSafetensors(await readFile(path('killed.safetensors')));
  const { position } = JSON.parse(metadata.training);
  assert.ok(position.step >= 2 && position.step < 24 && position.step % 2 === 0);
  await copyFile(path('killed.safetensors'), path('checkpoint.safetensors'));
  // Not even --aligned need be said again, nor whom to train on: the file knows.
  const resumed = await likeness(['train', path('people'), '--out', path('killed.safetensors'), '--resume', ...WASM]);
  assert.is(resumed.code, 0, resumed.stderr);
  assert.equal(await tensorsOf('killed.safetensors'), await trainUndisturbed());
  // The curves are those of the whole training.
  const [own, whole] = await Promise.all(['killed.svg', 'whole.svg'].map(async (name) => readFile(path(name), 'utf8')));
  assert.is(withoutIds(own), withoutIds(whole));
});

/** Charts number their markers through all that a process draws. */
const withoutIds = (svg: string) => svg.replaceAll(/plot-marker-\d+/g, 'plot-marker');

/** The picture of a person, copied; or whatever else is said to be one. */
async function makePeople(name: string, files: Record<string, Uint8Array>) {
  for (const [file, bytes] of Object.entries(files)) {
    await mkdir(dirname(path(name, file)), { recursive: true });
    await writeFile(path(name, file), bytes);
  }
}

test('files that cannot be read are told one by one, and the others are used', async () => {
  const [ada, ben] = await Promise.all(['Ada', 'Ben'].map((name) => readFile(path('people', name, '1.png'))));
  await makePeople('mixed', {
    'Ada/1.png': ada,
    'Ada/2.png': ada,
    'Ada/3.png': ada.subarray(0, 300),
    'Ben/1.png': ben,
    'Ben/2.jpg': new TextEncoder().encode('no picture'),
    'Ben/4.png': ben,
    'Ben/notes.txt': new TextEncoder().encode('not looked at'),
  });
  const out = path('mixed.safetensors');
  const { code, stdout, stderr } = await likeness([
    'train',
    path('mixed'),
    '--aligned',
    '--out',
    out,
    '--epochs',
    '1',
    '--json',
    ...WASM,
  ]);
  assert.is(code, 0, stderr);
  assert.equal(JSON.parse(stdout).images, { train: 2, test: 2 });
  const lines = stderr.trimEnd().split('\n');
  assert.is(lines.length, 2, stderr);
  assert.match(lines[0], /^likeness: .*3\.png/);
  assert.match(lines[1], /^likeness: .*2\.jpg/);
});

test('what cannot be trained or used is refused in one sentence, and nothing is written', async () => {
  const picture = await readFile(path('people', 'Ada', '1.png'));
  const checkpoint = await readFile(path('checkpoint.safetensors'));
  const { tensors, metadata } = readSafetensors(checkpoint);
  const noise = random(3);
  const pixels = Uint8Array.from({ length: 4 * 96 * 96 }, () => noise.below(256));
  const wall = await encodePng({ width: 96, height: 96, data: pixels });
  await makePeople('alone', { 'Ada/1.png': picture, 'Ada/2.png': picture });
  await makePeople('once', { 'Ada/1.png': picture, 'Ben/1.png': picture });
  await makePeople('walls', { 'Ada/1.png': wall, 'Ada/2.png': wall, 'Ben/1.png': wall });
  await makePeople('broken', {
    'Ada/1.png': picture.subarray(0, 9),
    'Ada/2.png': picture.subarray(0, 9),
    'Ben/1.png': picture.subarray(0, 9),
  });
  await makePeople('others', { 'Ada/1.png': picture, 'Ada/2.png': picture, 'Zoe/1.png': picture });
  await makePeople('fewer', {
    'Ada/1.png': picture,
    'Ada/2.png': picture,
    'Ben/1.png': picture,
    'Cleo/1.png': picture,
  });
  await makePeople('models', {
    'checkpoint.safetensors': checkpoint,
    'cut.safetensors': checkpoint.subarray(0, checkpoint.length / 2),
    'stump.safetensors': checkpoint.subarray(0, 5),
    'text.safetensors': new TextEncoder().encode('a text, and no model'),
    'other.safetensors': writeSafetensors(tensors, { ...metadata, architecture: 'resnet50' }),
    'foreign.safetensors': writeSafetensors(tensors, { architecture: 'resnet50' }),
    'folder/file': picture,
    'page.html/file': picture,
  });
  const out = (name: string) => ['--out', path('models', name)];
  const fresh = [...out('new.safetensors'), '--aligned'];
  const going = (name: string, people = 'people') => ['train', path(people), '--resume', ...out(name)];
  const cases: [string[], RegExp][] = [
    [['train', path('alone'), ...fresh], /of one person only; at least two are needed/],
    [['train', path('once'), ...fresh], /only one of each; at least two are needed/],
    [['train', path('broken'), ...fresh], /none of the 3 images in .* could be used/],
    [['train', path('walls'), ...out('new.safetensors')], /none of the 3 images in .* shows no face that can be found/],
    [['train', path('nowhere'), ...fresh], /nowhere does not exist/],
    [['train', path('people', 'Ada'), ...fresh], /holds images but no folders/],
    [['train', path('people'), ...fresh, '--train-first', '6'], /no image is left to test on/],
    [['train', path('people')], /--out/],
    [['train', path('people'), '--out', path('no', 'where', 'x')], /there is no such folder/],
    [['train', path('people'), ...out('folder')], /folder cannot be written: there is a folder of that name/],
    [
      ['train', path('people'), ...out('page.safetensors')],
      /page\.html cannot be written: there is a folder of that name/,
    ],
    [['train', path('people'), ...out('model.svg')], /names a picture or a page; name the file of the model/],
    [['train', path('people'), '--out', ''], /--out is empty/],
    [going('none.safetensors'), /does not exist; likeness train makes a model/],
    [going('folder'), /there is a folder of that name/],
    [going('stump.safetensors'), /too short to be a safetensors file/],
    [going('cut.safetensors'), /is cut short: tensor/],
    [going('text.safetensors'), /is no safetensors file/],
    [going('other.safetensors'), /is no mini-resnet, but resnet50/],
    [going('foreign.safetensors'), /was not written by likeness train; it cannot be gone on with/],
    [going('checkpoint.safetensors', 'others'), /was trained on other people than those of .*others/],
    [going('checkpoint.safetensors', 'fewer'), /./],
    [['identify', path('people', 'Ada', '1.png'), '--model', path('models', 'cut.safetensors')], /is cut short/],
    [
      ['identify', path('people', 'Ada', '1.png'), '--model', path('none')],
      /none does not exist; likeness train makes/,
    ],
  ];
  const before = await readdir(path('models'));
  for (const [args, sentence] of cases) {
    const { code, stdout, stderr } = await likeness([...args, ...WASM]);
    const said = `${args.join(' ')}\n${stderr}`;
    assert.is(code, 2, said);
    assert.is(stdout, '', said);
    assert.match(stderr, /^likeness: [^\n]+\n$/, said);
    assert.match(stderr, sentence, said);
  }
  assert.equal(await readdir(path('models')), before);
  assert.equal(await readFile(path('models', 'checkpoint.safetensors')), checkpoint);
});

test('the help has examples', async () => {
  const { code, stdout } = await likeness(['train', '--help']);
  assert.is(code, 0);
  assert.match(stdout, /Examples:\n {2}likeness train people --out model\.safetensors/);
});

test('--profile says what holds the memory of a step, and the forms and losses can be chosen', async () => {
  const chosen = ['--loss', 'cosface', '--margin', '0.2', '--images-each', '2', '--triplet', '0.5', '--average', '0.9'];
  const words = [...chosen, '--form', 'pre-activation', '--plain', '--optimizer', 'adamw', '--learning-rate', '0.001'];
  const { code, stdout, stderr } = await likeness(
    training('chosen.safetensors', '--epochs', '2', '--profile', '--json', ...words),
  );
  assert.is(code, 0, stderr);
  const { memory }: { memory: { peak: number; kept: number; forward: number; rest: number; layers: Layer[] } } =
    JSON.parse(stdout);
  assert.is(memory.kept + memory.forward + memory.rest, memory.peak);
  assert.ok(memory.kept > 0 && memory.forward > 0 && memory.rest > 0);
  assert.is(
    memory.layers.reduce((sum, { bytes }) => sum + bytes, 0),
    memory.forward,
  );
  assert.ok(memory.layers.some(({ layer, bytes }) => layer === 'stages.0.0.conv1' && bytes >= 6 * 28 * 24 * 16 * 4));
  const { metadata } = readSafetensors(await readFile(path('chosen.safetensors')));
  const { form, plain, classifier } = JSON.parse(metadata.options);
  assert.equal([form, plain, classifier], ['pre-activation', true, 'cosine']);

  const table = await likeness(training('chosen.safetensors', '--epochs', '1', '--profile', '--no-progress'));
  assert.match(table.stdout, /At its peak[\s\S]+Forward pass[\s\S]+stages\.0\.0\.conv1/);
});

interface Layer {
  layer: string;
  bytes: number;
}

test.run();
