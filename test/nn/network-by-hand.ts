import type { DepthNetworkOptions } from '../../src/nn/depth-network';
import type { NamedValues } from '../../src/tensor/safetensors';

/*
 * A DepthNetwork once more, as loops over plain numbers that share nothing with the engine: what its gradients are is
 * found by moving one number at a time.
 */

interface Images {
  /** [batch, height, width, channels] */
  values: Float64Array;
  batch: number;
  side: number;
  channels: number;
}

export class NetworkByHand {
  /** By path; a test moves them. */
  readonly weights: ReadonlyMap<string, Float64Array>;
  /** What is added to X_k behind the stem and each block: zeros, of which a test moves one. */
  readonly nudges: readonly Float64Array[];
  readonly #options: DepthNetworkOptions;
  readonly #images: Images;
  readonly #labels: readonly number[];

  /** @param images [batch, side, side, channels], standardized */
  constructor(
    state: ReadonlyMap<string, NamedValues>,
    options: DepthNetworkOptions,
    images: ArrayLike<number>,
    labels: readonly number[],
  ) {
    this.weights = new Map(Array.from(state, ([name, { values }]) => [name, Float64Array.from(values)]));
    this.#options = options;
    const { height: side, channels } = options.input;
    this.#images = { values: Float64Array.from(images), batch: labels.length, side, channels };
    this.#labels = labels;
    const size = labels.length * Math.ceil(side / 2) ** 2 * options.channels;
    this.nudges = Array.from({ length: options.blocks + 1 }, () => new Float64Array(size));
  }

  /** Mean cross entropy. */
  loss(): number {
    const { blocks, plain } = this.#options;
    let x = this.#nudged(0, relu(this.#normed('stem.bn', this.#convolved('stem.conv', this.#images, 5, 2))));
    for (let block = 0; block < blocks; block++) {
      const path = `blocks.${block}`;
      const hidden = relu(this.#normed(`${path}.bn1`, this.#convolved(`${path}.conv1`, x, 3, 1)));
      const branch = this.#normed(`${path}.bn2`, this.#convolved(`${path}.conv2`, hidden, 3, 1));
      const before = x;
      const sum = { ...branch, values: branch.values.map((value, k) => value + (plain ? 0 : before.values[k])) };
      x = this.#nudged(block + 1, relu(sum));
    }
    return this.#crossEntropy(x);
  }

  /** The norm of the loss's gradient by some numbers, by central differences. */
  gradientNorm(numbers: Float64Array): number {
    const step = 1e-6;
    let squares = 0;
    for (let k = 0; k < numbers.length; k++) {
      const value = numbers[k];
      numbers[k] = value + step;
      const above = this.loss();
      numbers[k] = value - step;
      const below = this.loss();
      numbers[k] = value;
      squares += ((above - below) / (2 * step)) ** 2;
    }
    return Math.sqrt(squares);
  }

  #weight(path: string): Float64Array {
    const values = this.weights.get(path);
    if (!values) throw new Error(`by hand: there is no ${path}`);
    return values;
  }

  #convolved(
    path: string,
    { values, batch, side, channels: inChannels }: Images,
    size: number,
    stride: number,
  ): Images {
    const { channels } = this.#options;
    const filter = this.#weight(`${path}.weight`);
    const outSide = Math.ceil(side / stride);
    const reach = Math.floor(size / 2);
    const result = new Float64Array(batch * outSide * outSide * channels);
    let at = 0;
    for (let n = 0; n < batch; n++)
      for (let i = 0; i < outSide; i++)
        for (let j = 0; j < outSide; j++)
          for (let o = 0; o < channels; o++, at++)
            for (let p = 0; p < size; p++)
              for (let q = 0; q < size; q++) {
                const [y, x] = [i * stride + p - reach, j * stride + q - reach];
                if (y < 0 || x < 0 || y >= side || x >= side) continue;
                for (let c = 0; c < inChannels; c++)
                  result[at] +=
                    values[((n * side + y) * side + x) * inChannels + c] *
                    filter[((p * size + q) * inChannels + c) * channels + o];
              }
    return { values: result, batch, side: outSide, channels };
  }

  /** Each channel brought to mean 0 and variance 1 over the batch, where the network has batch norms. */
  #normed(path: string, images: Images): Images {
    if (this.#options.scaling !== 'batch-norm') return images;
    const { channels } = images;
    const [gamma, beta] = [this.#weight(`${path}.weight`), this.#weight(`${path}.bias`)];
    const values = images.values.slice();
    for (let c = 0; c < channels; c++) {
      const own = values.filter((_, k) => k % channels === c);
      const mean = own.reduce((sum, value) => sum + value, 0) / own.length;
      const variance = own.reduce((sum, value) => sum + (value - mean) ** 2, 0) / own.length;
      for (let k = c; k < values.length; k += channels)
        values[k] = (gamma[c] * (values[k] - mean)) / Math.sqrt(variance + 1e-5) + beta[c];
    }
    return { ...images, values };
  }

  #nudged(place: number, images: Images): Images {
    return { ...images, values: images.values.map((value, k) => value + this.nudges[place][k]) };
  }

  #crossEntropy({ values, batch, channels }: Images): number {
    const { classes } = this.#options;
    const [weight, bias] = [this.#weight('classifier.weight'), this.#weight('classifier.bias')];
    const pixels = values.length / batch / channels;
    let loss = 0;
    for (let n = 0; n < batch; n++) {
      const logits = Array.from({ length: classes }, (_, k) => {
        let logit = bias[k];
        for (let c = 0; c < channels; c++) {
          let mean = 0;
          for (let pixel = 0; pixel < pixels; pixel++) mean += values[(n * pixels + pixel) * channels + c] / pixels;
          logit += mean * weight[c * classes + k];
        }
        return logit;
      });
      loss += Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0)) - logits[this.#labels[n]];
    }
    return loss / batch;
  }
}

const relu = (images: Images): Images => ({ ...images, values: images.values.map((value) => Math.max(0, value)) });
