import { crossEntropy } from '../../src/nn/index';
import { type Backend, gradients, parameter, scale, softmax, Tensor } from '../../src/tensor/index';
import { type Given, testChapter } from './chapter';

const chapter = testChapter('softmax');

chapter.check('by hand', (given) => ({ softmax: softmax(given.vector('z')) }));
chapter.check('large logits', (given) => ({ softmax: softmax(given.vector('z')) }));
chapter.check('steepness', (given) => {
  const z = given.vector('z');
  return { 's = 0.5': softmax(scale(z, 0.5)), 's = 3': softmax(scale(z, 3)) };
});

/** Loss and gradient of one row. */
function lossOf(z: Tensor, right: number, smoothing = 0) {
  const logits = z.reshape(1, -1).requireGradient();
  const L = crossEntropy(logits, [right], { smoothing });
  const [dz] = gradients(L, [logits]);
  return { L, dz };
}
const given = (block: Given) => lossOf(block.vector('z'), block.number('right'));

chapter.check('the loss', (block) => ({ L: given(block).L }));
chapter.check('the gradient', (block) => ({ dz: given(block).dz }));

chapter.check('smoothing', async (block) => {
  const alpha = block.number('alpha');
  const z = block.vector('z');
  const { L, dz } = lossOf(z, block.number('right'), alpha);
  // dz = softmax - y
  const [probabilities, gradient] = await Promise.all([softmax(z).data(), dz.data()]);
  return { L, dz, y: probabilities.map((probability, k) => probability - gradient[k]) };
});

const alike = (backend: Backend, classes: number, first = 0) =>
  parameter(backend, [first, ...new Array<number>(classes - 1).fill(0)], [classes]);

chapter.check('at the start', (_, backend) => ({ L: lossOf(alike(backend, 40), 0).L }));
chapter.check('two people', (_, backend) => lossOf(Tensor.from(backend, [1, 3]), 0));

chapter.check('content', async (_, backend) => {
  // Where the gradient of the right logit changes its sign.
  let [low, high] = [0, 20];
  for (let turn = 0; turn < 40; turn++) {
    const middle = (low + high) / 2;
    const [gradient] = await lossOf(alike(backend, 40, middle), 0, 0.1).dz.data();
    if (gradient < 0) low = middle;
    else high = middle;
  }
  return { difference: low };
});

chapter.run();
