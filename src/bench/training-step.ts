import { crossEntropy } from '../nn/loss';
import type { MiniResNet, MiniResNetOptions } from '../nn/mini-resnet';
import { Sgd } from '../nn/optimizer';
import { gradients } from '../tensor/autograd';
import { random } from '../tensor/random';
import { scope } from '../tensor/scope';
import { Tensor } from '../tensor/tensor';

/** Images one after the other, [height, width, channels], and who is on them. */
export interface TrainingBatch {
  images: Float32Array;
  labels: number[];
}

export interface TrainedStep {
  /** Before the step. */
  loss: number;
  /** Milliseconds of forward, backward and optimiser, as far as the host waits for them. */
  parts: [forward: number, backward: number, optimizer: number];
}

/** One training step after the other: forward, softmax cross entropy, backward, SGD with momentum. The network is the caller's. */
export function trainingStep(
  network: MiniResNet,
  training: { learningRate: number; momentum: number },
): { step(batch: TrainingBatch): Promise<TrainedStep>; dispose(): void } {
  network.train();
  const { height, width, channels } = network.options.input;
  const parameters = network.parameters();
  const [{ backend }] = parameters.values();
  const optimizer = new Sgd(parameters, training);
  const step = async ({ images, labels }: TrainingBatch): Promise<TrainedStep> => {
    const started = performance.now();
    const { reading, parts } = (() => {
      using _ = scope();
      const input = Tensor.from(backend, images, [labels.length, height, width, channels]);
      const loss = crossEntropy(network.forward(input), labels);
      const forwarded = performance.now();
      const slopes = gradients(loss, [...parameters.values()]);
      const differentiated = performance.now();
      optimizer.step(slopes);
      const parts: TrainedStep['parts'] = [
        forwarded - started,
        differentiated - forwarded,
        performance.now() - differentiated,
      ];
      return { reading: loss.data(), parts };
    })();
    const [loss] = await reading;
    return { loss, parts };
  };
  return { step, dispose: () => optimizer.dispose() };
}

/** Images of noise. */
export function drawnBatch(
  { height, width, channels }: MiniResNetOptions['input'],
  classes: number,
  size: number,
): TrainingBatch {
  const generator = random(2);
  return {
    images: Float32Array.from({ length: size * height * width * channels }, () => generator.normal()),
    labels: Array.from({ length: size }, (_, image) => (7 * image) % classes),
  };
}
