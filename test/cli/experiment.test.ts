import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodePng } from '../../src/face/image';
import { likeness } from '../helpers/command';
import { cropAround, halved, mirrorImage, SAMPLE_FACES, samplePhoto } from '../helpers/photos';

const test = suite('experiments from the command line');
const WASM = ['--device', 'wasm', '--threads', '1', '--no-progress'];
const PEOPLE: [name: string, photo: string][] = [
  ['Ada', 'sample3.jpg'],
  ['Ben', 'sample6.jpg'],
  ['Cleo', 'sample1.jpg'],
  ['Dan', 'sample5.jpg'],
];
const pair = (one: string, other: string) => `1\n${one}\t1\t2\n${one}\t1\t${other}\t1\n`;

let folder = '';
const path = (...names: string[]) => join(folder, ...names);

/** Two photos of each of four people, as a folder of folders and laid out as LFW is. */
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'likeness-experiment-'));
  process.env.XDG_CACHE_HOME = path('cache');
  for (const [name, file] of PEOPLE) {
    const photo = halved(cropAround(await samplePhoto(file), SAMPLE_FACES[file][0]));
    await mkdir(path('lfw', 'images', name), { recursive: true });
    for (const [k, image] of [photo, mirrorImage(photo)].entries())
      await writeFile(path('lfw', 'images', name, `${name}_000${k + 1}.jpg`), await encodePng(image));
  }
  await writeFile(path('lfw', 'pairsDevTrain.txt'), pair('Ada', 'Ben'));
  await writeFile(path('lfw', 'pairsDevTest.txt'), pair('Cleo', 'Dan'));
});
test.after(() => rm(folder, { recursive: true }));

interface Result {
  kind: string;
  photos: string;
  seed: number;
  accuracy: number;
}

test('networks of all kinds are trained once, and compared on pairs with and without masks', async () => {
  const short = ['--epochs', '1', '--seeds', '1', '--size', '16', '--work', path('work')];
  const words = ['experiment', 'masks', path('lfw', 'images'), '--lfw', path('lfw'), ...short, ...WASM];
  const first = await likeness([...words, '--out', path('masks.md'), '--json']);
  assert.is(first.code, 0, first.stderr);
  const { results }: { results: Result[] } = JSON.parse(first.stdout);
  const kinds = ['plain', 'masks', 'upper', 'masks and upper', 'pretrained'];
  const photos = ['unmasked-unmasked', 'masked-unmasked', 'masked-masked'];
  assert.equal(
    results.map((result) => [result.kind, result.photos]),
    kinds.flatMap((kind) => photos.map((each) => [kind, each])),
  );
  assert.ok(results.every(({ accuracy }) => [0, 0.5, 1].includes(accuracy)));
  const page = await readFile(path('masks.md'), 'utf8');
  for (const { kind, photos: each } of results) assert.ok(page.includes(`| ${kind} | ${each} |`));
  assert.ok(page.includes('likeness experiment masks') && page.includes('](masks.svg)'));
  assert.match(await readFile(path('masks.svg'), 'utf8'), /^<svg [\s\S]*<\/svg>/);
  assert.is(first.stderr.match(/^likeness: likeness train /gm)?.length, 4, 'each training is told as a command');

  const trained = (await readdir(path('work'))).toSorted();
  const again = await likeness([...words, '--out', path('again.md'), '--json']);
  assert.is(again.code, 0, again.stderr);
  assert.is(again.stderr, '', 'nothing is trained again');
  assert.equal(JSON.parse(again.stdout).results, results);
  assert.equal((await readdir(path('work'))).toSorted(), trained);
});

test('bad words are refused in a sentence', async () => {
  const refusal = async (...words: string[]) => {
    const { code, stderr } = await likeness(['experiment', 'masks', path('lfw', 'images'), ...words, ...WASM]);
    assert.is(code, 2, stderr);
    return stderr;
  };
  assert.match(await refusal('--lfw', path('lfw'), '--out', path('masks.txt')), /name a file that ends in \.md/);
  assert.match(await refusal('--lfw', path('nowhere'), '--out', path('masks.md')), /nowhere/);
  assert.match(await refusal('--out', path('masks.md')), /--lfw/);
});

test.run();
