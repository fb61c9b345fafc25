import { platform } from '#platform';
import type { Backend, DeviceName, Precision } from '../kernels/backend';
import { openReference } from '../kernels/reference/backend';
import type { TileTable } from '../kernels/webgpu/tile-table';

export type Device = DeviceName | 'auto';

export interface OpenDeviceOptions {
  /** Threads of the wasm backend; by default one for each core (browsers: where shared memory is allowed). */
  threads?: number;
  /**
   * A WebGPU device of the caller's, which 'webgpu' and 'auto' take as it is: with the limits and features that it was
   * requested with. It is never destroyed, not by `close()` and not when opening fails.
   */
  gpuDevice?: GPUDevice;
  /**
   * 'half' asks for a device whose plans can compute in half precision; whoever makes them has to ask for it as well
   * (compile(); FacePipeline does). Default 'full'.
   */
  precision?: Precision;
  /** Finds the tiles that were measured on a graphics card, by its description (see TileTable). */
  tiles?: (adapter: string) => Promise<TileTable | undefined>;
}

/** A backend, and one sentence on why it is this one. */
export interface OpenedDevice {
  backend: Backend;
  reason: string;
}

/**
 * Opens a backend. 'auto' takes webgpu where there is a real GPU, else wasm: a GPU in software (SwiftShader,
 * llvmpipe, WARP) is slower than wasm, so it is taken only when asked for by name.
 *
 * @throws Error that says why when 'webgpu' is asked for and there is no adapter, or half precision where there is none
 */
export async function openDevice(device: Device = 'auto', options: OpenDeviceOptions = {}): Promise<OpenedDevice> {
  const opened = await openAny(device, options);
  const { halfRefusal } = opened.backend;
  if (options.precision !== 'half' || halfRefusal === undefined) return opened;
  await opened.backend.close();
  throw new Error(halfRefusal);
}

async function openAny(device: Device, options: OpenDeviceOptions): Promise<OpenedDevice> {
  if (device === 'reference') return { backend: openReference(), reason: 'asked for' };
  if (device === 'wasm') return { backend: await wasm(options), reason: 'asked for' };
  if (device === 'webgpu') return { backend: await webgpu(options, true), reason: 'asked for' };
  if (device !== 'auto') throw new Error(`there is no device "${device}"; choose reference, wasm, webgpu or auto`);
  try {
    return { backend: await webgpu(options, false), reason: 'a GPU was found' };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { backend: await wasm(options), reason: `no GPU: ${why.replace(/^webgpu: /, '')}` };
  }
}

async function wasm({ threads }: OpenDeviceOptions): Promise<Backend> {
  const { openWasm } = await import('../kernels/wasm/backend');
  return openWasm({ threads: threads ?? platform.hardwareThreads });
}

async function webgpu({ gpuDevice, tiles }: OpenDeviceOptions, allowSoftware: boolean): Promise<Backend> {
  const { openWebgpu } = await import('../kernels/webgpu/backend');
  return openWebgpu(gpuDevice ? { device: gpuDevice, tiles } : { allowSoftware, tiles });
}
