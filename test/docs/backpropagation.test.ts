import {
  add,
  averagePool2d,
  batchNormTraining,
  conv2d,
  globalAveragePool,
  gradients,
  matmul,
  maxPool2d,
  multiply,
  parameter,
  relu,
  scale,
  sigmoid,
  sum,
  Tensor,
} from '../../src/tensor/index';
import { testChapter } from './chapter';

const chapter = testChapter('backpropagation');

/** The gradients of a loss that has dY as its gradient of Y. */
const backwards = (Y: Tensor, dY: Tensor, parameters: readonly Tensor[]): Tensor[] =>
  gradients(sum(multiply(Y, dY)), parameters);

chapter.check('convolution', (given, backend) => {
  const [X, K] = [given.image('X').requireGradient(), given.filter('K').requireGradient()];
  const b = parameter(backend, [0]);
  const [dX, dK, db] = backwards(conv2d(X, K, { bias: b, padding: 'valid' }), given.image('dY'), [X, K, b]);
  return { dX, dK, db };
});

chapter.check('product of matrices', (given) => {
  const [A, B] = [given.matrix('A').requireGradient(), given.matrix('B').requireGradient()];
  const Y = matmul(A, B);
  const [dA, dB] = backwards(Y, given.matrix('dY'), [A, B]);
  return { Y, dA, dB };
});

chapter.check('pooling', (given, backend) => {
  const X = given.image('X').requireGradient();
  const dY = Tensor.from(backend, [given.number('dY')], [1, 1, 1, 1]);
  const [ofLargest] = backwards(maxPool2d(X, { size: 2 }), dY, [X]);
  const [ofMean] = backwards(averagePool2d(X, { size: 2 }), dY, [X]);
  return { 'dX of the largest': ofLargest, 'dX of the mean': ofMean };
});

chapter.check('batch norm', (given, backend) => {
  const x = given.vector('x').requireGradient();
  const [gamma, beta] = [parameter(backend, [given.number('gamma')]), parameter(backend, [0])];
  const { output } = batchNormTraining(x.reshape(4, 1), gamma, beta, 0);
  const [dx, dgamma, dbeta] = backwards(output, given.vector('dy').reshape(4, 1), [x, gamma, beta]);
  return { dx, dgamma, dbeta };
});

/** Convolution, ReLU, mean over everything, and the loss (m - 1)^2 / 2. */
function network(X: Tensor, K: Tensor, b: Tensor) {
  const Z = conv2d(X, K, { bias: b, padding: 'valid' });
  const A = relu(Z);
  const m = globalAveragePool(A);
  const error = scale(m, 1, -1);
  return { Z, A, m, L: scale(sum(multiply(error, error)), 0.5) };
}

chapter.check('a network', (given, backend) => {
  const [X, K] = [given.image('X').requireGradient(), given.filter('K').requireGradient()];
  const b = parameter(backend, [given.number('b')]);
  const { Z, A, m, L } = network(X, K, b);
  const [dX, dK, db, dZ, dA, dm] = gradients(L, [X, K, b, Z, A, m]);
  return { Z, A, m, L, dX, dK, db, dZ, dA, dm };
});

chapter.check('one step', (_, backend) => {
  const X = Tensor.from(backend, [1, 2, 0, 3, 1, 4, 0, 2, 1], [1, 3, 3, 1]);
  const [K, b] = [parameter(backend, [1, 0, 2, -1], [2, 2, 1, 1]), parameter(backend, [-2])];
  const [dK, db] = gradients(network(X, K, b).L, [K, b]);
  const [nextK, nextB] = [add(K, scale(dK, -0.1)), add(b, scale(db, -0.1))];
  const { m, L } = network(X, nextK, nextB);
  return { K: nextK, b: nextB, m, L };
});

chapter.check('ones', (_, backend) => {
  const X = parameter(backend, new Float32Array(9), [1, 3, 3, 1]);
  const K = Tensor.from(backend, [1, 0, 2, -1], [2, 2, 1, 1]);
  const [dX] = gradients(sum(conv2d(X, K, { padding: 'valid' })), [X]);
  return { dX };
});

chapter.check('sigmoid', (given) => {
  const x = given.vector('x').requireGradient();
  const [dx] = gradients(sum(sigmoid(x)), [x]);
  return { dx };
});

chapter.run();
