import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openPretrained } from '../../../src/face/pretrained/networks';
import type { PretrainedName } from '../../../src/face/pretrained/weights';
import { compile } from '../../../src/nn/compile';
import { scope } from '../../../src/tensor/scope';
import { Tensor } from '../../../src/tensor/tensor';
import { testDevices } from '../../helpers/devices';

/** Values that face-api computes on TensorFlow.js for the RGB input (i * 7919) % 256. */
const GOLDEN: { network: PretrainedName; side: number; first: number[]; norm?: number }[] = [
  { network: 'face_landmark_68_tiny', side: 112, first: [0.2339478, 0.3205393, 0.208413] },
  { network: 'face_landmark_68', side: 112, first: [0.3850691, 0.5032851, 0.5150855] },
  { network: 'tiny_face_detector', side: 224, first: [-0.2037011, 0.2626408, -0.0424579, -0.4710153, -10.8043756] },
  { network: 'face_recognition', side: 150, first: [-0.0191781, 0.119926, 0.032533, -0.0853967], norm: 1.3159929 },
];

for (const device of ['reference', 'wasm', 'webgpu']) {
  const test = suite(`golden values on ${device}`);
  for (const { network, side, first, norm } of GOLDEN)
    test(network, async () => {
      const backend = (await testDevices()).find(({ name }) => name === device);
      if (!backend) return;
      const before = backend.liveBytes;
      const { forward, weights } = await openPretrained(backend, network);
      const plan = await compile(backend, forward, [1, side, side, 3]);
      const pattern = Float32Array.from({ length: side * side * 3 }, (_, i) => (i * 7919) % 256);
      const input = Tensor.from(backend, pattern, [1, side, side, 3]);
      const output = await plan.run(input)[0].data();
      first.forEach((expected, i) => {
        assert.ok(
          Math.abs(output[i] - expected) < 1e-5 * Math.max(1, Math.abs(expected)),
          `value ${i}: ${output[i]}, expected ${expected}`,
        );
      });
      if (norm) assert.ok(Math.abs(Math.hypot(...output) - norm) < 1e-5, `norm ${Math.hypot(...output)}`);

      // The plan computes what the operations compute one by one.
      const eager = (() => {
        using _ = scope();
        return forward(input)[0].data();
      })();
      const expected = await eager;
      for (let i = 0; i < output.length; i++)
        assert.ok(
          Math.abs(output[i] - expected[i]) < 1e-4 * Math.max(1, Math.abs(expected[i])),
          `eager ${i}: ${expected[i]}, plan ${output[i]}`,
        );

      input.dispose();
      plan.dispose();
      weights.dispose();
      assert.is(backend.liveBytes, before);
    });
  test.run();
}
