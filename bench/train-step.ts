import type { Backend } from '../src/kernels/backend';
import { openWasm } from '../src/kernels/wasm/backend';
import { openWebgpu } from '../src/kernels/webgpu/backend';
import { MINI_RESNET_PRESETS, MiniResNet } from '../src/nn/mini-resnet';
import { Trainer } from '../src/nn/trainer';
import { random } from '../src/tensor/random';
import { median } from './measure';

/*
 * A whole training step of the default MiniResNet at batch 32 (112x112x3, 100 people): forward, backward, SGD with
 * momentum. Wall time and, for the CPU, the time of all threads: the second hardly depends on what else is running.
 *
 *   npm run bench -- train-step [tiny|default] [STEPS]
 */

const BATCH = 32;
const CLASSES = 100;
const WARM_UPS = 2;

interface Result {
  device: string;
  milliseconds: number;
  processorMilliseconds: number;
  imagesPerSecond: number;
}

async function measure(backend: Backend, preset: keyof typeof MINI_RESNET_PRESETS, steps: number): Promise<Result> {
  const generator = random(1);
  const options = MINI_RESNET_PRESETS[preset];
  const { height, width, channels } = options.input;
  const network = new MiniResNet({ backend, random: generator }, { ...options, classes: CLASSES });
  const train = Array.from({ length: BATCH }, (_, label) => ({
    label,
    pixels: Float32Array.from({ length: height * width * channels }, () => generator.next()),
  }));
  const trainer = new Trainer(network, { train, test: [] }, { epochs: WARM_UPS + steps, batchSize: BATCH });
  const times: number[] = [];
  let before = performance.now();
  let processor = process.cpuUsage();
  for await (const { step } of trainer.run()) {
    if (step === WARM_UPS) processor = process.cpuUsage();
    if (step > WARM_UPS) times.push(performance.now() - before);
    before = performance.now();
  }
  const { user, system } = process.cpuUsage(processor);
  trainer.dispose();
  network.dispose();
  const milliseconds = median(times);
  return {
    device: `${backend.name}: ${backend.description}`,
    milliseconds,
    processorMilliseconds: (user + system) / 1000 / steps,
    imagesPerSecond: (1000 * BATCH) / milliseconds,
  };
}

const [preset = 'default', steps = '8'] = process.argv.slice(2);
if (preset !== 'tiny' && preset !== 'default')
  throw new Error('usage: npm run bench -- train-step [tiny|default] [STEPS]');

for (const open of [() => openWasm({ threads: 1 }), () => openWasm({ threads: 2 }), () => openWebgpu()]) {
  const backend: Backend | Error = await open().catch((error: Error) => error);
  if (backend instanceof Error) {
    console.log(`skipped: ${backend.message}`);
    continue;
  }
  const { device, milliseconds, processorMilliseconds, imagesPerSecond } = await measure(
    backend,
    preset,
    Number(steps),
  );
  console.log(
    `${device}: ${milliseconds.toFixed(0)} ms a step, ${imagesPerSecond.toFixed(1)} images/s ` +
      `(processor ${processorMilliseconds.toFixed(0)} ms a step)`,
  );
  await backend.close();
}
