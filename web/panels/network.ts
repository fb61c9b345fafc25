import { NetworkView } from '../network/network-view';
import { currentFace, type Panel } from '../panel';

export const networkPanel: Panel = {
  id: 'network',
  short: 'Network',
  title: 'Walk through the network',
  lead:
    'The face from above goes through all 29 convolutions, and every number on the way is kept. Choose a layer to see its ' +
    'maps, its filters and what they measure; point at a pixel to see the sum that made it. At the end the gradient goes ' +
    'the other way and shows what the embedding rests on.',
  chapters: ['convolution', 'relu', 'pooling', 'residual-block', 'backpropagation'],
  files: [
    'src/face/pretrained/face-recognition.ts',
    'src/kernels/reference/conv2d.ts',
    'src/kernels/reference/scale-shift.ts',
    'src/tensor/autograd.ts',
  ],
  mount(root) {
    const view = new NetworkView(root);
    currentFace.watch((face) => view.show(face));
  },
};
