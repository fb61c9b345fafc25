import { Conv2d } from '../../src/nn/index';
import {
  type Backend,
  conv2d,
  depthwiseConv2d,
  gradients,
  matmul,
  random,
  relu,
  sum,
  Tensor,
} from '../../src/tensor/index';
import { type Given, testChapter } from './chapter';

const chapter = testChapter('many-filters');

/** [1, height, width, channels] of one matrix a channel. */
function stacked(backend: Backend, channels: readonly number[][][]): Tensor {
  const [first] = channels;
  const pixels = first.flatMap((row, i) => row.flatMap((_, j) => channels.map((channel) => channel[i][j])));
  return Tensor.from(backend, pixels, [1, first.length, first[0].length, channels.length]);
}

const image = (given: Given, backend: Backend) => stacked(backend, [given.rows('X(0)'), given.rows('X(1)')]);

chapter.check('two filters', (given, backend) => {
  // The filters of channel c: [height, width, filters]. Both channels together: [height, width, channels, filters].
  const weights = [0, 1].map((c) => [0, 1].map((o) => given.rows(`K(${c},${o})`)));
  const numbers = [0, 1].flatMap((p) =>
    [0, 1].flatMap((q) => weights.flatMap((filters) => filters.map((K) => K[p][q]))),
  );
  const filter = Tensor.from(backend, numbers, [2, 2, 2, 2]);
  const sums = conv2d(image(given, backend), filter, { bias: given.vector('b'), padding: 'valid' });
  return { sums, Y: relu(sums) };
});

chapter.check('a filter of one pixel', (given) => {
  const pixels = given.matrix('pixels').reshape(1, 1, 2, 2);
  return { Y: conv2d(pixels, given.matrix('K').reshape(1, 1, 2, 3)) };
});

chapter.check('depthwise', (given, backend) => {
  const K = stacked(backend, [given.rows('K(0)'), given.rows('K(1)')]).reshape(2, 2, 2, 1);
  return { D: depthwiseConv2d(image(given, backend), K, { padding: 'valid' }) };
});

/** Where all numbers are 1, the gradient of the output's sum by a weight counts how often the weight was used. */
const multiplyAdds = async (output: Tensor, filter: Tensor) => {
  const [counts] = gradients(sum(output), [filter]);
  return (await sum(counts).data())[0];
};

chapter.check('the stem', async (_, backend) => {
  const stem = new Conv2d({ backend, random: random(1) }, { inChannels: 3, outChannels: 32, size: 3, stride: 2 });
  const output = stem.forward(Tensor.from(backend, new Float32Array(112 * 112 * 3), [1, 112, 112, 3]));
  return { weights: stem.parameterCount, 'multiply-adds': output.size * (stem.parameterCount / 32) };
});

chapter.check('the share', async (_, backend) => {
  const ones = (shape: number[]) =>
    Tensor.from(backend, new Float32Array(shape.reduce((a, b) => a * b)).fill(1), shape);
  const input = ones([1, 6, 6, 64]);
  const full = ones([3, 3, 64, 64]).requireGradient();
  const spatial = ones([3, 3, 64, 1]).requireGradient();
  const mixing = ones([64, 64]).requireGradient();
  const options = { padding: 'valid' } as const;
  const whole = await multiplyAdds(conv2d(input, full, options), full);
  const first = await multiplyAdds(depthwiseConv2d(input, spatial, options), spatial);
  const second = await multiplyAdds(matmul(ones([16, 64]), mixing), mixing);
  return { share: (first + second) / whole };
});

chapter.check('two of three', (_, backend) => {
  const birth = { backend, random: random(1) };
  const layer = (size: number) => new Conv2d(birth, { inChannels: 64, outChannels: 64, size }).parameterCount;
  return { 'two layers of 3x3': 2 * layer(3), 'one layer of 5x5': layer(5) };
});

chapter.run();
