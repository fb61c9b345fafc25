import type { Panel } from '../panel';
import { trainingPanel } from '../training/training-panel';

export const trainPanel: Panel = {
  id: 'training',
  short: 'Train',
  title: 'Watch a network learn',
  lead:
    'A small network learns to tell people apart, step by step, before your eyes: the loss, the accuracy, the first filters ' +
    'as they form. With and without skips, at the depth that you choose: see how large the gradient is that reaches each ' +
    'block.',
  chapters: ['backpropagation', 'residual-block', 'batch-norm', 'softmax'],
  files: ['src/nn/depth-network.ts', 'src/nn/depth-training.ts', 'src/nn/residual-block.ts', 'src/tensor/autograd.ts'],
  mount: trainingPanel,
};
