import { ARCFACE_TEMPLATE } from '../../src/face/align';
import { type Dataset, splitDataset, syntheticDataset } from '../../src/face/dataset';
import type { RawImage } from '../../src/face/image';
import { syntheticPerson, syntheticPhoto } from '../../src/face/synthetic';
import type { Backend } from '../../src/kernels/backend';
import { encodeModel } from '../../src/nn/checkpoint';
import { MINI_RESNET_PRESETS, MiniResNet } from '../../src/nn/mini-resnet';
import { plainData, Trainer } from '../../src/nn/trainer';
import { random } from '../../src/tensor/random';

/** A third of the tiny preset's widths: learns a few drawn people within seconds. */
const SMALL = { ...MINI_RESNET_PRESETS.tiny, widths: [6, 12, 24, 48], embedding: 32 };
const SHAPE = { height: 56, width: 48, channels: 1 } as const;

export interface TrainedModel {
  /** The bytes of the file, without a calibration. */
  bytes: Uint8Array;
  /** Images of the same people that it was not trained on. */
  test: Dataset;
}

/** A model that tells six drawn people apart, as `likeness train` would write it. */
export async function trainModel(backend: Backend, { epochs = 12 } = {}): Promise<TrainedModel> {
  const data = syntheticDataset({ ...SHAPE, people: 6, imagesEach: 12, seed: 5 });
  const { train, test } = splitDataset(data, { first: 8 });
  const network = new MiniResNet({ backend, random: random(3) }, { ...SMALL, classes: data.names.length });
  const settings = { epochs, batchSize: 16, learningRate: 0.05, seed: 3 };
  const trainer = new Trainer(network, plainData(train.examples, test.examples), settings);
  for await (const _ of trainer.run());
  const bytes = await encodeModel(trainer, { names: JSON.stringify(data.names) });
  trainer.dispose();
  network.dispose();
  return { bytes, test };
}

/** A drawn face, upright, as an aligned picture of 112x112 pixels in colour. */
export function drawnChip(seed: number): RawImage {
  const generator = random(seed);
  const size = { height: 112, width: 112, channels: 3, framing: ARCFACE_TEMPLATE } as const;
  return syntheticPhoto(syntheticPerson(generator.fork()), generator.fork(), size).image;
}
