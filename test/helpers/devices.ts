import type { Test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend } from '../../src/kernels/backend';
import { openReference } from '../../src/kernels/reference/backend';
import { openWasm } from '../../src/kernels/wasm/backend';
import { openWebgpu, type WebgpuBackend } from '../../src/kernels/webgpu/backend';

/** Prints a line that the runner counts; LIKENESS_NO_SKIP=1 turns such lines into a failure. */
export const skipped = (what: string, why: string) => console.log(`\nSKIPPED ${what}: ${why}`);

let opened: Promise<Backend[]> | undefined;
let gpu: WebgpuBackend | undefined;

/** Every backend of this machine, opened once for the whole run. The first is reference. */
export function testDevices(): Promise<Backend[]> {
  opened ??= (async () => {
    const devices = [openReference(), await openWasm({ threads: 2 })];
    try {
      gpu = await openWebgpu({ allowSoftware: true });
      devices.push(gpu);
    } catch (error) {
      skipped('everything on webgpu', error instanceof Error ? error.message : String(error));
    }
    return devices;
  })();
  return opened;
}

/** The webgpu backend among them, if there is one. Another one on its device finds its pipelines compiled. */
export async function testGpu(): Promise<WebgpuBackend | undefined> {
  await testDevices();
  return gpu;
}

/** A test for each device, which must leave the device's live bytes as they were. Without a GPU that one is empty. */
export function testOnEachDevice(test: Test, title: string, check: (backend: Backend) => Promise<void> | void): void {
  for (const device of ['reference', 'wasm', 'webgpu'])
    test(`${title}, on ${device}`, async () => {
      const backend = (await testDevices()).find(({ name }) => name === device);
      if (!backend) return;
      const before = backend.liveBytes;
      await check(backend);
      assert.is(backend.liveBytes, before, 'bytes were left behind');
    });
}
