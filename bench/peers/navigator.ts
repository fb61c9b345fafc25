import { platform } from '../../src/platform/node';

let provided: Promise<void> | undefined;

/** The peers look for WebGPU where a browser has it: there they are given the Dawn that likeness uses in Node. */
export function provideGpu(): Promise<void> {
  provided ??= (async () => {
    const { gpu, reason } = await platform.gpu();
    if (!gpu) throw new Error(reason);
    Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true });
  })();
  return provided;
}
