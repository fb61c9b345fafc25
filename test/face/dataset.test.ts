import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  balanceOf,
  type Dataset,
  DatasetError,
  formatBalance,
  splitDataset,
  syntheticDataset,
} from '../../src/face/dataset';
import { loadFolder } from '../../src/face/dataset-folder';
import { encodePng } from '../../src/face/image';
import { syntheticPerson, syntheticPhoto } from '../../src/face/synthetic';
import { random } from '../../src/tensor/random';
import { skipped } from '../helpers/devices';

const test = suite('data sets');
const SHAPE = { height: 24, width: 20, channels: 1 } as const;
const ALIGNED = { ...SHAPE, aligned: true };

let home = '';
test.before(async () => {
  home = await mkdtemp(join(tmpdir(), 'likeness-dataset-'));
});
test.after(() => rm(home, { recursive: true }));

/** A folder of folders with so many drawn photos for each name. */
async function folderOf(name: string, counts: Record<string, number>): Promise<string> {
  const folder = join(home, name);
  await mkdir(folder);
  const source = random(21);
  for (const [person, count] of Object.entries(counts)) {
    await mkdir(join(folder, person));
    const traits = syntheticPerson(source.fork());
    for (let k = 1; k <= count; k++) {
      const { image } = syntheticPhoto(traits, source.fork(), { width: 40, height: 48 });
      await writeFile(join(folder, person, `${k}.png`), await encodePng(image));
    }
  }
  return folder;
}

/** The one sentence of a DatasetError. */
async function refusal(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof DatasetError)) throw error;
    assert.not.match(error.message, '\n');
    return error.message;
  }
  throw new Error('nothing was refused');
}

/** A data set without pixels: so many examples for each person. */
function countsOnly(counts: readonly number[]): Dataset {
  return {
    names: counts.map((_, label) => `p${label}`),
    examples: counts.flatMap((count, label) =>
      Array.from({ length: count }, (_, k) => ({ pixels: Uint8Array.of(label, k), label, file: `p${label}/${k}` })),
    ),
    height: 1,
    width: 2,
    channels: 1,
  };
}

test('a folder of folders becomes a data set, in the order in which people count', async () => {
  const folder = await folderOf('order', { p10: 2, p2: 3, élan: 2 });
  await writeFile(join(folder, 'p2', 'notes.txt'), 'no picture');
  await writeFile(join(folder, 'p2', '.hidden.png'), 'no picture either');
  const progress: number[] = [];
  const dataset = await loadFolder(folder, { ...ALIGNED, onProgress: (done) => progress.push(done) });
  assert.equal([...dataset.names].sort(), ['p10', 'p2', 'élan']);
  assert.ok(dataset.names.indexOf('p2') < dataset.names.indexOf('p10'));
  assert.equal(progress, [1, 2, 3, 4, 5, 6, 7]);
  assert.equal(dataset.problems, []);
  for (const { pixels } of dataset.examples) {
    assert.is(pixels.length, 24 * 20);
    assert.ok(Math.max(...pixels) - Math.min(...pixels) > 25);
  }
});

test('the second run decodes nothing and gives the same bytes; other options, other entries', async () => {
  const folder = await folderOf('cached', { a: 2, b: 2 });
  const cacheFolder = join(home, 'cache', 'deep');
  const options = { ...ALIGNED, cacheFolder };
  const first = await loadFolder(folder, options);
  assert.is(first.decoded, 4);
  assert.is((await readdir(cacheFolder)).length, 4);
  const second = await loadFolder(folder, options);
  assert.is(second.decoded, 0);
  assert.equal(second.examples, first.examples);
  assert.is((await loadFolder(folder, { ...options, height: 16 })).decoded, 4);
  assert.is((await readdir(cacheFolder)).length, 8);
});

test('a changed photo and a damaged cache file are made again', async () => {
  const folder = await folderOf('damaged', { a: 2, b: 2 });
  const cacheFolder = join(home, 'damaged-cache');
  const options = { ...ALIGNED, cacheFolder };
  const first = await loadFolder(folder, options);
  const [flipped, short, empty] = (await readdir(cacheFolder)).map((name) => join(cacheFolder, name));
  const bytes = await readFile(flipped);
  bytes[100] ^= 1;
  await writeFile(flipped, bytes);
  await writeFile(short, (await readFile(short)).subarray(0, 70));
  await writeFile(empty, '');
  const again = await loadFolder(folder, options);
  assert.is(again.decoded, 3);
  assert.equal(again.examples, first.examples);
  assert.is((await loadFolder(folder, options)).decoded, 0);

  await writeFile(join(folder, 'a', '1.png'), await readFile(join(folder, 'b', '1.png')));
  const changed = await loadFolder(folder, options);
  assert.is(changed.decoded, 0, 'its content is known from elsewhere');
  assert.equal(changed.examples[0].pixels, first.examples[2].pixels);
  assert.ok(
    (await readdir(cacheFolder)).every((name) => /^[0-9a-f]{64}\.face$/.test(name)),
    'no temporary files',
  );
});

test('files that cannot be read are named and the others go on', async () => {
  const folder = await folderOf('unreadable', { a: 3, b: 2, c: 1 });
  await writeFile(join(folder, 'a', '2.png'), 'this is no picture');
  await writeFile(join(folder, 'b', '9.jpg'), '');
  await writeFile(join(folder, 'c', '1.png'), (await readFile(join(folder, 'c', '1.png'))).subarray(0, 300));
  const { names, examples, problems } = await loadFolder(folder, ALIGNED);
  assert.equal(names, ['a', 'b'], 'nobody knows c');
  assert.equal(
    examples.map(({ label }) => label),
    [0, 0, 1, 1],
  );
  assert.equal(
    problems.map(({ file }) => file),
    [join(folder, 'a', '2.png'), join(folder, 'b', '9.jpg'), join(folder, 'c', '1.png')],
  );
  for (const { file, error } of problems) assert.ok(error.startsWith(file), error);
  if (process.getuid?.() === 0) return; // root may read everything
  await chmod(join(folder, 'a', '1.png'), 0);
  assert.match((await loadFolder(folder, ALIGNED)).problems[0].error, 'permission denied');
});

test('a folder that cannot be trained on is refused in one sentence', async () => {
  const absent = join(home, 'absent');
  assert.is(await refusal(() => loadFolder(absent, ALIGNED)), `${absent} does not exist`);

  const empty = join(home, 'empty');
  await mkdir(empty);
  assert.match(await refusal(() => loadFolder(empty, ALIGNED)), 'empty holds no images');
  await mkdir(join(empty, 'somebody'));
  assert.match(await refusal(() => loadFolder(empty, ALIGNED)), 'empty holds no images');

  const one = await folderOf('one', { alone: 3 });
  assert.match(await refusal(() => loadFolder(one, ALIGNED)), 'one holds images of one person only');
  const flat = await refusal(() => loadFolder(join(one, 'alone'), ALIGNED));
  assert.match(flat, 'holds images but no folders');
  assert.match(await refusal(() => loadFolder(join(one, 'alone', '1.png'), ALIGNED)), 'is a file');

  const single = await folderOf('single', { a: 1, b: 1, c: 1 });
  assert.match(await refusal(() => loadFolder(single, ALIGNED)), 'images of 3 people, but only one of each');

  const broken = await folderOf('broken', { a: 2, b: 2 });
  for (const file of ['a/1.png', 'a/2.png', 'b/1.png', 'b/2.png']) await writeFile(join(broken, file), 'nothing');
  assert.match(await refusal(() => loadFolder(broken, ALIGNED)), 'none of the 4 images in');
});

test('faces are found and aligned; photos without a face are named, and not searched again', async () => {
  const folder = await folderOf('found', { a: 0, b: 0 });
  const source = random(2);
  for (const person of ['a', 'b']) {
    const traits = syntheticPerson(source);
    for (const k of [1, 2, 3]) {
      const { image } = syntheticPhoto(traits, source, { width: 160, height: 160 });
      await writeFile(join(folder, person, `${k}.png`), await encodePng(image));
    }
  }
  const blank = { width: 64, height: 64, data: new Uint8Array(4 * 64 * 64).fill(255) };
  await writeFile(join(folder, 'b', '4.png'), await encodePng(blank));
  const options = { ...SHAPE, cacheFolder: join(home, 'found-cache'), pipeline: { device: 'wasm' as const } };
  const first = await loadFolder(folder, options);
  console.log(`\ndrawn faces found by the detector: ${first.examples.length} of 6`);
  assert.equal(first.problems.at(-1), {
    file: join(folder, 'b', '4.png'),
    error: `${join(folder, 'b', '4.png')} shows no face that can be found`,
  });
  assert.is(first.decoded, 7);
  const second = await loadFolder(folder, options);
  assert.is(second.decoded, 0);
  assert.equal(second.problems, first.problems);
  assert.equal(second.examples, first.examples);

  const blanks = await folderOf('blanks', { a: 0, b: 0 });
  for (const file of ['a/1.png', 'a/2.png', 'b/1.png']) await writeFile(join(blanks, file), await encodePng(blank));
  assert.match(await refusal(() => loadFolder(blanks, options)), /none of the 3 images .* shows no face/);
});

test('a run can be stopped', async () => {
  const folder = await folderOf('stopped', { a: 2, b: 2 });
  const stop = new AbortController();
  const onProgress = () => stop.abort(new Error('enough'));
  await loadFolder(folder, { ...ALIGNED, signal: stop.signal, onProgress }).then(
    () => assert.unreachable(),
    (error: Error) => assert.is(error.message, 'enough'),
  );
});

test('the first images of each are trained on, the others tested', () => {
  const { train, test: rest } = splitDataset(countsOnly([3, 5, 1]), { first: 2 });
  assert.equal(
    train.examples.map(({ file }) => file),
    ['p0/0', 'p0/1', 'p1/0', 'p1/1', 'p2/0'],
  );
  assert.equal(
    rest.examples.map(({ file }) => file),
    ['p0/2', 'p1/2', 'p1/3', 'p1/4'],
  );
  assert.equal(rest.names, ['p0', 'p1', 'p2']);
});

test('a share of each is drawn by the seed; nobody is only tested', () => {
  const dataset = countsOnly([10, 4, 2, 1]);
  const split = (seed: number) => splitDataset(dataset, { share: 0.75, seed });
  const { train, test: rest } = split(1);
  assert.equal(split(1), { train, test: rest });
  assert.not.equal(split(2), { train, test: rest });
  assert.equal(
    [0, 1, 2, 3].map((label) => train.examples.filter((example) => example.label === label).length),
    [8, 3, 1, 1],
  );
  const files = [...train.examples, ...rest.examples].map(({ file }) => file);
  assert.equal(files.sort(), dataset.examples.map(({ file }) => file).sort());
});

test('a split that leaves nothing to test on is refused', async () => {
  assert.match(await refusal(() => splitDataset(countsOnly([2, 2]), { first: 2 })), 'no image is left to test on');
});

test('the balance is told in a sentence', () => {
  const balance = balanceOf(countsOnly([1, 4, 7, 2]));
  assert.equal(balance, { people: 4, images: 14, min: 1, median: 3, max: 7, withOneImage: ['p0'] });
  assert.is(
    formatBalance(balance),
    '4 people, 14 images, 1 to 7 of each, half of the people up to 3; 1 person has one image',
  );
  assert.is(formatBalance(balanceOf(countsOnly([5, 5]))), '2 people, 10 images, 5 of each');
  assert.is(balanceOf(countsOnly([1, 2, 9])).median, 2);
});

test('drawn people make a data set', () => {
  const options = { people: 3, imagesEach: 4, height: 24, width: 20, channels: 3, seed: 1 } as const;
  const dataset = syntheticDataset(options);
  assert.is(formatBalance(balanceOf(dataset)), '3 people, 12 images, 4 of each');
  assert.ok(dataset.examples.every(({ pixels }) => pixels.length === 24 * 20 * 3));
  assert.equal(syntheticDataset(options), dataset);
});

test('ORL, as its images are: 40 people, told apart by raw pixels better than chance', async () => {
  const folder = '../shared/faces/orl';
  if (!existsSync(folder)) return skipped('the ORL data set', `${folder} is absent`);
  const cacheFolder = join(home, 'orl-cache');
  const dataset = await loadFolder(folder, { height: 28, width: 23, channels: 1, aligned: true, cacheFolder });
  assert.is(formatBalance(balanceOf(dataset)), '40 people, 400 images, 10 of each');
  assert.equal(dataset.names.slice(0, 3), ['s1', 's2', 's3']);
  assert.equal(
    dataset.examples.slice(8, 10).map(({ file }) => file.slice(-6)),
    ['/9.png', '10.png'],
  );
  const { train, test: rest } = splitDataset(dataset, { first: 5 });
  assert.is(train.examples.length, 200);
  const right = rest.examples.filter(({ pixels, label }) => {
    const distances = train.examples.map((example) =>
      example.pixels.reduce((sum, value, at) => sum + (value - pixels[at]) ** 2, 0),
    );
    return train.examples[distances.indexOf(Math.min(...distances))].label === label;
  });
  console.log(`\nORL, nearest neighbour of raw pixels: ${right.length / 2} %`);
  assert.ok(right.length / 200 > 0.8, `${right.length} of 200`);
});

test.run();
