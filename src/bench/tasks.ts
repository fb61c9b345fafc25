import { openPretrained } from '../face/pretrained/networks';
import type { Backend, Precision } from '../kernels/backend';
import { multiplyAdds } from '../kernels/multiply-adds';
import { compile, type Forward } from '../nn/compile';
import { MINI_RESNET_PRESETS, MiniResNet } from '../nn/mini-resnet';
import { random } from '../tensor/random';
import type { Shape } from '../tensor/shape';
import { finished } from './gpu-times';
import { convolution, prepareCase, product } from './kernel-case';
import { drawnBatch, recordedTraining } from './training-step';

export const TASKS = ['face-resnet', 'mini-resnet', 'train-step', 'gemm', 'conv'] as const;
export type TaskName = (typeof TASKS)[number];
/** Those that may be in half precision: networks, and their training. */
export const HALF_TASKS = ['face-resnet', 'mini-resnet', 'train-step'] as const;

/** Something to be timed. */
export interface Task {
  task: TaskName;
  /** What it is, in words. */
  title: string;
  batch: number;
  open(backend: Backend): Promise<OpenTask>;
}

export interface OpenTask {
  /** The textbook's multiply-adds of one run, the whole batch. */
  multiplyAdds: number;
  /** Carries it out so many times and waits until all is done. */
  run(times: number): Promise<void>;
  dispose(): void;
}

/** How many people the network that is trained tells apart. */
const CLASSES = 100;

/** Squares, a dense layer, and what two layers of the face ResNet come down to. */
const PRODUCTS: readonly (readonly [rows: number, inner: number, columns: number])[] = [
  [256, 256, 256],
  [512, 512, 512],
  [1024, 1024, 1024],
  [32, 256, 128],
  [1225, 288, 32],
  [289, 576, 64],
];
/** What a machine's peak is looked for with, where no product is asked for. */
const PEAK_PRODUCTS = PRODUCTS.slice(0, 2);
/** Plain loops need seconds for the larger ones. */
const SLOW_PEAK_PRODUCTS = PRODUCTS.slice(0, 1);

/** 3x3 layers: of the face ResNet, then of the MiniResNet. */
const LAYERS: readonly (readonly [side: number, stride: number, inChannels: number, outChannels: number])[] = [
  [35, 1, 32, 32],
  [35, 2, 32, 64],
  [17, 1, 64, 64],
  [8, 1, 128, 128],
  [4, 1, 256, 256],
  [56, 1, 32, 32],
  [28, 1, 64, 64],
  [14, 1, 128, 128],
  [7, 1, 256, 256],
];

const NETWORK_BATCHES = [1, 32];
const TRAINING_BATCH = 32;

/**
 * @param batch     in place of the usual ones: 1 and 32, in training 32; products have none
 * @param precision of networks, and of training
 */
export function tasksOf(name: TaskName, batch?: number, precision: Precision = 'full'): Task[] {
  const batches = batch === undefined ? NETWORK_BATCHES : [batch];
  if (name === 'gemm') return PRODUCTS.map((sizes) => productTask(...sizes));
  if (name === 'train-step') return [trainingTask(batch ?? TRAINING_BATCH, precision)];
  if (name === 'conv') return batches.flatMap((size) => LAYERS.map((layer) => layerTask(size, ...layer)));
  const task = name === 'face-resnet' ? faceResnetTask : miniResnetTask;
  return batches.map((size) => task(size, precision));
}

export const peakTasks = ({ name }: Backend): Task[] =>
  (name === 'reference' ? SLOW_PEAK_PRODUCTS : PEAK_PRODUCTS).map((sizes) => productTask(...sizes));

const faceResnetTask = (batch: number, precision: Precision): Task => ({
  task: 'face-resnet',
  title: 'dlib face ResNet, 150 x 150',
  batch,
  open: async (backend) => {
    const { forward, weights } = await openPretrained(backend, 'face_recognition');
    return openNetwork(backend, forward, [batch, 150, 150, 3], precision, () => weights.dispose());
  },
});

const miniResnetTask = (batch: number, precision: Precision): Task => ({
  task: 'mini-resnet',
  title: 'MiniResNet, 112 x 112, embedding',
  batch,
  open: async (backend) => {
    const network = newMiniResnet(backend);
    const { height, width, channels } = network.options.input;
    const forward: Forward = (images) => [network.embed(images)];
    return openNetwork(backend, forward, [batch, height, width, channels], precision, () => network.dispose());
  },
});

const trainingTask = (batch: number, precision: Precision): Task => ({
  task: 'train-step',
  title: 'MiniResNet, 112 x 112, a step of training',
  batch,
  open: async (backend) => {
    const network = newMiniResnet(backend);
    const training = recordedTraining(network, { learningRate: 0.01, momentum: 0.9 }, precision);
    const data = drawnBatch(network.options.input, CLASSES, batch);
    const finish = async () => {
      const loss = await training.step(data);
      await loss.data();
    };
    await finish();
    return {
      multiplyAdds: training.multiplyAdds,
      run: async (times) => {
        for (let k = 1; k < times; k++) await training.step(data);
        await finish();
      },
      dispose: () => {
        training.dispose();
        network.dispose();
      },
    };
  },
});

const productTask = (rows: number, inner: number, columns: number): Task => {
  const one = product(rows, inner, columns);
  return { task: 'gemm', title: one.title, batch: 1, open: (backend) => openCase(backend, one) };
};

const layerTask = (batch: number, side: number, stride: number, inChannels: number, outChannels: number): Task => {
  const one = convolution(side, 3, stride, inChannels, outChannels, batch);
  return { task: 'conv', title: one.title, batch, open: (backend) => openCase(backend, one) };
};

const newMiniResnet = (backend: Backend): MiniResNet =>
  new MiniResNet({ backend, random: random(1) }, { ...MINI_RESNET_PRESETS.default, classes: CLASSES });

async function openNetwork(
  backend: Backend,
  forward: Forward,
  shape: Shape,
  precision: Precision,
  disposeWeights: () => void,
): Promise<OpenTask> {
  const plan = await compile(backend, forward, shape, { precision }).finally(disposeWeights);
  const generator = random(1);
  backend.write(
    plan.input.slot,
    Float32Array.from({ length: plan.input.size }, () => generator.between(0, 255)),
  );
  return {
    multiplyAdds: plan.calls.reduce((sum, call) => sum + multiplyAdds(call), 0),
    ...repeated(backend, () => plan.run()),
    dispose: () => plan.dispose(),
  };
}

async function openCase(backend: Backend, one: Parameters<typeof prepareCase>[1]): Promise<OpenTask> {
  const { call, program, dispose } = await prepareCase(backend, one);
  return { multiplyAdds: multiplyAdds(call), ...repeated(backend, () => program.run()), dispose };
}

/** Runs follow one another without waiting; in the end reading one number waits for all of them. */
const repeated = (backend: Backend, run: () => void): Pick<OpenTask, 'run'> => ({
  run: async (times) => {
    for (let k = 0; k < times; k++) run();
    await finished(backend);
  },
});
