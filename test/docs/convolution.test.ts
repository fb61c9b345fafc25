import { conv2d, Tensor } from '../../src/tensor/index';
import { testChapter } from './chapter';

const chapter = testChapter('convolution');

for (const block of ['by hand', 'an edge'])
  chapter.check(block, (given) => ({ Y: conv2d(given.image('X'), given.filter('K'), { padding: 'valid' }) }));

chapter.check('with padding', (given) => {
  const [X, K] = [given.image('X'), given.filter('K')];
  const padding = { top: 1, bottom: 1, left: 1, right: 1 };
  return { 'stride 1': conv2d(X, K, { padding }), 'stride 2': conv2d(X, K, { padding, stride: 2 }) };
});

chapter.check('another filter', (_, backend) => {
  const X = Tensor.from(backend, [1, 2, 0, 3, 1, 4, 0, 2, 1], [1, 3, 3, 1]);
  return { Y: conv2d(X, Tensor.from(backend, [0, 1, 1, 0], [2, 2, 1, 1]), { padding: 'valid' }) };
});

chapter.check('sizes', (_, backend) => {
  const filter = Tensor.from(backend, new Float32Array(9), [3, 3, 1, 1]);
  const padding = { top: 1, bottom: 1, left: 1, right: 1 };
  let image = Tensor.from(backend, new Float32Array(112 * 112), [1, 112, 112, 1]);
  const sides = [1, 2, 3, 4].map(() => {
    image = conv2d(image, filter, { padding, stride: 2 });
    return image.shape[1];
  });
  return { 'one layer': sides[0], 'four layers': sides[3] };
});

chapter.check('two channels', (_, backend) => ({
  Y: conv2d(
    Tensor.from(backend, [1, 2, 0, 3], [1, 1, 2, 2]), // two pixels of two channels
    Tensor.from(backend, [2, 1, 5, -1], [1, 2, 2, 1]),
    { padding: 'valid' },
  ),
}));

chapter.run();
