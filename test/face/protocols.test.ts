import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { limitPairs, readBoxes, readCfp, readLabels, readLfw, readPairs, readPoints } from '../../src/face/protocols';
import { rejection } from '../helpers/numbers';

const test = suite('protocols');

let folder = '';
const path = (...names: string[]) => join(folder, ...names);

async function write(name: string, text = '') {
  await mkdir(dirname(path(name)), { recursive: true });
  await writeFile(path(name), text);
  return path(name);
}

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'likeness-protocols-'));
  for (const name of ['Ada', 'Ben'])
    for (const k of [1, 2, 3, 4]) await write(`lfw/images/${name}/${name}_000${k}.jpg`);
});
test.after(() => rm(folder, { recursive: true }));

const photo = (name: string, number: number) => path('lfw', 'images', name, `${name}_000${number}.jpg`);

test('a list with a heading: folds in file order', async () => {
  await write('lfw/pairs.txt', '2\t1\nAda\t1\t2\nAda\t1\tBen\t1\nBen\t1\t2\nAda\t2\tBen\t2\n');
  const { pairs, name } = await readLfw(path('lfw'), 2);
  assert.is(name, 'LFW View 2');
  assert.equal(pairs, [
    { files: [photo('Ada', 1), photo('Ada', 2)], same: true, fold: 0 },
    { files: [photo('Ada', 1), photo('Ben', 1)], same: false, fold: 0 },
    { files: [photo('Ben', 1), photo('Ben', 2)], same: true, fold: 1 },
    { files: [photo('Ada', 2), photo('Ben', 2)], same: false, fold: 1 },
  ]);
});

test('View 1: the training pairs are fold 0, the test pairs fold 1', async () => {
  await write('lfw/pairsDevTrain.txt', '1\nAda\t1\t2\nAda\t1\tBen\t1\n');
  await write('lfw/pairsDevTest.txt', '1\r\nBen\t1\t2\r\nAda\t2\tBen\t2\r\n');
  const { pairs } = await readLfw(path('lfw'), 1);
  assert.equal(
    pairs.map(({ fold }) => fold),
    [0, 0, 1, 1],
  );
});

test('a list without a heading is dealt to folds, each kind for itself; paths are relative to the list', async () => {
  for (const name of ['a.jpg', 'b.jpg', 'c.jpg', 'd.jpg']) await write(`list/${name}`);
  const list = await write(
    'list/pairs.csv',
    'path1,path2,same\na.jpg,b.jpg,1\na.jpg,c.jpg,true\nb.jpg, d.jpg, different\n',
  );
  const { pairs } = await readPairs(list, { folds: 2 });
  assert.equal(pairs[0], { files: [path('list', 'a.jpg'), path('list', 'b.jpg')], same: true, fold: 0 });
  assert.equal(
    pairs.map(({ fold, same }) => [fold, same]),
    [
      [0, true],
      [1, true],
      [0, false],
    ],
  );
});

test('CFP: frontal photos with frontal ones, and with profiles', async () => {
  for (const file of [
    '001/frontal/01.jpg',
    '001/frontal/02.jpg',
    '002/frontal/01.jpg',
    '001/profile/01.jpg',
    '002/profile/01.jpg',
  ])
    await write(`cfp/Data/Images/${file}`);
  const lines = (...files: string[]) => files.map((file, k) => `${k + 1} ../Data/Images/${file}\n`).join('');
  await write('cfp/Protocol/Pair_list_F.txt', lines('001/frontal/01.jpg', '001/frontal/02.jpg', '002/frontal/01.jpg'));
  await write('cfp/Protocol/Pair_list_P.txt', lines('001/profile/01.jpg', '002/profile/01.jpg'));
  for (const fold of ['01', '02']) {
    await write(`cfp/Protocol/Split/FF/${fold}/same.txt`, '1,2\n');
    await write(`cfp/Protocol/Split/FF/${fold}/diff.txt`, '1,3\n');
    await write(`cfp/Protocol/Split/FP/${fold}/same.txt`, '3,2\n');
    await write(`cfp/Protocol/Split/FP/${fold}/diff.txt`, '1,2\n');
  }
  const image = (file: string) => path('cfp', 'Data', 'Images', file);
  const frontal = await readCfp(path('cfp'), 'FF');
  assert.equal(frontal.pairs[1], {
    files: [image('001/frontal/01.jpg'), image('002/frontal/01.jpg')],
    same: false,
    fold: 0,
  });
  const profile = await readCfp(path('cfp'), 'FP');
  assert.equal(profile.pairs[2], {
    files: [image('002/frontal/01.jpg'), image('002/profile/01.jpg')],
    same: true,
    fold: 1,
  });
  await write('cfp/Protocol/Split/FP/02/diff.txt', '1,2\n2,2\n');
  assert.match((await rejection(readCfp(path('cfp'), 'FP'))).message, /folds of unequal size: .* fold 2 has 1 and 2$/);
  await write('cfp/Protocol/Split/FP/02/diff.txt', '1,9\n');
  assert.match(
    (await rejection(readCfp(path('cfp'), 'FP'))).message,
    /"1,9" names a photo that the lists of photos do not/,
  );
});

test('boxes, points and labels', async () => {
  await write('photos/images/a.jpg');
  await write('photos/boxes.csv', 'file,x,y,width,height,difficulty\na.jpg,1,2,3,4,medium\na.jpg,5,6,7,8,ignore\n');
  assert.equal((await readBoxes(path('photos'))).get(path('photos', 'images', 'a.jpg')), [
    { box: [1, 2, 3, 4], level: 1 },
    { box: [5, 6, 7, 8], level: 3 },
  ]);
  await write('photos/points.csv', 'file,and so on\na.jpg,1,2,3,4,5,6,7,8,9,10\n');
  const points = await readPoints(path('photos'));
  assert.equal(points.get(path('photos', 'images', 'a.jpg'))?.slice(3), [
    [7, 8],
    [9, 10],
  ]);
  const labelOf = await readLabels(await write('labels.csv', 'Ada,one\nBen/Ben_0001.jpg,two\n'));
  assert.is(labelOf('/x/images/Ada/Ada_0001.jpg'), 'one');
  assert.is(labelOf('/x/images/Ben/Ben_0001.jpg'), 'two');
  assert.is(labelOf('/x/images/Ben/Ben_0002.jpg'), undefined);
});

test('a limit takes as many pairs of each fold and kind', () => {
  const pairs = Array.from({ length: 400 }, (_, k) => ({
    files: [`a${k}`, `b${k}`] satisfies [string, string],
    same: k % 2 === 0,
    fold: k % 10,
  }));
  const limited = limitPairs(pairs, 100);
  assert.is(limited.length, 50);
  for (let fold = 0; fold < 10; fold++) assert.is(limited.filter((pair) => pair.fold === fold).length, 5);
  assert.is(limitPairs(pairs, undefined).length, 400);
});

test('what is no list is refused in one sentence', async () => {
  for (const name of ['a.jpg', 'b.jpg']) await write(`bad/${name}`);
  const cases: [string, RegExp][] = [
    ['', /list\.txt is empty$/],
    ['10 300\n', /names no pairs$/],
    ['2\t1\nAda\t1\t2\nAda\t1\tBen\t1\n', /announces 2 folds of 1 same and 1 different pairs, 4 in all, but names 2$/],
    [
      '2\t1\nAda\t1\t2\nAda\t1\t3\nAda\t1\tBen\t1\nAda\t2\tBen\t1\n',
      /folds of unequal size: the first has 2 same and 0 diff/,
    ],
    ['Ada one two\n', /"Ada one two" is no pair; write "name n1 n2"/],
    ['a.jpg,b.jpg,perhaps\n', /"a\.jpg,b\.jpg,perhaps" is no pair/],
    ['a.jpg,b.jpg,1\nb.jpg,a.jpg,1\n', /names a pair twice: .*b\.jpg and .*a\.jpg$/],
    ['a.jpg,b.jpg,1\na.jpg,c.jpg,0\nd.jpg,b.jpg,0\n', /names 2 files that do not exist: .*c\.jpg, .*d\.jpg$/],
  ];
  for (const [text, sentence] of cases) {
    const error = await rejection(readPairs(await write('bad/list.txt', text)));
    assert.is(error.name, 'ProtocolError');
    assert.match(error.message, sentence);
    assert.not.match(error.message, /\n/);
  }
  assert.match((await rejection(readPairs(path('none.txt')))).message, /none\.txt does not exist$/);
  assert.match((await rejection(readPairs(path('bad')))).message, /is a folder; name the file of a list$/);
  await write('bad/boxes.csv', 'file,x,y,width,height,difficulty\n');
  assert.match((await rejection(readBoxes(path('bad')))).message, /boxes\.csv names no photos$/);
  await write('bad/boxes.csv', 'file,x,y,width,height,difficulty\na.jpg,1,2,x,4,easy\n');
  assert.match((await rejection(readBoxes(path('bad')))).message, /is not a file and 5 values$/);
});

test.run();
