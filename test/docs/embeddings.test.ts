import { unitEmbedding } from '../../src/face/embed';
import { probabilityOf } from '../../src/face/verify';
import { cosineSimilarity, euclideanDistance } from '../../src/index';
import { semiHardTriplets, squaredDistances, tripletLoss } from '../../src/nn/index';
import { gradients, l2Normalize, matmul, multiply, sum, Tensor } from '../../src/tensor/index';
import { testChapter } from './chapter';

const chapter = testChapter('embeddings');

chapter.check('by hand', async (given) => {
  const [u, v] = [l2Normalize(given.vector('x')), l2Normalize(given.vector('y'))];
  const [a, b] = await Promise.all([u.data(), v.data()]);
  return { u, v, cosine: cosineSimilarity(a, b), distance: euclideanDistance(a, b) };
});

chapter.check('the gradient', (given) => {
  const x = given.vector('x').requireGradient();
  const [dx] = gradients(sum(multiply(l2Normalize(x), given.vector('du'))), [x]);
  return { dx };
});

chapter.check('a photo and its mirror image', (given) => ({
  u: unitEmbedding([given.list('a'), given.list('b')]).embedding,
}));

chapter.check('a triplet', async (given, backend) => {
  const [a, p, n] = [given.list('a'), given.list('p'), given.list('n')];
  const embeddings = Tensor.from(backend, [...a, ...p, ...n], [3, 2]);
  const distances = await squaredDistances(embeddings).data();
  const margin = given.number('m');
  return {
    positive: distances[1],
    negative: distances[2],
    L: tripletLoss(embeddings, [{ anchor: 0, positive: 1, negative: 2 }], margin),
  };
});

chapter.check('probabilities', (given) => {
  const calibration = { threshold: 0, slope: given.number('slope'), centre: given.number('centre') };
  return { probability: given.list('distance').map((distance) => probabilityOf(distance, calibration)) };
});

chapter.check('from distance to cosine', async (_, backend) => {
  // Two unit vectors that far apart: at half the angle on either side of an axis.
  const half = Math.asin(0.412 / 2);
  const side = (sign: number) => Tensor.from(backend, [Math.cos(half), sign * Math.sin(half)], [1, 2]);
  const cosine = matmul(side(1), side(-1), undefined, { transposeRight: true });
  return { cosine };
});

chapter.check('a calibration', () => {
  const [same, different, deviation] = [0.3, 0.7, 0.1];
  const slope = (different - same) / deviation ** 2;
  const centre = (same + different) / 2;
  // Against Bayes' rule with the two densities as they are.
  const density = (mean: number) => Math.exp(-((0.45 - mean) ** 2) / (2 * deviation ** 2));
  const bayes = density(same) / (density(same) + density(different));
  const probability = probabilityOf(0.45, { threshold: 0, slope, centre });
  if (Math.abs(probability - bayes) > 1e-12) throw new Error(`the sigmoid gives ${probability}, Bayes' rule ${bayes}`);
  return { slope, centre, probability };
});

chapter.check('semi-hard', async (_, backend) => {
  const embeddings = Tensor.from(backend, [1, 0, 0.6, 0.8, 0.8, 0.6, 0.52, Math.sqrt(1 - 0.52 ** 2)], [4, 2]);
  const distances = await squaredDistances(embeddings).data();
  const [first] = semiHardTriplets(distances, [0, 0, 1, 1], 0.2);
  if (first.negative !== 3) throw new Error(`the semi-hard negative is ${first.negative}`);
  return { positive: distances[1], 'up to': distances[1] + 0.2, negatives: distances.slice(2, 4) };
});

chapter.run();
