import type { Platform } from './platform';

export const platform: Platform = {
  name: 'browser',
  hardwareThreads: globalThis.crossOriginIsolated ? navigator.hardwareConcurrency : 1,

  startWorker(source, message) {
    const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
    const worker = new Worker(url);
    worker.postMessage(message);
    return {
      onError: (listener) => worker.addEventListener('error', (event) => listener(new Error(event.message))),
      terminate: () => {
        worker.terminate();
        URL.revokeObjectURL(url);
      },
    };
  },

  async gpu() {
    return navigator.gpu ? { gpu: navigator.gpu } : { reason: 'this browser has no WebGPU' };
  },

  async readBytes(location) {
    const response = await fetch(location);
    if (!response.ok) throw new Error(`${location}: the server answered ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  },

  weightsDirectory: () => new URL('./weights/', document.baseURI),
};
