import { BatchNorm2d } from '../../src/nn/index';
import { batchNorm, batchNormTraining, conv2d, random, Tensor } from '../../src/tensor/index';
import { type Given, testChapter } from './chapter';

const chapter = testChapter('batch-norm');

const normalized = (given: Given, backend: Parameters<typeof Tensor.from>[0], gamma: number, beta: number) =>
  batchNormTraining(given.vector('x').reshape(-1, 1), Tensor.from(backend, [gamma]), Tensor.from(backend, [beta]), 0);

chapter.check('by hand', async (given, backend) => {
  const { output, moments } = normalized(given, backend, given.number('gamma'), given.number('beta'));
  const [mean, variance] = await moments.data();
  return { mean, variance, xhat: normalized(given, backend, 1, 0).output, y: output };
});

chapter.check('what does not matter', (given, backend) => ({ xhat: normalized(given, backend, 1, 0).output }));

chapter.check('running averages', async (_, backend) => {
  const norm = new BatchNorm2d({ backend, random: random(1) }, 1).train();
  const [[mean], [variance]] = await Promise.all([norm.runningMean.data(), norm.runningVariance.data()]);
  norm.forward(Tensor.from(backend, [2, 4, 6, 8], [4, 1]));
  return {
    'mean before': mean,
    'variance before': variance,
    'mean after': norm.runningMean,
    'variance after': norm.runningVariance,
  };
});

chapter.check('one outlier', (_, backend) => {
  const [one, zero] = [Tensor.from(backend, [1]), Tensor.from(backend, [0])];
  return { xhat: batchNormTraining(Tensor.from(backend, [1, 1, 1, 5], [4, 1]), one, zero, 0).output };
});

chapter.check('folding', async (_, backend) => {
  const vector = (value: number) => Tensor.from(backend, [value]);
  const statistics = { mean: vector(2), variance: vector(4), gamma: vector(3), beta: vector(1) };
  const layers = async (x: number) => {
    const input = Tensor.from(backend, [x], [1, 1, 1, 1]);
    const [y] = await batchNorm(conv2d(input, Tensor.from(backend, [0.5], [1, 1, 1, 1])), statistics, 0).data();
    return y;
  };
  const bias = await layers(0);
  return { weight: (await layers(1)) - bias, bias, y: await layers(8) };
});

chapter.run();
