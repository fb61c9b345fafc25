import type { Precision } from '../kernels/backend';
import { multiplyAdds } from '../kernels/multiply-adds';
import { crossEntropy } from '../nn/loss';
import { LossScale } from '../nn/loss-scale';
import type { MiniResNet, MiniResNetOptions } from '../nn/mini-resnet';
import { Sgd } from '../nn/optimizer';
import { RecordedStep } from '../nn/recorded-step';
import { gradients } from '../tensor/autograd';
import { scale } from '../tensor/ops/arithmetic';
import { random } from '../tensor/random';
import { scope } from '../tensor/scope';
import { Tensor } from '../tensor/tensor';

/** Images one after the other, [height, width, channels], and who is on them. */
export interface TrainingBatch {
  images: Float32Array;
  labels: number[];
}

/** Network, optimiser and the three parts of a step: forward with softmax cross entropy, backward, SGD with momentum. */
function partsOf(network: MiniResNet, training: { learningRate: number; momentum: number }) {
  network.train();
  const { height, width, channels } = network.options.input;
  const parameters = [...network.parameters().values()];
  const [{ backend }] = parameters;
  const optimizer = new Sgd(network.parameters(), training);
  const forward = ({ images, labels }: TrainingBatch): Tensor => {
    const input = Tensor.from(backend, images, [labels.length, height, width, channels]);
    return crossEntropy(network.forward(input), labels);
  };
  return { backend, optimizer, forward, backward: (loss: Tensor) => gradients(loss, parameters) };
}

export interface RecordedTraining {
  /** Makes a step without waiting for it. @returns the loss before it, to be read before the next step is made */
  step(batch: TrainingBatch): Promise<Tensor>;
  /** The multiply-adds of the step that was made last. */
  readonly multiplyAdds: number;
  dispose(): void;
}

/**
 * One training step after the other, recorded, as a Trainer makes them. The network is the caller's.
 * @param precision 'half' for mixed precision
 */
export function recordedTraining(
  network: MiniResNet,
  training: { learningRate: number; momentum: number },
  precision: Precision = 'full',
): RecordedTraining {
  const { backend, optimizer, forward, backward } = partsOf(network, training);
  const recorded = new RecordedStep(backend, { precision });
  const lossScale = precision === 'half' ? new LossScale().at(0) : 1;
  return {
    async step(batch) {
      const [loss] = await recorded.run(() => {
        const loss = forward(batch);
        optimizer.step(backward(lossScale === 1 ? loss : scale(loss, lossScale)), lossScale);
        return [loss];
      });
      return loss;
    },
    get multiplyAdds() {
      return recorded.calls.reduce((sum, call) => sum + multiplyAdds(call), 0);
    },
    dispose() {
      recorded.dispose();
      optimizer.dispose();
    },
  };
}

/** Milliseconds of forward, backward and optimiser, as far as the host waits for them. */
export type StepParts = [forward: number, backward: number, optimizer: number];

/** The same steps made eagerly, to time their parts. @returns gives the loss before each */
export function eagerTraining(
  network: MiniResNet,
  training: { learningRate: number; momentum: number },
): (batch: TrainingBatch) => Promise<{ loss: number; parts: StepParts }> {
  const { optimizer, forward, backward } = partsOf(network, training);
  return async (batch) => {
    const started = performance.now();
    const { reading, parts } = (() => {
      using _ = scope();
      const loss = forward(batch);
      const forwarded = performance.now();
      const slopes = backward(loss);
      const differentiated = performance.now();
      optimizer.step(slopes);
      const parts: StepParts = [forwarded - started, differentiated - forwarded, performance.now() - differentiated];
      return { reading: loss.data(), parts };
    })();
    const [loss] = await reading;
    return { loss, parts };
  };
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
