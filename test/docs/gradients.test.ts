import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { median } from '../../src/bench/measure';
import { syntheticDataset } from '../../src/face/dataset';
import { openWasm } from '../../src/kernels/wasm/backend';
import type { Scaling } from '../../src/nn/depth-network';
import { arrival, studyDepths } from '../../src/nn/depth-study';

const test = suite('docs: the measured gradients of residual-block.md');

const NAMES: Record<string, Scaling> = { 'small weights': 'small', "He's weights": 'he', 'batch norm': 'batch-norm' };

/** The rows of its table: what arrives in plain and in residual networks. Losses would take minutes. */
const rows = Array.from(
  readFileSync('docs/residual-block.md', 'utf8').matchAll(/^\| ([\w' ]+) \| (\d+) \| ([\d.e-]+) \| ([\d.e-]+) \|/gm),
  ([, name, blocks, plain, residual]) => ({ name, blocks: Number(blocks), plain, residual }),
).filter(({ name }) => name in NAMES);

test('what arrives before the first step', async () => {
  assert.is(rows.length, 12);
  const backend = await openWasm({ threads: 1 });
  const input = { height: 24, width: 24, channels: 3 } as const;
  const { examples } = syntheticDataset({ ...input, people: 10, imagesEach: 16, seed: 1 });
  const runs = await studyDepths(backend, examples, {
    ...{ input, channels: 16, classes: 10, scalings: Object.values(NAMES), depths: [2, 4, 8, 16], seeds: [1, 2, 3] },
    ...{ steps: 1, batchSize: 16, learningRate: 0.05, momentum: 0.9 },
  });
  await backend.close();
  for (const { name, blocks, plain, residual } of rows)
    for (const [written, isPlain] of [
      [plain, true],
      [residual, false],
    ] as const) {
      const own = runs.filter((run) => run.scaling === NAMES[name] && run.blocks === blocks && run.plain === isPlain);
      const found = median(own.map(({ start }) => arrival(start)));
      // Two digits; a processor whose multiply-add rounds once may see the third differ.
      const difference = Math.abs(Number(written) / found - 1);
      assert.ok(
        difference < 0.05,
        `${name}, ${blocks} blocks, ${isPlain ? 'plain' : 'residual'}: ${found}, not ${written}`,
      );
    }
});

test.run();
