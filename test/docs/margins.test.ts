import { arcFaceLogits, cosFaceLogits, cosines, crossEntropy } from '../../src/nn/index';
import {
  type Backend,
  concat,
  gradients,
  multiply,
  parameter,
  scale,
  softmax,
  sum,
  Tensor,
} from '../../src/tensor/index';
import { testChapter } from './chapter';

const chapter = testChapter('margins');

chapter.check('cosines', (given) => {
  const centres = concat([given.vector('w0').reshape(1, 2), given.vector('w1').reshape(1, 2)], 0);
  return { cosines: cosines(given.vector('x').reshape(1, 2), centres) };
});

/**
 * The probability of the right one where all centres are equally far from one another. The others have one logit, and are
 * counted by adding the logarithm of their number to it: n e^z = e^(z + ln n).
 */
async function bestProbability(backend: Backend, people: number, steepness: number): Promise<number> {
  const others = -steepness / (people - 1) + Math.log(people - 1);
  return (await softmax(Tensor.from(backend, [steepness, others])).data())[0];
}

async function scaleFor(backend: Backend, people: number, probability: number): Promise<number> {
  let [low, high] = [0, 64];
  for (let turn = 0; turn < 40; turn++) {
    const middle = (low + high) / 2;
    if ((await bestProbability(backend, people, middle)) < probability) low = middle;
    else high = middle;
  }
  return low;
}

chapter.check('the scale', async (given, backend) => {
  const probability = given.number('P');
  return {
    'scale for 40 people': await scaleFor(backend, 40, probability),
    'scale for 10000 people': await scaleFor(backend, 10_000, probability),
  };
});
chapter.check('thousand people', async (_, backend) => ({ scale: await scaleFor(backend, 1000, 0.99) }));

const STEEPNESS = 5;
const CENTRES = [1, 0, 0, 1];

function logitsOf(backend: Backend, x: Tensor, label: number) {
  const centres = Tensor.from(backend, CENTRES, [2, 2]);
  const angles = cosines(x, centres);
  return {
    plain: scale(angles, STEEPNESS),
    CosFace: cosFaceLogits(angles, [label], { scale: STEEPNESS, margin: 0.2 }),
    ArcFace: arcFaceLogits(x, centres, [label], { scale: STEEPNESS, margin: 0.5 }),
  };
}

/** The largest angle from the own centre, in degrees, at which it still has the largest logit. */
async function widest(backend: Backend, name: 'plain' | 'CosFace' | 'ArcFace'): Promise<number> {
  let [low, high] = [0, 90];
  for (let turn = 0; turn < 34; turn++) {
    const middle = (low + high) / 2;
    const angle = (middle * Math.PI) / 180;
    const x = Tensor.from(backend, [Math.cos(angle), Math.sin(angle)], [1, 2]);
    const [own, other] = await logitsOf(backend, x, 0)[name].data();
    if (own > other) low = middle;
    else high = middle;
  }
  return low;
}

chapter.check('where the right one wins', async (_, backend) => ({
  plain: await widest(backend, 'plain'),
  CosFace: await widest(backend, 'CosFace'),
  ArcFace: await widest(backend, 'ArcFace'),
}));

const photo = (backend: Backend) => parameter(backend, [3, 4], [1, 2]);

chapter.check('by hand', (_, backend) => {
  const { plain, CosFace, ArcFace } = logitsOf(backend, photo(backend), 0);
  return {
    'plain z': plain,
    'plain L': crossEntropy(plain, [0]),
    'CosFace z': CosFace,
    'CosFace L': crossEntropy(CosFace, [0]),
    'ArcFace z': ArcFace,
    'ArcFace L': crossEntropy(ArcFace, [0]),
  };
});

chapter.check('the other person', (_, backend) => {
  const { plain, CosFace, ArcFace } = logitsOf(backend, photo(backend), 1);
  return {
    'plain L': crossEntropy(plain, [1]),
    'CosFace L': crossEntropy(CosFace, [1]),
    'ArcFace L': crossEntropy(ArcFace, [1]),
  };
});

chapter.check('the pull', async (_, backend) => {
  // Turning x by a small angle away from its centre (1, 0) moves it along (-4, 3); only the own logit is to move.
  const x = photo(backend);
  const { ArcFace } = logitsOf(backend, x, 0);
  const [dz] = gradients(crossEntropy(ArcFace, [0]), [ArcFace]);
  const own = Tensor.from(backend, [(await dz.data())[0], 0], [1, 2]);
  const [dx] = gradients(sum(multiply(ArcFace, own)), [x]);
  const [first, second] = await dx.data();
  return { pull: -4 * first + 3 * second };
});

chapter.run();
