/** TensorFlow.js out of bench/peers/node_modules. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { provideGpu } from './navigator';

export interface TfTensor {
  readonly shape: number[];
  data(): Promise<Float32Array>;
  dispose(): void;
}

export interface TfVariable extends TfTensor {
  assign(value: TfTensor): void;
}

/** A number: so many zeros on each side. */
type TfPadding = 'same' | 'valid' | number;

interface TfOptimizer {
  /** Changes every trainable variable that the loss depends on; gives the loss before that. */
  minimize(loss: () => TfTensor, givesLoss: true): TfTensor;
}

/** The gradient of a convolution's filter, as an addition to a backend that lacks it. */
interface TfFilterGradient {
  kernelName: 'Conv2DBackpropFilter';
  backendName: 'wasm';
  kernelFunc(call: {
    inputs: { x: TfTensor; dy: TfTensor };
    attrs: { strides: number; pad: number; filterShape: number[] };
  }): TfTensor;
}

/** What the benchmarks use of @tensorflow/tfjs-core. */
export interface TensorFlow {
  env(): { set(flag: string, value: boolean): void };
  setBackend(name: string): Promise<boolean>;
  tensor(values: Float32Array, shape: readonly number[]): TfTensor;
  variable(initial: TfTensor, isTrainable: boolean): TfVariable;
  oneHot(indices: readonly number[], depth: number): TfTensor;
  tidy<T>(compute: () => T): T;
  add(a: TfTensor, b: TfTensor): TfTensor;
  sub(a: TfTensor, b: TfTensor): TfTensor;
  mul(a: TfTensor, b: TfTensor | number): TfTensor;
  div(a: TfTensor, b: number): TfTensor;
  relu(x: TfTensor): TfTensor;
  conv2d(x: TfTensor, filter: TfTensor, stride: number, padding: TfPadding): TfTensor;
  fused: {
    conv2d(operands: {
      x: TfTensor;
      filter: TfTensor;
      strides: number;
      pad: TfPadding;
      bias: TfTensor;
      activation: 'linear' | 'relu';
    }): TfTensor;
  };
  maxPool(x: TfTensor, size: number, stride: number, padding: TfPadding): TfTensor;
  avgPool(x: TfTensor, size: number, stride: number, padding: TfPadding): TfTensor;
  pad(x: TfTensor, paddings: [number, number][]): TfTensor;
  mean(x: TfTensor, axes: number[]): TfTensor;
  matMul(a: TfTensor, b: TfTensor): TfTensor;
  moments(x: TfTensor, axes: number[]): { mean: TfTensor; variance: TfTensor };
  batchNorm(
    x: TfTensor,
    mean: TfTensor,
    variance: TfTensor,
    offset: TfTensor,
    scale: TfTensor,
    epsilon: number,
  ): TfTensor;
  losses: { softmaxCrossEntropy(target: TfTensor, logits: TfTensor): TfTensor };
  reshape(x: TfTensor, shape: readonly number[]): TfTensor;
  transpose(x: TfTensor): TfTensor;
  stridedSlice(x: TfTensor, begin: number[], end: number[], strides: number[]): TfTensor;
  stack(tensors: TfTensor[]): TfTensor;
  registerKernel(kernel: TfFilterGradient): void;
  train: { momentum(learningRate: number, momentum: number): TfOptimizer };
}

interface WasmBackend {
  setThreadsCount(threads: number): void;
  getThreadsCount(): number;
}

const require = createRequire(resolve('bench/peers/package.json'));

export function isTensorFlowInstalled(): boolean {
  try {
    require.resolve('@tensorflow/tfjs-core');
    return true;
  } catch {
    return false;
  }
}

/** One a process: backend, kernels and thread count are global. */
export async function openTensorFlow(backend: 'cpu' | 'wasm' | 'webgpu', threads = 1): Promise<TensorFlow> {
  const tf: TensorFlow = require('@tensorflow/tfjs-core');
  tf.env().set('PROD', true); // without its checks
  if (backend === 'cpu') {
    require('@tensorflow/tfjs-backend-cpu');
    await tf.setBackend('cpu');
    return tf;
  }
  if (backend === 'webgpu') {
    await openWithDawn(tf);
    return tf;
  }
  const wasm: WasmBackend = require('@tensorflow/tfjs-backend-wasm');
  wasm.setThreadsCount(threads);
  if (threads === 1) await tf.setBackend('wasm');
  else await withThreads(tf, threads);
  if (wasm.getThreadsCount() !== threads)
    throw new Error(`TensorFlow.js runs on ${wasm.getThreadsCount()} threads instead of ${threads}`);
  return tf;
}

/** Without this TensorFlow.js has operations but no gradients: loading its layers registers them. */
export const loadGradients = (): void => void require('@tensorflow/tfjs-layers');

async function openWithDawn(tf: TensorFlow): Promise<void> {
  await provideGpu();
  require('@tensorflow/tfjs-backend-webgpu');
  if (!(await tf.setBackend('webgpu'))) throw new Error('TensorFlow.js webgpu: cannot be opened');
}

/**
 * In Node TensorFlow.js says it has no threads (tfjs issue 3830). Its module does, once it gets files where it makes
 * URLs of blobs, which Node's workers cannot load; and it takes half of the cores it believes there are.
 */
async function withThreads(tf: TensorFlow, threads: number): Promise<void> {
  const factory: () => unknown = require('@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm-threaded-simd.js');
  const {
    wasmWorkerContents,
  }: {
    wasmWorkerContents: string;
  } = require('@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm-threaded-simd.worker.js');
  const folder = resolve('.cache/bench/tensorflow-threads');
  const [main, worker] = [join(folder, 'main.cjs'), join(folder, 'worker.cjs')];
  mkdirSync(folder, { recursive: true });
  writeFileSync(main, `var WasmBackendModuleThreadedSimd = ${factory}`);
  writeFileSync(
    worker,
    `URL.createObjectURL = () => ${JSON.stringify(main)};\n${wasmWorkerContents.replace(/\n/g, '\\n')}`,
  );

  const os: { cpus(): unknown[] } = require('node:os');
  const { createObjectURL } = URL;
  const { cpus } = os;
  URL.createObjectURL = () => worker;
  os.cpus = () => new Array(2 * threads).fill({});
  try {
    tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', true);
    await tf.setBackend('wasm');
  } finally {
    URL.createObjectURL = createObjectURL;
    os.cpus = cpus;
  }
}
