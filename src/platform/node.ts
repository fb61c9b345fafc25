import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { decodeInThread, encodeInThread } from './image-thread';
import type { Platform } from './platform';

export const platform: Platform = {
  name: 'node',
  hardwareThreads: availableParallelism(),

  startWorker(source, message) {
    // Gives the worker the browser's way of receiving messages, so that one source serves both.
    const prelude = `require('node:worker_threads').parentPort.on('message', (data) => onmessage({ data }));`;
    const worker = new Worker(`${prelude}\n${source}`, { eval: true });
    worker.unref();
    worker.postMessage(message);
    return {
      onError: (listener) => worker.on('error', listener),
      terminate: () => void worker.terminate(),
    };
  },

  async gpu() {
    try {
      const { create, globals } = await import('webgpu');
      for (const [name, value] of Object.entries(globals))
        if (!(name in globalThis))
          Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
      return { gpu: create(['enable-dawn-features=allow_unsafe_apis']) };
    } catch (error) {
      return { reason: `the npm package "webgpu" cannot be loaded: ${error instanceof Error ? error.message : error}` };
    }
  },

  async readBytes(location) {
    if (typeof location === 'string' || location.protocol === 'file:') return readFile(location);
    const response = await fetch(location);
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  },

  imageTypes: ['jpg', 'png', 'gif', 'bmp', 'tiff'],
  decodeImage: decodeInThread,
  encodePng: encodeInThread,

  weightsDirectory() {
    const packageFile = createRequire(import.meta.url).resolve('@vladmandic/face-api/package.json');
    return new URL('./model/', pathToFileURL(packageFile));
  },
};
