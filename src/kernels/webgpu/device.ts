import { platform } from '#platform';

/** The device with what the backend must know of it: how much it can take, and whether it still lives. */
export interface OpenDevice {
  readonly device: GPUDevice;
  /** Held because Dawn in Node ends, with all its devices, when nothing refers to it. */
  readonly gpu: GPU | undefined;
  readonly description: string;
  /** A driver that computes on the CPU: right, but slower than the wasm backend. */
  readonly isSoftware: boolean;
  /** Waits for the device; rejects with one clear error if the device is lost or has failed meanwhile. */
  settle<T>(promise: Promise<T>): Promise<T>;
  /** Throws if the device is known to be lost. */
  assertAlive(): void;
  /** Stops listening, and destroys the device unless the caller supplied it. */
  close(): void;
}

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

/** What we can do without, but use where the adapter has it. */
const FEATURES: readonly GPUFeatureName[] = ['timestamp-query'];

export async function openDevice(supplied: GPUDevice | undefined, allowSoftware: boolean): Promise<OpenDevice> {
  if (supplied) return watch(supplied, supplied.adapterInfo, undefined);

  const { gpu, reason } = await platform.gpu();
  if (!gpu) throw new Error(`webgpu: ${reason}`);
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new Error('webgpu: there is no graphics card with a driver that WebGPU can use');
  if (isSoftwareAdapter(adapter.info) && !allowSoftware)
    throw new Error(`webgpu: the only adapter computes on the CPU (${describe(adapter.info)})`);
  const requiredLimits = Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]]));
  const requiredFeatures = FEATURES.filter((name) => adapter.features.has(name));
  return watch(await adapter.requestDevice({ requiredLimits, requiredFeatures }), adapter.info, gpu);
}

/** SwiftShader, llvmpipe and WARP are the software drivers of Chromium, Mesa and Windows. */
export const isSoftwareAdapter = (info: GPUAdapterInfo): boolean =>
  info.isFallbackAdapter ||
  /swiftshader|llvmpipe|lavapipe|softpipe|\bwarp\b|basic render/i.test(
    `${info.vendor} ${info.architecture} ${info.device} ${info.description}`,
  );

/** Drivers fill in different fields: NVIDIA's give a description, browsers often only vendor and architecture. */
const describe = (info: GPUAdapterInfo): string =>
  info.description || [info.vendor, info.architecture, info.device].filter(Boolean).join(' ') || 'an unnamed adapter';

/** @param gpu where the device came from, unless the caller supplied it. */
function watch(device: GPUDevice, info: GPUAdapterInfo, gpu: GPU | undefined): OpenDevice {
  let closed = false;
  let loss: Error | undefined;
  let failure: Error | undefined;

  const lost = device.lost.then(({ message, reason }) => {
    loss ??= new Error(`webgpu: the device was lost: ${message || reason}. Open the backend again`);
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

  return {
    device,
    gpu,
    description: describe(info),
    isSoftware: isSoftwareAdapter(info),
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
