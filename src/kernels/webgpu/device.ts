import { platform } from '#platform';
import { MATRIX_STORAGE } from './gemm';

/** The device with what the backend must know of it: how much it can take, and whether it still lives. */
export interface OpenDevice {
  readonly device: GPUDevice;
  /** Held because Dawn in Node ends, with all its devices, when nothing refers to it. */
  readonly gpu: GPU | undefined;
  readonly description: string;
  /** A driver that computes on the CPU: right, but slower than the wasm backend. */
  readonly isSoftware: boolean;
  readonly features: GpuFeatures;
  /** Whether shaders may fold in subgroups. Of a caller's device it is not known, and not done. */
  readonly foldsInSubgroups: boolean;
  /** Whether a subgroup of 32 threads multiplies matrices of 16 x 16 halves into sums of 32 bits. */
  readonly multipliesMatrices: boolean;
  /** Waits for the device; rejects with one clear error if the device is lost or has failed meanwhile. */
  settle<T>(promise: Promise<T>): Promise<T>;
  /** Throws if the device is known to be lost. */
  assertAlive(): void;
  /** Stops listening, and destroys the device unless the caller supplied it. */
  close(): void;
}

/** What WebGPU leaves to the adapter, and a device has where its adapter has it (a caller's device: where they asked for it). */
export interface GpuFeatures {
  /** Numbers of 16 bits in shaders. */
  readonly half: boolean;
  /** Threads that run in step hand each other numbers without workgroup memory. */
  readonly subgroups: boolean;
  /** The GPU's clock, read at the beginning and the end of a pass. */
  readonly timestamps: boolean;
  /** Products of small matrices by a whole subgroup: tensor cores. */
  readonly subgroupMatrices: boolean;
}

const FEATURES: { readonly [name in keyof GpuFeatures]: string } = {
  half: 'shader-f16',
  subgroups: 'subgroups',
  timestamps: 'timestamp-query',
  subgroupMatrices: 'chromium-experimental-subgroup-matrix',
};

/** The features that there are, in words for people. */
export const wordsFor = ({ half, subgroups, timestamps, subgroupMatrices }: GpuFeatures): string[] => [
  ...(half ? ['half precision'] : []),
  ...(subgroups ? ['subgroups'] : []),
  ...(timestamps ? ['timestamps'] : []),
  ...(subgroupMatrices ? ['subgroup matrices'] : []),
];

/** What we ask for beyond the defaults of WebGPU, as far as the adapter goes. */
const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupsPerDimension',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
] as const;

export async function openDevice(supplied: GPUDevice | undefined, allowSoftware: boolean): Promise<OpenDevice> {
  if (supplied) {
    const lost = await Promise.race([supplied.lost, Promise.resolve(undefined)]); // undefined unless it is lost already
    if (lost) throw lossOf(lost);
    return watch(supplied, supplied.adapterInfo, undefined);
  }

  const { gpu, reason } = await platform.gpu();
  if (!gpu) throw new Error(`webgpu: ${reason}`);
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new Error('webgpu: there is no graphics card with a driver that WebGPU can use');
  if (isSoftwareAdapter(adapter.info) && !allowSoftware)
    throw new Error(`webgpu: the only adapter computes on the CPU (${describe(adapter.info)})`);
  const isListed = (name: string): name is GPUFeatureName => adapter.features.has(name);
  const requiredFeatures = Object.values(FEATURES).filter(isListed);
  const requiredLimits = Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]]));
  return watch(await adapter.requestDevice({ requiredFeatures, requiredLimits }), adapter.info, gpu);
}

/** SwiftShader, llvmpipe and WARP are the software drivers of Chromium, Mesa and Windows. */
export const isSoftwareAdapter = (info: GPUAdapterInfo): boolean =>
  info.isFallbackAdapter ||
  /swiftshader|llvmpipe|lavapipe|softpipe|\bwarp\b|basic render/i.test(
    `${info.vendor} ${info.architecture} ${info.device} ${info.description}`,
  );

/** What an adapter multiplies, as Chromium's experiment tells it; @webgpu/types do not know of it. */
interface MatrixConfig {
  componentType: string;
  resultComponentType: string;
  M: number;
  N: number;
  K: number;
}
const matrixConfigsOf = (info: GPUAdapterInfo & { subgroupMatrixConfigs?: Iterable<MatrixConfig> }): MatrixConfig[] =>
  Array.from(info.subgroupMatrixConfigs ?? []);

const lossOf = ({ message, reason }: GPUDeviceLostInfo): Error =>
  new Error(`webgpu: the device was lost: ${message || reason}. Close what used it and open it again`);

/** Drivers fill in different fields: NVIDIA's give a description, browsers often only vendor and architecture. */
const describe = (info: GPUAdapterInfo): string =>
  info.description || [info.vendor, info.architecture, info.device].filter(Boolean).join(' ') || 'an unnamed adapter';

/** @param gpu where the device came from, unless the caller supplied it. */
function watch(device: GPUDevice, info: GPUAdapterInfo, gpu: GPU | undefined): OpenDevice {
  let closed = false;
  let loss: Error | undefined;
  let failure: Error | undefined;

  const lost = device.lost.then((info) => {
    loss ??= lossOf(info);
    return loss;
  });
  // Errors of the device arrive here and not where they were made: out of memory, or a mistake of ours.
  const onError = (event: GPUUncapturedErrorEvent) => {
    event.preventDefault(); // not printed as well: the next read throws it
    failure ??= new Error(`webgpu: the device reported an error: ${event.error.message}`);
  };
  device.addEventListener('uncapturederror', onError);

  const assertAlive = () => {
    if (closed) throw new Error('webgpu: the backend is closed');
    if (loss) throw loss;
  };

  const subgroups = device.features.has(FEATURES.subgroups);
  return {
    device,
    gpu,
    description: describe(info),
    isSoftware: isSoftwareAdapter(info),
    features: {
      half: device.features.has(FEATURES.half),
      subgroups,
      timestamps: device.features.has(FEATURES.timestamps),
      subgroupMatrices: device.features.has(FEATURES.subgroupMatrices),
    },
    foldsInSubgroups: subgroups && gpu?.wgslLanguageFeatures.has('subgroup_id') === true,
    multipliesMatrices:
      [FEATURES.half, FEATURES.subgroups, FEATURES.subgroupMatrices].every((name) => device.features.has(name)) &&
      gpu?.wgslLanguageFeatures.has('subgroup_id') === true &&
      device.limits.maxComputeWorkgroupStorageSize >= MATRIX_STORAGE &&
      info.subgroupMinSize === 32 &&
      info.subgroupMaxSize === 32 &&
      matrixConfigsOf(info).some(
        ({ componentType, resultComponentType, M, N, K }) =>
          componentType === 'f16' && resultComponentType === 'f32' && [M, N, K].every((size) => size === 16),
      ),
    assertAlive,

    async settle(promise) {
      try {
        const result = await promise;
        assertAlive();
        if (!failure) return result;
      } catch (error) {
        assertAlive();
        // A lost device rejects whatever waits for it, perhaps just before it says that it is lost.
        const moment = new Promise<undefined>((resolve) => setTimeout(resolve, 100));
        throw (await Promise.race([lost, moment])) ?? failure ?? error;
      }
      // Reported once: whatever was computed from the failed call is invalid and would be reported again.
      const reported = failure;
      failure = undefined;
      throw reported;
    },

    close() {
      closed = true;
      device.removeEventListener('uncapturederror', onError);
      if (gpu) device.destroy();
    },
  };
}
