import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  add,
  type Backend,
  conv2d,
  differentiable,
  gradients,
  matmul,
  mean,
  multiply,
  type Numbers,
  noGradient,
  openReference,
  parameter,
  random,
  relu,
  ShapeError,
  scale,
  scope,
  softmaxCrossEntropy,
  sum,
  Tensor,
} from '../../src/tensor/index';
import { TracingBackend } from '../../src/tensor/trace';
import { testOnEachDevice } from '../helpers/devices';
import { thrown } from '../helpers/numbers';

const test = suite('autograd');

/** What gradients() finds for parameters of some values, as plain numbers. */
async function gradientsOf(
  backend: Backend,
  values: readonly (readonly number[])[],
  loss: (parameters: Tensor[]) => Tensor,
): Promise<number[][]> {
  const readings = (() => {
    using _ = scope();
    const parameters = values.map((numbers) => parameter(backend, numbers));
    return gradients(loss(parameters), parameters).map((gradient) => gradient.data());
  })();
  return (await Promise.all(readings)).map((numbers) => [...numbers]);
}

testOnEachDevice(test, 'where paths meet again, their gradients add up', async (backend) => {
  const diamond = await gradientsOf(backend, [[1, 2]], ([x]) => {
    const root = scale(x, 3);
    return sum(multiply(add(root, x), root)); // (3x + x) * 3x = 12 x^2
  });
  assert.equal(diamond, [[24, 48]]);
  const same = await gradientsOf(backend, [[1, 2]], ([x]) => sum(add(multiply(x, x), add(x, x)))); // x^2 + 2x
  assert.equal(same, [[4, 6]]);
});

test('an operation is passed through once, after all that read it: 2^60 paths', async () => {
  const [[gradient]] = await gradientsOf(openReference(), [[1]], ([x]) => {
    let y = x;
    for (let k = 0; k < 60; k++) y = add(y, y);
    return y;
  });
  assert.is(gradient, 2 ** 60);
});

testOnEachDevice(test, 'zeros where the loss does not depend on a parameter', async (backend) => {
  assert.equal(await gradientsOf(backend, [[1, 2], [3]], ([x]) => sum(x)), [[1, 1], [0]]);
  const constant = await gradientsOf(backend, [[1]], ([x]) => sum(Tensor.from(x.backend, [5])));
  assert.equal(constant, [[0]]);
});

test('a parameter named twice, the loss itself, and what lies between', async () => {
  const backend = openReference();
  using _ = scope();
  const x = parameter(backend, [2]);
  const y = multiply(x, x);
  const loss = scale(sum(y), 3);
  const found = gradients(loss, [x, loss, y, x]);
  assert.is(new Set(found).size, 4);
  found[0].dispose(); // is nobody else's
  const numbers = await Promise.all(found.slice(1).map((gradient) => gradient.data()));
  assert.equal(
    numbers.map(([value]) => value),
    [1, 3, 12],
  );
});

testOnEachDevice(test, 'a reshape passes the gradient on in the old shape', async (backend) => {
  const readings = (() => {
    using _ = scope();
    const x = parameter(backend, [1, 2, 3, 4, 5, 6], [2, 3]);
    const weights = Tensor.from(backend, [1, 10, 100, 1000, 10_000, 100_000], [3, 2]);
    const [gradient] = gradients(sum(multiply(x.reshape(3, -1), weights)), [x]);
    assert.equal(gradient.shape, [2, 3]);
    return gradient.data();
  })();
  assert.equal([...(await readings)], [1, 10, 100, 1000, 10_000, 100_000]);
});

test('10,000 operations in a row', async () => {
  const [[gradient]] = await gradientsOf(openReference(), [[1]], ([x]) => {
    let y = x;
    for (let k = 0; k < 10_000; k++) y = scale(y, k % 2 === 0 ? 2 : 0.5);
    return y;
  });
  assert.is(gradient, 1);
});

test('nothing is recorded that depends on no parameter', () => {
  using _ = scope();
  const backend = openReference();
  const constant = relu(Tensor.from(backend, [1]));
  assert.is(constant.requiresGradient, false);
  assert.is(constant.derivation, undefined);
  const x = parameter(backend, [1]);
  assert.ok(x.requiresGradient);
  assert.is(x.derivation, undefined);
  assert.ok(relu(x).requiresGradient);
  assert.ok(x.reshape(1, 1).requiresGradient);
});

test('noGradient records nothing, nests, and ends where it throws', () => {
  using _ = scope();
  const x = parameter(openReference(), [1]);
  const inside = noGradient(() => {
    noGradient(() => relu(x));
    return relu(x);
  });
  assert.is(inside.requiresGradient, false);
  thrown(() =>
    noGradient(() => {
      throw new Error('of the caller');
    }),
  );
  assert.ok(relu(x).requiresGradient);
});

test('a gradient for constants costs nothing', () => {
  using _ = scope();
  const backend = openReference();
  const kernels: string[] = [];
  const watched: Backend = {
    ...backend,
    run(call) {
      kernels.push(call.kernel);
      backend.run(call);
    },
  };
  const images = Tensor.from(watched, new Float32Array(9), [1, 3, 3, 1]);
  const filter = parameter(watched, new Float32Array(4), [2, 2, 1, 1]);
  gradients(sum(conv2d(images, filter)), [filter]);
  assert.equal(kernels, ['conv2d', 'channelSums', 'repeat', 'conv2dFilterGradient']);
});

test('a traced network records no gradients', () => {
  using _ = scope();
  const backend = openReference();
  const tracing = new TracingBackend(backend);
  const weights = parameter(backend, [1, 2], [2, 1]);
  const output = relu(matmul(Tensor.empty(tracing, [3, 2], 'test'), weights).reshape(3));
  assert.is(output.requiresGradient, false);
  assert.equal(
    tracing.calls.map(({ kernel }) => kernel),
    ['matmul', 'activation'],
  );
});

test('what it refuses', () => {
  using _ = scope();
  const backend = openReference();
  const x = parameter(backend, [1, 2]);
  const several = thrown(() => gradients(relu(x), [x]));
  assert.instance(several, ShapeError);
  assert.is(several.message, 'gradients: the loss is [2], not a single number; take its mean or sum');
  const constant = Tensor.from(backend, [1]);
  assert.is(
    thrown(() => gradients(sum(x), [constant])).message,
    'gradients: tensor [1] made by tensor neither is nor depends on a parameter',
  );
});

test('a tensor that was freed before is named', () => {
  const backend = openReference();
  const x = parameter(backend, [1, 2]);
  const freed = /tensor \[2\] made by scale was used after it was freed/;
  const y = scale(x, 2);
  const product = multiply(y, x);
  const loss = sum(product);
  y.dispose();
  assert.match(thrown(() => gradients(loss, [x])).message, freed);
  assert.match(thrown(() => relu(y)).message, freed);
  loss.dispose();
  assert.match(thrown(() => gradients(loss, [x])).message, /tensor \[\] made by sum was used after it was freed/);
  x.dispose();
  product.dispose();
  assert.is(backend.liveBytes, 0, 'gradients() left bytes behind where it threw');
});

test('rules that break the contract are named', () => {
  using _ = scope();
  const x = parameter(openReference(), [1, 2]);
  const wrongShape = differentiable(sum(x), [x], (dOutput) => [dOutput]);
  const error = thrown(() => gradients(wrongShape, [x]));
  assert.instance(error, ShapeError);
  assert.is(error.message, 'sum: the gradient [] does not have the shape of its input [2]');
  const none = differentiable(sum(x), [x], () => []);
  assert.is(
    thrown(() => gradients(none, [x])).message,
    'sum has no gradient with respect to its input [2] made by tensor',
  );
});

test('a loss can be differentiated again', async () => {
  const backend = openReference();
  using _ = scope();
  const x = parameter(backend, [3]);
  const loss = sum(multiply(x, x));
  for (let k = 0; k < 2; k++) assert.equal([...(await gradients(loss, [x])[0].data())], [6]);
});

test('gradients in between are freed on the way: only those asked for are left', () => {
  const backend = openReference();
  using _ = scope();
  const x = parameter(backend, new Float32Array(100));
  let y = x;
  for (let k = 0; k < 50; k++) y = scale(y, 2);
  const loss = sum(y);
  const before = backend.liveBytes;
  let peak = 0;
  const run = backend.run.bind(backend);
  backend.run = (call) => {
    peak = Math.max(peak, backend.liveBytes - before);
    run(call);
  };
  gradients(loss, [x]);
  assert.is(backend.liveBytes - before, 8 * 100);
  assert.ok(peak <= 3 * 8 * 100, `${peak} bytes at the peak`);
});

testOnEachDevice(test, 'bytes are constant from step to step, and the loss falls', async (backend) => {
  const draw = random(1);
  const normals = (count: number) => Array.from({ length: count }, () => draw.normal());
  const first = parameter(backend, normals(18), [3, 3, 1, 2]);
  const second = parameter(backend, normals(2 * 16 * 3), [32, 3]);
  const weights = [first, second];
  const images = Tensor.from(backend, normals(4 * 16), [4, 4, 4, 1]);
  const labels = Tensor.from(backend, [0, 1, 2, 1]);
  const steps = backend.name === 'webgpu' ? 30 : 100;
  const bytes = new Set<number>();
  const losses: Promise<Numbers>[] = [];
  const step = () => {
    using _ = scope();
    const features = relu(conv2d(images, first)).reshape(4, -1);
    const loss = softmaxCrossEntropy(matmul(features, second), labels);
    for (const [i, gradient] of gradients(loss, weights).entries()) {
      const next = noGradient(() => add(weights[i], scale(gradient, -0.1)));
      backend.copy(next.slot, weights[i].slot, { length: next.size });
    }
    return loss.data();
  };
  for (let k = 0; k < steps; k++) {
    losses.push(step());
    bytes.add(backend.liveBytes);
  }
  const values = (await Promise.all(losses)).map(([value]) => value);
  assert.is(bytes.size, 1);
  assert.ok(values[steps - 1] < values[0] / 5, `${values[0]} to ${values[steps - 1]}`);
  for (const tensor of [...weights, images, labels]) tensor.dispose();
});

testOnEachDevice(test, 'mean of nothing is refused, of one number it is that number', async (backend) => {
  const reading = (() => {
    using _ = scope();
    assert.is(thrown(() => mean(Tensor.from(backend, [], [0]))).message, 'mean: of no numbers');
    return mean(Tensor.from(backend, [7])).data();
  })();
  assert.equal([...(await reading)], [7]);
});

test.run();
