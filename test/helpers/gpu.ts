import { platform } from '#platform';
import { type DispatchLimits, openWebgpu, type WebgpuBackend } from '../../src/kernels/webgpu/backend';
import { testGpu } from './devices';

let told = false;

function skip(why: string): undefined {
  if (!told) console.log(`\nSKIPPED tests of the WebGPU backend: ${why}`);
  told = true;
  return undefined;
}

/**
 * A backend of the test's own, or undefined where there is no adapter. It is on the device of all tests, whose pipelines
 * are compiled once for a whole run: a software GPU needs a second or more for each of the large ones.
 */
export async function openTestGpu(limits?: Partial<DispatchLimits>): Promise<WebgpuBackend | undefined> {
  const gpu = await testGpu();
  return gpu && openWebgpu({ device: gpu.device, subgroups: gpu.features.subgroups, limits });
}

/** A backend on a device of its own, which may be lost, or must not have compiled anything yet. */
export async function openTestGpuAlone(): Promise<WebgpuBackend | undefined> {
  try {
    return await openWebgpu({ allowSoftware: true });
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

/** A device that has halves and small matrices, and computes nothing: Dawn checks shaders, bindings and copies on it as on a card. */
export async function requestIdleDevice(): Promise<GPUDevice> {
  const { create } = await import('webgpu');
  held = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis']);
  const adapter = await held.requestAdapter();
  if (!adapter) throw new Error('Dawn has no device that computes nothing');
  const isListed = (name: string): name is GPUFeatureName => adapter.features.has(name);
  const features = ['shader-f16', 'subgroups', 'chromium-experimental-subgroup-matrix'];
  return adapter.requestDevice({ requiredFeatures: features.filter(isListed) });
}

/** Counts the calls of some of a device's methods, until it is disposed of. */
export function countCalls<Method extends CreateMethod>(device: GPUDevice, ...methods: Method[]) {
  const calls: Partial<Record<Method, number>> = {};
  for (const method of methods) {
    const original = device[method];
    calls[method] = 0;
    Object.defineProperty(device, method, {
      configurable: true,
      value(...descriptors: unknown[]) {
        calls[method] = (calls[method] ?? 0) + 1;
        return Reflect.apply(original, device, descriptors);
      },
    });
  }
  return {
    calls,
    [Symbol.dispose]() {
      for (const method of methods) Reflect.deleteProperty(device, method);
    },
  };
}

type CreateMethod = 'createBuffer' | 'createBindGroup' | 'createComputePipeline' | 'createComputePipelineAsync';

/** Dawn in Node ends with the object it came from. */
export let held: GPU | undefined;
