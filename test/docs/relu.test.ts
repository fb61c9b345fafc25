import { heNormal } from '../../src/nn/initial';
import {
  add,
  gradients,
  leakyRelu,
  matmul,
  random,
  relu,
  relu6,
  scale,
  sigmoid,
  sum,
  Tensor,
} from '../../src/tensor/index';
import { testChapter } from './chapter';

const chapter = testChapter('relu');

chapter.check('by hand', (given) => {
  const z = given.vector('z').requireGradient();
  const y = relu(z);
  const [slope] = gradients(sum(y), [z]);
  return { ReLU: y, 'slope of z': slope };
});

chapter.check('the absolute value', (given, backend) => {
  const x = given.vector('x').reshape(-1, 1);
  const first = Tensor.from(backend, [1, -1], [1, 2]);
  const second = Tensor.from(backend, [1, 1], [2, 1]);
  return {
    'with ReLU': matmul(relu(matmul(x, first)), second),
    without: matmul(matmul(x, first), second),
  };
});

chapter.check('relatives', (given) => {
  const z = given.vector('z');
  return { leaky: leakyRelu(z, 0.1), ReLU6: relu6(z), sigmoid: sigmoid(z) };
});

chapter.check('a tent', (_, backend) => {
  const x = Tensor.from(backend, [0, 1, 1.5, 2, 2.5, 3, 4]);
  const bend = (at: number) => relu(scale(x, 1, -at));
  return { y: add(add(bend(1), scale(bend(2), -2)), bend(3)) };
});

/** A source of random numbers whose normal ones are all one deviation. */
const oneDeviation = { ...random(1), normal: () => 1 };
chapter.check('deviation', () => ({ deviation: heNormal(3 * 3 * 64)(oneDeviation) }));

chapter.run();
