import { type Box, intersectionOverUnion, mergeBoxes } from '../../src/face/boxes';
import { integralImages } from '../../src/face/haar';
import { averagePrecision } from '../../src/index';
import { sigmoid, Tensor } from '../../src/tensor/index';
import { testChapter } from './chapter';

const chapter = testChapter('detection');

const boxOf = ([x, y, width, height]: readonly number[]): Box => [x, y, width, height];

chapter.check('a box', async (given, backend) => {
  const [cells, column, row] = [given.number('cells'), given.number('column'), given.number('row')];
  const [anchorWidth, anchorHeight] = given.list('anchor');
  const [tx, ty, tw, th, ts] = given.list('t');
  const [x, y, score] = await sigmoid(Tensor.from(backend, [tx, ty, ts])).data();
  return {
    centre: [(column + x) / cells, (row + y) / cells],
    size: [(Math.exp(tw) * anchorWidth) / cells, (Math.exp(th) * anchorHeight) / cells],
    score,
  };
});

chapter.check('overlap', (given) => ({
  'intersection over union': intersectionOverUnion(boxOf(given.list('a')), boxOf(given.list('b'))),
}));

chapter.check('three boxes', (given) => {
  const scores = given.list('scores');
  const merged = mergeBoxes(given.rows('boxes').map((box, k) => ({ box: boxOf(box), score: scores[k] })));
  return { merged: merged.flatMap(({ box }) => box), 'merged scores': merged.map(({ score }) => score) };
});

const grey = (rows: readonly number[][]) => ({
  width: rows[0].length,
  height: rows.length,
  data: Uint8Array.from(rows.flat().flatMap((value) => [value, value, value, 255])),
});

chapter.check('integral image', (given) => {
  const { sums, stride } = integralImages(grey(given.rows('X')));
  const S = (y: number, x: number) => sums[y * stride + x];
  return { S: sums, 'lower right four': S(3, 3) - S(1, 3) - S(3, 1) + S(1, 1) };
});

chapter.check('a column', () => {
  const { sums, stride } = integralImages(
    grey([
      [1, 2, 3],
      [4, 5, 6],
      [7, 8, 9],
    ]),
  );
  const S = (y: number, x: number) => sums[y * stride + x];
  return { sum: S(3, 2) - S(0, 2) - S(3, 1) + S(0, 1) };
});

chapter.check('twenty stages', () => ({ 'false, in a million': 1e6 * 0.5 ** 20, 'faces kept': 0.995 ** 20 }));

chapter.check('average precision', (given) => {
  const right = given.list('right');
  const marks = given.list('scores').map((score, k) => ({ score, right: right[k] === 1 }));
  return { 'average precision': averagePrecision(marks, given.number('faces')) };
});

chapter.check('one half', () => {
  const d = 10 / 3;
  return { d, 'intersection over union': intersectionOverUnion([0, 0, 10, 10], [d, 0, 10, 10]) };
});

chapter.check('four boxes', () => {
  const marks = [true, true, false, true].map((right, k) => ({ score: -k, right }));
  return { 'average precision': averagePrecision(marks, 4) };
});

chapter.run();
