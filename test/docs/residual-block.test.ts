import { ResidualBlock } from '../../src/nn/index';
import { add, type Backend, gradients, multiply, parameter, random, scale, sum, Tensor } from '../../src/tensor/index';
import { testChapter } from './chapter';

const chapter = testChapter('residual-block');

/** A block of the article's form for one channel, whose filters look at one pixel alone. */
function oneChannel(backend: Backend, first: number, second: number, statistics = { mean: 0, variance: 1 }) {
  const block = new ResidualBlock({ backend, random: random(1) }, { inChannels: 1, outChannels: 1, form: 'article' });
  const middle = (weight: number) => ({ shape: [3, 3, 1, 1], values: [0, 0, 0, 0, weight, 0, 0, 0, 0] });
  const vector = (value: number) => ({ shape: [1], values: [value] });
  const values = new Map([
    ['conv1.weight', middle(first)],
    ['conv2.weight', middle(second)],
    ['bn1.weight', vector(1)],
    ['bn1.bias', vector(0)],
    ['bn1.running_mean', vector(statistics.mean)],
    ['bn1.running_var', vector(statistics.variance)],
  ]);
  block.load(
    new Map(Array.from(values, ([name, { shape, values }]) => [name, { shape, values: Float64Array.from(values) }])),
  );
  return block;
}

chapter.check('by hand', async (given, backend) => {
  const Z = given.vector('Z').reshape(4, 1, 1, 1);
  const [W1, W2] = [given.number('W1'), given.number('W2')];
  const X = oneChannel(backend, W1, W2).train().forward(Z);
  const F = add(X, scale(Z, -1));
  // What ReLU lets through of the norm is F / W2; of the norm's negative it is the rest.
  const rest = add(oneChannel(backend, -W1, W2).train().forward(Z), scale(Z, -1));
  return { X, F, norm: add(scale(F, 1 / W2), scale(rest, -1 / W2)) };
});

/** d X_depth / d X_0 where each layer multiplies by w. */
async function slope(backend: Backend, depth: number, w: number, skips: boolean): Promise<number> {
  const start = parameter(backend, [1]);
  let x = start;
  for (let layer = 0; layer < depth; layer++) x = skips ? add(scale(x, w), x) : scale(x, w);
  const [gradient] = gradients(sum(x), [start]);
  return (await gradient.data())[0];
}

chapter.check('ten layers deep', async (given, backend) => {
  const w = given.number('w');
  return {
    'plain, in ten-billionths': 1e10 * (await slope(backend, 10, w, false)),
    'with skips': await slope(backend, 10, w, true),
    'with skips and -w': await slope(backend, 10, -w, true),
  };
});

chapter.check('parameters', (_, backend) => {
  const birth = { backend, random: random(1) };
  const options = { inChannels: 64, outChannels: 128, stride: 2 };
  const whole = new ResidualBlock(birth, options).parameterCount;
  return { block: whole, projection: whole - new ResidualBlock(birth, { ...options, plain: true }).parameterCount };
});

chapter.check('fifty layers', async (_, backend) => ({ gradient: await slope(backend, 50, 0.02, true) }));

chapter.check('through the block', (_, backend) => {
  const Z = Tensor.from(backend, [2, 4, 6, 8], [4, 1, 1, 1]).requireGradient();
  const X = oneChannel(backend, 0.5, 2, { mean: 2.5, variance: 1.25 }).evaluate().forward(Z);
  const [dZ] = gradients(sum(multiply(X, Tensor.from(backend, [0, 0, 1, 0], [4, 1, 1, 1]))), [Z]);
  return { dZ };
});

chapter.run();
