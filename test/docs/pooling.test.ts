import {
  averagePool2d,
  conv2d,
  globalAveragePool,
  gradients,
  maxPool2d,
  slice,
  sum,
  Tensor,
} from '../../src/tensor/index';
import { testChapter } from './chapter';

const chapter = testChapter('pooling');

chapter.check('by hand', (given) => {
  const X = given.image('X');
  return { largest: maxPool2d(X, { size: 2 }), mean: averagePool2d(X, { size: 2 }) };
});

chapter.check('everything', (given) => ({ Y: globalAveragePool(given.image('X')) }));

const NUMBERS = [1, 3, 2, 0, 4, 2, 1, 1, 0, 0, 5, 6, 1, 3, 7, 2];

chapter.check('overlapping', (_, backend) => {
  const X = Tensor.from(backend, NUMBERS, [1, 4, 4, 1]);
  return { largest: maxPool2d(X, { size: 3, stride: 1 }), mean: averagePool2d(X, { size: 3, stride: 1 }) };
});

chapter.check('at the edge', (_, backend) => {
  const X = Tensor.from(backend, NUMBERS, [1, 4, 4, 1]);
  const padding = { top: 1, bottom: 1, left: 1, right: 1 };
  const means = averagePool2d(X, { size: 3, stride: 3, padding });
  return { mean: slice(means.reshape(-1), 0, 0, 1) };
});

chapter.check('receptive fields', async (_, backend) => {
  // How many pixels of a row have a part in one output: those whose gradient is not zero.
  const row = Tensor.from(backend, new Float32Array(64).fill(1), [1, 1, 64, 1]).requireGradient();
  const filter = Tensor.from(backend, new Float32Array(7).fill(1), [1, 7, 1, 1]);
  const convolved = conv2d(row, filter, { stride: [1, 2], padding: 'valid' });
  // The mean in place of the largest: it looks at the same window, and at all of it.
  const pooled = averagePool2d(convolved, { size: [1, 3], stride: [1, 2] });
  const seen = async (output: Tensor) => {
    const [gradient] = gradients(sum(slice(output, 2, 4, 1)), [row]);
    return (await gradient.data()).filter((value) => value !== 0).length;
  };
  return { 'after the convolution': await seen(convolved), 'after the pooling': await seen(pooled) };
});

chapter.run();
