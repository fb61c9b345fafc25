import { auc, eer, kFoldAccuracy, mean, roc, standardError, tarAtFar, thresholdAtFar } from '../../src/index';
import { type Given, testChapter } from './chapter';

const chapter = testChapter('evaluation');

/** Pairs of both kinds as the functions want them. */
function pairs(same: readonly number[], different: readonly number[]) {
  return { distances: [...same, ...different], same: [...same.map(() => true), ...different.map(() => false)] };
}
const given = (block: Given) => pairs(block.list('same'), block.list('different'));

chapter.check('by hand', (block) => {
  const { distances, same } = given(block);
  const curve = roc(distances, same);
  return { FAR: curve.map(({ far }) => far), TAR: curve.map(({ tar }) => tar), AUC: auc(curve), EER: eer(curve) };
});

chapter.check('TAR at FAR', (block) => {
  const { distances, same } = pairs([0.3, 0.5, 0.6, 0.9], [0.7, 0.8, 1, 1.2]);
  const different = distances.filter((_, k) => !same[k]);
  const [rate, stricter] = [block.number('FAR'), block.number('a stricter FAR')];
  return {
    threshold: thresholdAtFar(different, rate),
    TAR: tarAtFar(distances, same, rate),
    'its threshold': thresholdAtFar(different, stricter),
    'its TAR': tarAtFar(distances, same, stricter),
  };
});

chapter.check('folds', (block) => {
  const same = block.list('same').map((value) => value === 1);
  const figures = kFoldAccuracy(block.list('squared distances'), same, block.list('fold'));
  return {
    thresholds: figures.thresholds,
    accuracies: figures.folds,
    accuracy: figures.accuracy,
    'standard error': figures.standardError,
  };
});

chapter.check('a gallery', (block) => ({ 'false match': 1 - (1 - block.number('f')) ** block.number('G') }));

chapter.check('three and three', () => {
  const { distances, same } = pairs([0.2, 0.4, 0.7], [0.5, 0.6, 0.9]);
  const curve = roc(distances, same);
  return { AUC: auc(curve), EER: eer(curve) };
});

chapter.check('ten folds', () => {
  const folds = Array.from({ length: 10 }, (_, k) => (k < 5 ? 0.99 : 0.98));
  return { mean: mean(folds), 'standard error': standardError(folds) };
});

chapter.check('none in ten thousand', () => ({ FAR: 1 - 0.05 ** (1 / 10_000) }));

chapter.run();
