import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openReference } from '../../src/kernels/reference/backend';
import { relu } from '../../src/tensor/ops/activations';
import { scale } from '../../src/tensor/ops/arithmetic';
import { scope, unscoped } from '../../src/tensor/scope';
import { Tensor } from '../../src/tensor/tensor';
import { testOnEachDevice } from '../helpers/devices';

const test = suite('scope');

const isFreed = (tensor: Tensor): boolean => {
  try {
    return !tensor.slot;
  } catch {
    return true;
  }
};

testOnEachDevice(test, 'frees everything made inside, unless it is kept', async (backend) => {
  const before = backend.liveBytes;
  const input = Tensor.from(backend, [-1, 2]);
  const { kept, dropped } = (() => {
    using step = scope();
    const dropped = relu(input);
    return { kept: step.keep(scale(dropped, 3)), dropped };
  })();
  assert.ok(isFreed(dropped));
  assert.not.ok(isFreed(input), 'made outside');
  assert.equal([...(await kept.data())], [0, 6]);
  kept.dispose();
  input.dispose();
  assert.is(backend.liveBytes, before);
});

test('nests: keep hands to the scope outside, which frees it in its turn', () => {
  const backend = openReference();
  const outer = scope();
  const inner = scope();
  const once = inner.keep(Tensor.from(backend, [1]));
  const twice = inner.keep(Tensor.from(backend, [2]));
  Tensor.from(backend, [3]);
  inner[Symbol.dispose]();
  assert.is(backend.liveBytes, 16);
  outer.keep(twice);
  outer[Symbol.dispose]();
  assert.ok(isFreed(once));
  assert.not.ok(isFreed(twice));
  twice.dispose();
  assert.is(backend.liveBytes, 0);
});

test('what was freed by hand, and what shares storage, is freed once', () => {
  const backend = openReference();
  {
    using step = scope();
    const tensor = Tensor.from(backend, [1, 2]);
    const shared = step.keep(tensor.reshape(1, 2));
    Tensor.from(backend, [3]).dispose();
    assert.is(step.keep(shared), shared, 'keeping twice does nothing');
    tensor.dispose();
    assert.is(backend.liveBytes, 16);
    shared.dispose();
  }
  assert.is(backend.liveBytes, 0);
});

test('an exception inside frees as well', () => {
  const backend = openReference();
  assert.throws(() => {
    using _ = scope();
    Tensor.from(backend, [1, 2, 3]);
    throw new Error('of the network');
  }, /of the network/);
  assert.is(backend.liveBytes, 0);
});

test('closing out of order throws, and frees nothing', () => {
  const backend = openReference();
  const outer = scope();
  const tensor = Tensor.from(backend, [1]);
  const inner = scope();
  assert.throws(() => outer[Symbol.dispose](), /scope: closed while a scope inside it is open; two asynchronous flows/);
  assert.not.ok(isFreed(tensor));
  inner[Symbol.dispose]();
  outer[Symbol.dispose]();
  assert.ok(isFreed(tensor));
});

test('unscoped: what no scope frees', () => {
  const backend = openReference();
  const made: Tensor[] = [];
  {
    using _ = scope();
    made.push(unscoped(() => Tensor.from(backend, [1])));
    assert.throws(() =>
      unscoped(() => {
        throw new Error('inside');
      }),
    );
    made.push(Tensor.from(backend, [2])); // the scope is the innermost again, after the exception too
  }
  assert.equal(made.map(isFreed), [false, true]);
  made[0].dispose();
});

test('detach: the scope closes, its tensors stay until they are disposed of', () => {
  const backend = openReference();
  const outer = scope();
  const inner = scope();
  const made = Tensor.from(backend, [1]);
  const kept = inner.keep(Tensor.from(backend, [2]));
  const held = inner.detach();
  const later = Tensor.from(backend, [3]); // belongs to the scope outside
  outer[Symbol.dispose]();
  assert.equal([made, kept, later].map(isFreed), [false, true, true]);
  held.dispose();
  held.dispose();
  assert.ok(isFreed(made));
  assert.is(backend.liveBytes, 0);
});

testOnEachDevice(test, 'live bytes are the same after each of many steps', async (backend) => {
  const before = backend.liveBytes;
  for (let k = 0; k < 50; k++) {
    using _ = scope();
    scale(relu(Tensor.from(backend, new Float32Array(100 + k))), 2);
    assert.ok(backend.liveBytes > before);
  }
  assert.is(backend.liveBytes, before);
});

test.run();
