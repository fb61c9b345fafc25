import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DLIB_TEMPLATE } from '../../src/face/align';
import { PretrainedEmbedder } from '../../src/face/embed';
import { openPretrained } from '../../src/face/pretrained/networks';
import { loadPretrained } from '../../src/face/pretrained/weights';
import { syntheticPerson, syntheticPhoto } from '../../src/face/synthetic';
import type { Backend } from '../../src/kernels/backend';
import type { Parameters } from '../../src/nn/parameters';
import { openDevice } from '../../src/tensor/device';
import { relu } from '../../src/tensor/ops/activations';
import { add } from '../../src/tensor/ops/arithmetic';
import { conv2d } from '../../src/tensor/ops/conv2d';
import { globalAveragePool } from '../../src/tensor/ops/global-average-pool';
import { matmul } from '../../src/tensor/ops/matmul';
import { pad } from '../../src/tensor/ops/pad';
import { averagePool2d } from '../../src/tensor/ops/pool2d';
import { scaleShift } from '../../src/tensor/ops/scale-shift';
import { random, stream } from '../../src/tensor/random';
import { scope } from '../../src/tensor/scope';
import { Tensor } from '../../src/tensor/tensor';
import { KINDS } from '../../web/network/explain';
import { FaceWalk, type Layer } from '../../web/network/face-walk';
import { gradCam } from '../../web/network/grad-cam';
import { statisticsOf } from '../../web/network/statistics';
import { blocksOf, formulaOf, shortName, titleOf } from '../../web/network/words';

const test = suite('a walk through the face ResNet');

const { side } = DLIB_TEMPLATE;
const size = { width: side, height: side, framing: DLIB_TEMPLATE };
const chip = syntheticPhoto(syntheticPerson(random(8)), stream(8, 1), size).image;

let walk: FaceWalk;
let layers: readonly Layer[] = [];
let backend: Backend;

test.before(async () => {
  ({ backend } = await openDevice('wasm', { threads: 1 }));
  walk = await FaceWalk.open(backend);
  layers = walk.look(chip);
});
test.after(() => walk.dispose());

/** A corner, where windows reach over the edge, and one between. */
const placesOf = ({ shape: { height, width, channels } }: Layer) => [
  { row: 0, column: width - 1, channel: channels - 1 },
  { row: height >> 1, column: width >> 2, channel: channels >> 1 },
];

test('each number of each layer is explained by terms that add up to what the engine has', async () => {
  for (const [place, layer] of layers.entries()) {
    const { values, shape } = await walk.maps(place);
    assert.is(values.length, shape.height * shape.width * shape.channels);
    for (const at of placesOf(layer)) {
      const name = `layer ${place}, ${layer.kind} of ${layer.block}, ${JSON.stringify(at)}`;
      const explanation = await walk.explain(place, at);
      if (layer.kind === 'picture') assert.is(explanation, undefined);
      else if (!explanation) assert.unreachable(`${name} is not explained`);
      else {
        assert.is(explanation.value, values[(at.row * shape.width + at.column) * shape.channels + at.channel], name);
        const apart = Math.abs(explanation.value - explanation.computed);
        assert.ok(apart <= 1e-5 * explanation.magnitude, `${name}: ${JSON.stringify(explanation)}`);
      }
    }
  }
});

test('every kind of layer that the network has is explained, and none that it does not have', () => {
  const kinds = new Set(layers.map(({ kind }) => kind));
  assert.equal([...kinds].sort(), ['picture', ...Object.keys(KINDS)].sort());
  for (const layer of layers)
    for (const words of [shortName(layer), titleOf(layer), formulaOf(layer)]) assert.ok(words.length > 1, layer.kind);
});

test('the parts of the network are a stem, fourteen blocks and an embedding, with 29 convolutions', () => {
  const titles = blocksOf(layers).map(({ title }) => title);
  const blocks = Array.from({ length: 14 }, (_, k) => `Block ${k + 1}`);
  assert.equal(titles, ['Input', 'Stem', ...blocks, 'Embedding']);
  assert.is(layers.filter(({ kind }) => kind === 'conv2d').length, 29);
  for (const [place, { kind, inputs }] of layers.entries()) {
    assert.is(inputs.length, kind === 'picture' ? 0 : kind === 'add' ? 2 : 1, `layer ${place}, ${kind}`);
    for (const input of inputs) assert.ok(input < place);
  }
});

test('a window over the edge is told from the numbers that lie under it, and the products are those of the filter', async () => {
  const place = layers.findIndex(({ weights }) => weights === 'conv64_1/conv1');
  const input = await walk.maps(layers[place].inputs[0]);
  const filters = await walk.filters(place);
  assert.is(filters.length, 64);
  const explanation = await walk.explain(place, { row: 0, column: 3, channel: 5 });
  if (explanation?.kind !== 'products') throw new Error('a convolution is a sum of products');
  assert.is(explanation.largest.length, 3);
  assert.is(explanation.rest.channels, 61);
  for (const { channel, inputs, weights, sum } of explanation.largest) {
    assert.equal(inputs.slice(0, 3), [null, null, null]);
    const at = (row: number, column: number) => input.values[(row * 17 + column) * 64 + channel];
    assert.equal(inputs.slice(3), [at(0, 2), at(0, 3), at(0, 4), at(1, 2), at(1, 3), at(1, 4)]);
    const slice = Array.from({ length: 9 }, (_, k) => filters[5].values[64 * k + channel]);
    assert.equal(weights, slice);
    assert.ok(Math.abs(slice.reduce((total, weight, k) => total + weight * (inputs[k] ?? 0), 0) - sum) < 1e-9);
  }
});

test('the walk ends at the embedding of the plan that the pipeline runs', async () => {
  const embedder = await PretrainedEmbedder.open(backend);
  const [{ embedding }] = await embedder.embedChips([chip], false);
  await embedder.dispose();
  const { values } = await walk.maps(layers.length - 1);
  for (const [k, value] of embedding.entries()) assert.ok(Math.abs(value - values[k]) < 1e-5, `${k}: ${value}`);
});

test('Grad-CAM of two maps of two places, worked by hand', () => {
  // Weights are the means of the gradient: (1 + 3) / 2 = 2 and (-1 - 3) / 2 = -2.
  assert.equal(gradCam(Float32Array.of(5, 1, 1, 4), Float32Array.of(1, -1, 3, -3), 2), [8, 0]);
});

// After the last block come a mean over p positions and a product with W: e(o) = sum over c of mean(A(c)) * W(c, o), so
// that y = e . u has dy/dA(i, j, c) = (sum over o of W(c, o) * u(o)) / p at every place.
test('Grad-CAM at the last maps is what the derivative on paper says', async () => {
  const place = layers.findLastIndex(({ kind }) => kind === 'activation');
  const { values, shape } = await walk.maps(place);
  const { values: unit } = await walk.maps(layers.length - 1);
  const dense = (await loadPretrained('face_recognition')).get('fc')?.values ?? [];
  const positions = shape.height * shape.width;
  const weights = Array.from(
    { length: shape.channels },
    (_, c) => [...unit].reduce((sum, u, o) => sum + u * dense[c * unit.length + o], 0) / positions,
  );
  const expected = Array.from({ length: positions }, (_, k) =>
    weights.reduce((sum, weight, c) => sum + weight * values[k * shape.channels + c], 0),
  );
  const map = await walk.gradCam(place);
  assert.is(map.length, positions);
  for (const [k, value] of expected.entries())
    assert.ok(Math.abs(Math.max(0, value) - map[k]) < 1e-5, `${k}: ${map[k]}`);
});

/** What comes after the last block but one: as face-recognition.ts has it, for maps of 4 by 4. */
function lastBlock(x: Tensor, weights: Parameters): Tensor {
  const convolution = (from: Tensor, at: Parameters, stride: number) =>
    scaleShift(
      conv2d(from, at.get('conv/filters'), {
        ...{ bias: at.get('conv/bias'), stride, padding: stride === 1 ? 'same' : 'valid' },
      }),
      at.get('scale/weights'),
      at.get('scale/biases'),
    );
  const block = weights.at('conv256_down_out');
  const branch = convolution(relu(convolution(x, block.at('conv1'), 2)), block.at('conv2'), 1);
  const joined = add(pad(branch, { bottom: 1, right: 1 }), averagePool2d(x, { size: 2 }));
  return matmul(globalAveragePool(relu(joined)), weights.get('fc'));
}

// Many numbers are exactly 0 before the last ReLU, whose slope there is taken to be the one below: hence differences to
// maps that are a little lower, not higher.
test('Grad-CAM one block earlier is what comes of lowering each map a little', async () => {
  const place = layers.findLastIndex(({ block }) => block === 'conv256_2');
  const { values, shape } = await walk.maps(place);
  const { values: unit } = await walk.maps(layers.length - 1);
  const { channels } = shape;
  const step = 0.002;
  const lowered = new Float32Array((channels + 1) * values.length);
  for (let c = 0; c <= channels; c++) {
    lowered.set(values, c * values.length);
    for (let at = c; at < values.length && c < channels; at += channels) lowered[c * values.length + at] -= step;
  }
  const { weights } = await openPretrained(backend, 'face_recognition');
  const inside = scope();
  const reading = lastBlock(Tensor.from(backend, lowered, [channels + 1, 4, 4, channels]), weights).data();
  inside[Symbol.dispose]();
  const vectors = await reading;
  weights.dispose();
  const alongItself = (k: number) => [...unit].reduce((sum, u, o) => sum + u * vectors[k * unit.length + o], 0);
  const slopes = Array.from({ length: channels }, (_, c) => (alongItself(channels) - alongItself(c)) / step);
  const map = await walk.gradCam(place);
  for (const [k, told] of map.entries()) {
    const sum = slopes.reduce((total, slope, c) => total + (slope / map.length) * values[k * channels + c], 0);
    assert.ok(Math.abs(Math.max(0, sum) - told) < 0.01 * Math.max(...map), `${k}: ${told}, by differences ${sum}`);
  }
});

test('another face takes the place of the one before, and leaves nothing behind', async () => {
  const before = backend.liveBytes;
  const other = syntheticPhoto(syntheticPerson(random(9)), stream(9, 1), size).image;
  const { values } = await walk.maps(layers.length - 1);
  walk.look(other);
  assert.is.not((await walk.maps(layers.length - 1)).values[0], values[0]);
  assert.is(backend.liveBytes, before);
  walk.look(chip);
  assert.equal((await walk.maps(layers.length - 1)).values, values);
});

test('statistics of a few numbers', () => {
  const { range, ...told } = statisticsOf(Float64Array.of(0, 0, 2, -4, 7));
  assert.equal(told, { mean: 1, deviation: Math.sqrt(12.8), min: -4, max: 7, zeros: 0.4 });
  assert.is(range, 4);
  assert.throws(() => statisticsOf(new Float32Array()), /no numbers/);
});

test.run();
