/** TensorFlow.js out of bench/peers/node_modules. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

export interface TfTensor {
  readonly shape: number[];
  data(): Promise<Float32Array>;
  dispose(): void;
}

type TfPadding = 'same' | 'valid';

/** What the benchmarks use of @tensorflow/tfjs-core. */
export interface TensorFlow {
  env(): { set(flag: string, value: boolean): void };
  setBackend(name: string): Promise<boolean>;
  tensor(values: Float32Array, shape: readonly number[]): TfTensor;
  tidy<T>(compute: () => T): T;
  add(a: TfTensor, b: TfTensor): TfTensor;
  sub(a: TfTensor, b: TfTensor): TfTensor;
  mul(a: TfTensor, b: TfTensor): TfTensor;
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
export async function openTensorFlow(backend: 'cpu' | 'wasm', threads = 1): Promise<TensorFlow> {
  const tf: TensorFlow = require('@tensorflow/tfjs-core');
  tf.env().set('PROD', true); // without its checks
  if (backend === 'cpu') {
    require('@tensorflow/tfjs-backend-cpu');
    await tf.setBackend('cpu');
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
