import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openReference } from '../../src/kernels/reference/backend';
import { relu } from '../../src/tensor/ops/activations';
import { add } from '../../src/tensor/ops/arithmetic';
import { formatShape, ShapeError, sizeOf } from '../../src/tensor/shape';
import { Tensor } from '../../src/tensor/tensor';
import { testDevices, testOnEachDevice } from '../helpers/devices';
import { rejection, thrown } from '../helpers/numbers';

const test = suite('tensor');

function assertShapeError(act: () => unknown, message: string) {
  const error = thrown(act);
  assert.instance(error, ShapeError);
  assert.is(error.name, 'ShapeError');
  assert.is(error.message, message);
}

testOnEachDevice(test, 'holds the values it was made from, in its shape', async (backend) => {
  const values = new Float32Array([1, 2, 3, 4, 5, 6]);
  const tensor = Tensor.from(backend, values, [2, 1, 3]);
  values.fill(0); // they were copied
  assert.equal(tensor.shape, [2, 1, 3]);
  assert.is(tensor.size, 6);
  assert.equal([...(await tensor.data())], [1, 2, 3, 4, 5, 6]);
  tensor.dispose();

  const vector = Tensor.from(backend, [7, 8]);
  assert.equal(vector.shape, [2]);
  const number = Tensor.from(backend, [5], []);
  assert.is(number.size, 1);
  assert.equal([...(await number.data())], [5]);
  const nothing = Tensor.from(backend, [], [0, 3]);
  assert.is((await nothing.data()).length, 0);
  for (const one of [vector, number, nothing]) one.dispose();
});

test('numbers are float64 on reference, float32 elsewhere', async () => {
  for (const backend of await testDevices()) {
    const tensor = Tensor.from(backend, [0.1]);
    const [number] = await tensor.data();
    assert.is(number, backend.name === 'reference' ? 0.1 : Math.fround(0.1), backend.name);
    tensor.dispose();
  }
});

testOnEachDevice(test, 'a reshaped tensor shares storage, which the last of them frees', async (backend) => {
  const before = backend.liveBytes;
  const tensor = Tensor.from(backend, [1, 2, 3, 4, 5, 6], [2, 3]);
  const held = backend.liveBytes - before;
  const reshaped = tensor.reshape(3, -1);
  assert.equal(reshaped.shape, [3, 2]);
  assert.is(reshaped.slot, tensor.slot);
  assert.is(backend.liveBytes - before, held, 'a reshape allocates nothing');
  tensor.dispose();
  tensor.dispose(); // twice does nothing
  assert.is(backend.liveBytes - before, held);
  assert.equal([...(await reshaped.data())], [1, 2, 3, 4, 5, 6]);
  reshaped.dispose();
});

test('reshape: one side may follow from the others', () => {
  const backend = openReference();
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 4 }), fc.nat(3), (shape, unknown) => {
      const tensor = Tensor.from(backend, new Float32Array(sizeOf(shape)), shape);
      const asked = shape.map((side, axis) => (axis === unknown ? -1 : side));
      assert.equal(tensor.reshape(...asked).shape, shape);
      assert.equal(tensor.reshape(-1).shape, [sizeOf(shape)]);
    }),
  );
});

test('reshape: sizes that differ', () => {
  const tensor = Tensor.from(openReference(), new Float32Array(6), [2, 3]);
  for (const shape of [[5], [2, 2], [-1, 4], [-1, -1], [0, -1], [-2, -3], [1.5, 4], [Number.NaN, 6]])
    assertShapeError(() => tensor.reshape(...shape), `reshape: [2,3] has 6 numbers, ${formatShape(shape)} does not`);
});

test('values that do not fill the shape, and shapes that are none', () => {
  const backend = openReference();
  assertShapeError(() => Tensor.from(backend, [1, 2, 3], [2, 2]), 'tensor: 3 values do not fill shape [2,2]');
  assertShapeError(
    () => Tensor.from(backend, [1, 2], [-1, -2]),
    'tensor: [-1,-2] is no shape; every side must be a whole number',
  );
  assertShapeError(
    () => Tensor.empty(backend, [1.5, 2], 'conv2d'),
    'conv2d: [1.5,2] is no shape; every side must be a whole number',
  );
  assert.is(backend.liveBytes, 0, 'what failed allocated nothing');
});

testOnEachDevice(test, 'use after free names the shape and the operation that made it', async (backend) => {
  const tensor = Tensor.from(backend, [-1, 2], [1, 2]);
  const activated = relu(tensor);
  tensor.dispose();
  assert.is(thrown(() => relu(tensor)).message, 'tensor [1,2] made by tensor was used after it was freed');
  assert.throws(() => tensor.data(), /tensor \[1,2\] made by tensor was used after it was freed/);
  const reshaped = activated.reshape(2, 1);
  activated.dispose();
  assert.throws(
    () => add(reshaped, activated.reshape(2, 1)),
    /tensor \[1,2\] made by relu was used after it was freed/,
  );
  reshaped.dispose();
  assert.throws(() => relu(reshaped), /tensor \[2,1\] made by reshape was used after it was freed/);
});

testOnEachDevice(test, 'data() gives the numbers of the moment of the call', async (backend) => {
  const tensor = Tensor.from(backend, [1, 2, 3]);
  const reading = tensor.data();
  tensor.dispose();
  const next = Tensor.from(backend, [7, 8, 9]); // may well be given the same place in memory
  assert.equal([...(await reading)], [1, 2, 3]);
  assert.equal([...(await next.data())], [7, 8, 9]);
  const numbers = await next.data();
  numbers.fill(0);
  assert.equal([...(await next.data())], [7, 8, 9], 'what was read is a copy');
  next.dispose();
});

test('tensors of different backends do not meet', async () => {
  const [reference, wasm] = await testDevices();
  const left = Tensor.from(reference, [1, 2]);
  const right = Tensor.from(wasm, [1, 2]);
  assertShapeError(() => add(left, right), 'add: input [2] is on wasm, the others are on reference');
  left.dispose();
  right.dispose();
});

test('reading a freed tensor rejects or throws before anything is read', async () => {
  const tensor = Tensor.from(openReference(), [1]);
  tensor.dispose();
  const reading = async () => tensor.data();
  assert.match((await rejection(reading())).message, 'used after it was freed');
});

test.run();
