/** ONNX Runtime out of bench/peers/node_modules: the native one for Node, and the one of WebAssembly for browsers. */
import { createRequire } from 'node:module';
import { resolve } from 'node:path';

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
  env: { logLevel: string; wasm: { numThreads: number } };
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
  const [input] = session.inputNames;
  return async (values, shape) => {
    const outputs = await session.run({ [input]: new ort.Tensor('float32', values, shape) });
    return new Map(Object.entries(outputs).map(([output, { data }]) => [output, data]));
  };
}
