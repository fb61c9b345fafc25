import { cosines } from '../../src/nn/index';
import { type Backend, globalAveragePool, matmul, Tensor } from '../../src/tensor/index';
import { type Given, testChapter } from './chapter';

const chapter = testChapter('masks');

/** The mean over four places of two channels. */
const embedding = (backend: Backend, places: readonly number[][]) =>
  globalAveragePool(Tensor.from(backend, places.flat(), [1, 2, 2, 2]));

const alike = (backend: Backend, a: readonly number[][], b: readonly number[][]) =>
  cosines(embedding(backend, a), embedding(backend, b));

const EYES = [
  [2, 0],
  [2, 0],
];
const CHIN = [
  [0, 2],
  [0, 2],
];
const ANNA = [...EYES, ...CHIN];
const BERT = [...EYES, ...EYES];
const MASK = [
  [1, 0],
  [1, 0],
];

chapter.check('two people', (given, backend) => ({
  'Anna and Bert': alike(backend, given.rows('Anna'), given.rows('Bert')),
}));

chapter.check('masked', (given, backend) => {
  const masked = given.rows('masked Anna');
  return { 'with Anna': alike(backend, masked, ANNA), 'with Bert': alike(backend, masked, BERT) };
});

chapter.check('Carl', (_, backend) => {
  const eyes = [
    [2, 0],
    [1, 1],
  ];
  return {
    masked: alike(backend, [...EYES, ...MASK], [...eyes, ...MASK]),
    'not masked': alike(backend, ANNA, [...eyes, ...CHIN]),
  };
});

/** Each point [x, y] as H maps it. */
async function mapped(backend: Backend, H: Tensor, points: readonly number[][]): Promise<number[]> {
  const homogeneous = Tensor.from(
    backend,
    points.flatMap((point) => [...point, 1]),
    [points.length, 3],
  );
  const images = await matmul(homogeneous, H, undefined, { transposeRight: true }).data();
  return points.flatMap((_, k) => [images[3 * k] / images[3 * k + 2], images[3 * k + 1] / images[3 * k + 2]]);
}

const square = async (given: Given, backend: Backend) => {
  const H = given.matrix('H');
  return {
    images: await mapped(backend, H, given.rows('corners')),
    middle: await mapped(backend, H, [[0.5, 0.5]]),
  };
};
chapter.check('a square seen from above', square);

chapter.check('two more points', async (_, backend) => {
  const H = Tensor.from(backend, [4, 2, 0, 0, 4, 0, 0, 1, 1], [3, 3]);
  return {
    images: await mapped(backend, H, [
      [0.5, 0],
      [0.5, 1],
    ]),
  };
});

chapter.run();
