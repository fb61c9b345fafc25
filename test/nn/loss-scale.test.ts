import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LossScale } from '../../src/nn/loss-scale';
import { thrown } from '../helpers/numbers';

const test = suite('the scale of a loss in mixed precision');

test('it doubles every 2000 steps, up to a limit', () => {
  const scale = new LossScale();
  assert.equal(
    [0, 1999, 2000, 5999, 1_000_000].map((step) => scale.at(step)),
    [65536, 65536, 131072, 262144, 2 ** 24],
  );
});

test('it is halved from a step on, and steps before that keep theirs', () => {
  const scale = new LossScale();
  scale.halve(2100);
  assert.equal(
    [1999, 2099, 2100, 4099, 4100].map((step) => scale.at(step)),
    [65536, 131072, 65536, 65536, 131072],
  );
  scale.halve(2100);
  assert.equal(
    [2099, 2100, 4100].map((step) => scale.at(step)),
    [131072, 32768, 65536],
  );
  const restored = new LossScale(JSON.parse(JSON.stringify(scale.starts)));
  for (const step of [0, 2099, 2100, 9000]) assert.is(restored.at(step), scale.at(step));
});

test('the first step may fail again and again, until there is nothing to halve', () => {
  const scale = new LossScale();
  for (let k = 0; k < 16; k++) scale.halve(0);
  assert.is(scale.at(0), 1);
  assert.match(
    thrown(() => scale.halve(0)).message,
    /^training stopped: at step 1 gradients are too large for 16 bits/,
  );
  assert.is(scale.at(0), 1);
});

test.run();
