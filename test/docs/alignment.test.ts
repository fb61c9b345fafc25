import { apply } from '../../src/face/align';
import { type Point, umeyama } from '../../src/index';
import { affineWarp, type Backend, Tensor } from '../../src/tensor/index';
import { testChapter } from './chapter';

const chapter = testChapter('alignment');

const pointOf = ([x, y]: readonly number[]): Point => [x, y];

chapter.check('by hand', (given) => {
  const source = ['p1', 'p2', 'p3'].map((name) => pointOf(given.list(name)));
  const target = ['q1', 'q2', 'q3'].map((name) => pointOf(given.list(name)));
  const similarity = umeyama(source, target);
  const [cosine, , x, sine, , y] = similarity;
  // The three sums, from what umeyama() makes of them: V by its definition, D and C as V times cosine and sine.
  const [middleX, middleY] = [0, 1].map((axis) => source.reduce((sum, point) => sum + point[axis], 0) / source.length);
  const V = source.reduce((sum, [px, py]) => sum + (px - middleX) ** 2 + (py - middleY) ** 2, 0);
  return {
    D: cosine * V,
    C: sine * V,
    V,
    's cos': cosine,
    's sin': sine,
    t: [x, y],
    images: source.flatMap((point) => apply(similarity, point)),
  };
});

/** The image sampled at one place. */
const sampled = (backend: Backend, image: Tensor, row: number, column: number) =>
  affineWarp(image, Tensor.from(backend, [1, 0, column, 0, 1, row], [1, 6]), 1, 1);

chapter.check('bilinear', (given, backend) => ({
  value: sampled(backend, given.image('X'), given.number('row'), given.number('column')),
}));

chapter.check('two points', () => {
  const similarity = umeyama(
    [
      [0, 0],
      [2, 0],
    ],
    [
      [1, 1],
      [1, 5],
    ],
  );
  const [cosine, , x, sine, , y] = similarity;
  return { 's cos': cosine, 's sin': sine, t: [x, y], image: apply(similarity, [1, 1]) };
});

chapter.check('two eyes', () => {
  const [cosine, , , sine] = umeyama(
    [
      [40, 60],
      [80, 60],
    ],
    [
      [38, 52],
      [74, 52],
    ],
  );
  return { scale: Math.hypot(cosine, sine) };
});

chapter.check('samples', async (_, backend) => {
  const X = Tensor.from(backend, [10, 20, 30, 40], [1, 2, 2, 1]);
  const values = await Promise.all([sampled(backend, X, 0.5, 0.5).data(), sampled(backend, X, 0, 1.5).data()]);
  return { values: values.map(([value]) => value) };
});

chapter.run();
