/** ONNX Runtime out of bench/peers/node_modules: the native one for Node, and the one of WebAssembly for browsers. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { provideGpu } from './navigator';

interface OrtTensor {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

interface OrtSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(feeds: Record<string, OrtTensor>): Promise<Record<string, OrtTensor>>;
}

interface Ort {
  env: { logLevel: string; wasm: { numThreads: number; wasmBinary?: Uint8Array } };
  Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => OrtTensor;
  InferenceSession: {
    create(
      model: Uint8Array,
      options: {
        executionProviders: string[];
        graphOptimizationLevel: 'all';
        intraOpNumThreads?: number;
        interOpNumThreads?: number;
      },
    ): Promise<OrtSession>;
  };
}

export type OrtPackage = 'onnxruntime-node' | 'onnxruntime-web';

const require = createRequire(resolve('bench/peers/package.json'));

export function isOnnxruntimeInstalled(name: OrtPackage): boolean {
  try {
    require.resolve(name);
    return true;
  } catch {
    return false;
  }
}

/** Takes `batch` inputs as the file has them, images [channels, height, width], and gives the outputs by name. */
export type OnnxRun = (values: Float32Array, shape: readonly number[]) => Promise<Map<string, Float32Array>>;

/** @param threads of an operator; onnxruntime-web has one in Node */
export async function openOnnx(name: OrtPackage, model: Uint8Array, threads = 1): Promise<OnnxRun> {
  const ort: Ort = require(name);
  const isWeb = name === 'onnxruntime-web';
  ort.env.logLevel = 'error';
  if (isWeb) ort.env.wasm.numThreads = threads;
  const session = await ort.InferenceSession.create(model, {
    executionProviders: [isWeb ? 'wasm' : 'cpu'],
    graphOptimizationLevel: 'all',
    ...(isWeb ? {} : { intraOpNumThreads: threads, interOpNumThreads: 1 }),
  });
  return runOf(ort, session);
}

/**
 * ONNX Runtime's WebGPU execution provider, made for browsers, on the Dawn of this process. Its WebAssembly may lie
 * beside it compressed (.wasm.gz): the file is large.
 */
export async function openOnnxOnGpu(model: Uint8Array): Promise<OnnxRun> {
  await provideGpu();
  await takeSharedMemory();
  // The package names these files for browsers only; the one that it resolves to in Node lies beside them.
  const dist = dirname(require.resolve('onnxruntime-web'));
  const ort: Ort = await import(pathToFileURL(join(dist, 'ort.webgpu.bundle.min.mjs')).href);
  const wasm = join(dist, 'ort-wasm-simd-threaded.asyncify.wasm');
  ort.env.logLevel = 'error';
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = existsSync(wasm) ? readFileSync(wasm) : gunzipSync(readFileSync(`${wasm}.gz`));
  const session = await ort.InferenceSession.create(model, {
    executionProviders: ['webgpu'],
    graphOptimizationLevel: 'all',
  });
  return runOf(ort, session);
}

function runOf(ort: Ort, session: OrtSession): OnnxRun {
  const [input] = session.inputNames;
  return async (values, shape) => {
    const outputs = await session.run({ [input]: new ort.Tensor('float32', values, shape) });
    return new Map(Object.entries(outputs).map(([output, { data }]) => [output, data]));
  };
}

/**
 * ONNX Runtime uploads from WebAssembly's memory, which is shared. Browsers take that, Dawn in Node says 'Invalid
 * argument': there the queue is given a copy.
 */
async function takeSharedMemory(): Promise<void> {
  const adapter = await navigator.gpu.requestAdapter();
  const device = await adapter?.requestDevice();
  if (!device) throw new Error('onnxruntime-web webgpu: there is no adapter');
  const prototype: object = Object.getPrototypeOf(device.queue);
  const { writeBuffer } = device.queue;
  Object.defineProperty(prototype, 'writeBuffer', {
    value(buffer: GPUBuffer, offset: number, data: unknown, ...range: number[]) {
      const isShared = data instanceof Uint8Array && data.buffer instanceof SharedArrayBuffer;
      Reflect.apply(writeBuffer, this, [buffer, offset, isShared ? Uint8Array.from(data) : data, ...range]);
    },
  });
  device.destroy();
}
