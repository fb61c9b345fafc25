/** Titles and files, in the order of reading. */
export const chapters: readonly { part: string; items: readonly (readonly [title: string, name: string])[] }[] = [
  {
    part: 'The network',
    items: [
      ['Convolution', 'convolution'],
      ['ReLU', 'relu'],
      ['Many filters', 'many-filters'],
      ['Batch norm', 'batch-norm'],
      ['Pooling', 'pooling'],
      ['The residual block', 'residual-block'],
    ],
  },
  {
    part: 'Learning',
    items: [
      ['Backpropagation', 'backpropagation'],
      ['Softmax and cross entropy', 'softmax'],
      ['Margins', 'margins'],
      ['Embeddings and distance', 'embeddings'],
    ],
  },
  {
    part: 'Faces',
    items: [
      ['Detection', 'detection'],
      ['Alignment', 'alignment'],
      ['Masks', 'masks'],
      ['Evaluation', 'evaluation'],
    ],
  },
  { part: 'The engine', items: [['How a kernel is made fast', 'fast-kernels']] },
];
