import { type AugmentedImages, augmentedBatch, type BatchRequest } from './augmented-batch';

let images: AugmentedImages | undefined;

/** First the images, then one request after another, each answered by a batch. */
globalThis.onmessage = ({ data }: MessageEvent<AugmentedImages | BatchRequest>) => {
  if ('bytes' in data) images = data;
  else if (images) {
    const batch = augmentedBatch(images, data);
    globalThis.postMessage(batch, { transfer: [batch.buffer] });
  }
};
