import type { NamedValues } from '../tensor/safetensors';

/**
 * Weights as PyTorch keeps them, in this library's order: convolutions [out, in, height, width] become
 * [height, width, in, out], dense layers [out, in] become [in, out]. The counters of batches that PyTorch's batch norms
 * keep are left out. Paths stay: torchvision's `resnet50` is then what ResNet50.load() takes.
 */
export function fromTorch(tensors: ReadonlyMap<string, NamedValues>): Map<string, NamedValues> {
  const imported = new Map<string, NamedValues>();
  for (const [path, value] of tensors) {
    if (path.endsWith('.num_batches_tracked')) continue;
    const axes = new Map([
      [4, [2, 3, 1, 0]],
      [2, [1, 0]],
    ]).get(value.shape.length);
    imported.set(path, axes ? transposed(value, axes) : value);
  }
  return imported;
}

/**
 * Keras's `applications.ResNet50` (names like `conv2_block1_1_conv/kernel:0`, with or without groups before and `:0`
 * after them) as what `new ResNet50(birth, KERAS_RESNET50)` takes. Keras's convolutions have a bias b in front of a batch
 * norm, which takes it off again: BN(z + b) with running mean m is BN(z) with running mean m - b.
 *
 * @throws Error naming a tensor that ResNet50 has no place for
 */
export function fromKerasResNet50(tensors: ReadonlyMap<string, NamedValues>): Map<string, NamedValues> {
  const imported = new Map<string, NamedValues>();
  const biases = new Map<string, NamedValues>();
  for (const [name, value] of tensors) {
    const [layer, variable] = name.replace(/:0$/, '').split('/').slice(-2);
    const path = kerasLayer(layer);
    const role = KERAS_VARIABLES.get(variable);
    if (!path || !role) throw new Error(`keras: ResNet50 has no place for ${name}`);
    if (variable === 'bias' && layer.endsWith('_conv')) biases.set(normAfter(path), value);
    else imported.set(`${path}.${role}`, value);
  }
  for (const [norm, { values: bias }] of biases) {
    const mean = imported.get(`${norm}.running_mean`);
    if (!mean) throw new Error(`keras: misses the moving mean that becomes ${norm}.running_mean`);
    imported.set(`${norm}.running_mean`, { shape: mean.shape, values: mean.values.map((value, c) => value - bias[c]) });
  }
  return imported;
}

const KERAS_VARIABLES = new Map([
  ['kernel', 'weight'],
  ['bias', 'bias'],
  ['gamma', 'weight'],
  ['beta', 'bias'],
  ['moving_mean', 'running_mean'],
  ['moving_variance', 'running_var'],
]);

/** conv1_conv -> conv1, conv3_block2_1_bn -> layer2.1.bn1, conv2_block1_0_conv -> layer1.0.downsample.0, predictions -> fc. */
function kerasLayer(layer: string): string | undefined {
  if (layer === 'predictions') return 'fc';
  const stem = /^conv1_(conv|bn)$/.exec(layer);
  if (stem) return `${stem[1]}1`;
  const inBlock = /^conv([2-5])_block(\d+)_([0-3])_(conv|bn)$/.exec(layer);
  if (!inBlock) return undefined;
  const [, stage, block, index, kind] = inBlock;
  const part = index === '0' ? `downsample.${kind === 'conv' ? 0 : 1}` : `${kind}${index}`;
  return `layer${Number(stage) - 1}.${Number(block) - 1}.${part}`;
}

const normAfter = (convolution: string) =>
  convolution.endsWith('downsample.0') ? convolution.replace(/0$/, '1') : convolution.replace(/conv(\d)$/, 'bn$1');

/** Axis i of the result is axis `axes[i]` of the value. */
function transposed({ shape, values }: NamedValues, axes: readonly number[]): NamedValues {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, side) => product * side, 1));
  const sides = axes.map((axis) => shape[axis]);
  const steps = axes.map((axis) => strides[axis]);
  const result = new Float32Array(values.length);
  const place = new Array<number>(sides.length).fill(0);
  let from = 0;
  for (let to = 0; to < result.length; to++) {
    result[to] = values[from];
    // Counts `place` up, last axis first, and moves `from` along.
    for (let axis = sides.length - 1; axis >= 0; axis--) {
      from += steps[axis];
      place[axis]++;
      if (place[axis] < sides[axis]) break;
      from -= steps[axis] * sides[axis];
      place[axis] = 0;
    }
  }
  return { shape: sides, values: result };
}
