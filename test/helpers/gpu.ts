import { platform } from '#platform';
import { type DispatchLimits, openWebgpu, type WebgpuBackend } from '../../src/kernels/webgpu/backend';

let told = false;

function skip(why: string): undefined {
  if (!told) console.log(`\nSKIPPED tests of the WebGPU backend: ${why}`);
  told = true;
  return undefined;
}

/** A backend of the test's own, or undefined (and a line that the runner counts) where there is no adapter. */
export async function openTestGpu(limits?: Partial<DispatchLimits>): Promise<WebgpuBackend | undefined> {
  try {
    return await openWebgpu({ allowSoftware: true, limits });
  } catch (error) {
    return skip(error instanceof Error ? error.message : String(error));
  }
}

/** A device that the test owns, as a program that uses WebGPU for other things would have. */
export async function requestTestDevice(): Promise<GPUDevice | undefined> {
  const { gpu, reason } = await platform.gpu();
  if (!gpu) return skip(reason);
  held = gpu;
  const adapter = await gpu.requestAdapter();
  return adapter ? adapter.requestDevice() : skip('no adapter');
}

/** A device that has halves and computes nothing: Dawn checks shaders, bindings and copies on it as on a card. */
export async function requestIdleDevice(): Promise<GPUDevice> {
  const { create } = await import('webgpu');
  held = create(['backend=null']);
  const adapter = await held.requestAdapter();
  if (!adapter) throw new Error('Dawn has no device that computes nothing');
  return adapter.requestDevice({ requiredFeatures: ['shader-f16'] });
}

/** Dawn in Node ends with the object it came from. */
export let held: GPU | undefined;
