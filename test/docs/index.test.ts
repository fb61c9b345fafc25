import { l2Normalize, multiply, sum } from '../../src/tensor/index';
import { testChapter } from './chapter';

const chapter = testChapter('index');

chapter.check('a first box', async (given) => {
  const x = given.vector('x');
  const [squares] = await sum(multiply(x, x)).data();
  return { length: Math.sqrt(squares), u: l2Normalize(x) };
});

chapter.run();
