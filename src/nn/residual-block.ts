import { relu } from '../tensor/ops/activations';
import { add } from '../tensor/ops/arithmetic';
import type { Tensor } from '../tensor/tensor';
import { BatchNorm2d } from './batch-norm2d';
import { Conv2d, Sequential } from './layers';
import { type Birth, Module } from './module';

/**
 * Where batch norm and ReLU stand in a residual block:
 *   article          F(x) = W2 relu(BN(W1 x)),                   out = x + F(x)
 *   post-activation  F(x) = BN(W2 relu(BN(W1 x))),               out = relu(x + F(x))   He et al. 2015
 *   pre-activation   F(x) = W2 relu(BN(W1 relu(BN(x)))),         out = x + F(x)         He et al. 2016
 * W1 and W2 are convolutions of 3x3; W1 has the block's stride.
 */
export type BlockForm = 'article' | 'post-activation' | 'pre-activation';

export interface ResidualBlockOptions {
  inChannels: number;
  outChannels: number;
  stride?: number;
  form?: BlockForm;
  /** out = F(x) alone: the network that He et al. 2015 compare with. */
  plain?: boolean;
}

/**
 * out = shortcut(x) + F(x). The shortcut is x itself where size and channels stay, else a projection: a convolution of
 * 1x1 with the block's stride (He et al. 2015, section 3.3, option B).
 *
 * [batch, height, width, inChannels] -> [batch, ceil(height / stride), ceil(width / stride), outChannels]
 *
 * Paths: conv1, conv2 (`weight`), bn1, bn2 (`weight`, `bias`, `running_mean`, `running_var`) and, where there is a
 * projection, downsample.0 (convolution) and, post-activation, downsample.1 (batch norm). The article's form has no
 * bn2; the bn1 of pre-activation comes before conv1.
 */
export class ResidualBlock extends Module {
  readonly form: BlockForm;
  readonly plain: boolean;
  readonly #conv1: Conv2d;
  readonly #conv2: Conv2d;
  readonly #bn1: BatchNorm2d;
  readonly #bn2: BatchNorm2d | undefined;
  readonly #projection: Sequential | undefined;

  constructor(birth: Birth, options: ResidualBlockOptions) {
    super();
    const { inChannels, outChannels, stride = 1, form = 'post-activation', plain = false } = options;
    this.form = form;
    this.plain = plain;
    this.#conv1 = this.child('conv1', new Conv2d(birth, { inChannels, outChannels, size: 3, stride }));
    this.#bn1 = this.child('bn1', new BatchNorm2d(birth, form === 'pre-activation' ? inChannels : outChannels));
    this.#conv2 = this.child('conv2', new Conv2d(birth, { inChannels: outChannels, outChannels, size: 3 }));
    if (form !== 'article') this.#bn2 = this.child('bn2', new BatchNorm2d(birth, outChannels));
    if (plain || (stride === 1 && inChannels === outChannels)) return;
    const projection = new Conv2d(birth, { inChannels, outChannels, size: 1, stride });
    const parts = form === 'post-activation' ? [projection, new BatchNorm2d(birth, outChannels)] : [projection];
    this.#projection = this.child('downsample', new Sequential(parts));
  }

  forward(input: Tensor): Tensor {
    if (this.form === 'pre-activation') {
      const activated = relu(this.#bn1.forward(input));
      const hidden = this.#conv1.forward(activated);
      const branch = this.#conv2.forward(relu(this.#bn2 ? this.#bn2.forward(hidden) : hidden));
      // A projection looks at what the convolutions look at; an identity leaves x untouched (He et al. 2016, section 4.1).
      return this.#joined(this.#projection ? activated : input, branch);
    }
    const hidden = relu(this.#bn1.forward(this.#conv1.forward(input)));
    const branch = this.#conv2.forward(hidden);
    if (!this.#bn2) return this.#joined(input, branch);
    return relu(this.#joined(input, this.#bn2.forward(branch)));
  }

  #joined(input: Tensor, branch: Tensor): Tensor {
    if (this.plain) return branch;
    return add(branch, this.#projection ? this.#projection.forward(input) : input);
  }
}
