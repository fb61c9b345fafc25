import type { Platform } from './platform';

export const platform: Platform = {
  name: 'browser',
  hardwareThreads: globalThis.crossOriginIsolated ? navigator.hardwareConcurrency : 1,

  unlockFastVectors: () => false,
  lockFastVectors: () => undefined,
  optimizing: () => undefined,

  startWorker(source, message) {
    const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
    const worker = new Worker(url);
    worker.postMessage(message);
    return {
      ask: (question) =>
        new Promise((resolve, reject) => {
          worker.onmessage = ({ data }) => resolve(data);
          worker.onerror = ({ message: why }) => reject(new Error(why));
          worker.postMessage(question);
        }),
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

  readBeside: (location, path) => platform.readBytes(new URL(path, new URL(location, base()))),

  imageTypes: ['jpg', 'png', 'gif', 'bmp', 'webp', 'avif', 'heic'],

  async decodeImage(file) {
    const bitmap = await createImageBitmap(new Blob([Uint8Array.from(file)]), { imageOrientation: 'from-image' });
    const { width, height } = bitmap;
    const context = contextOf(new OffscreenCanvas(width, height));
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
    return { width, height, data: context.getImageData(0, 0, width, height).data };
  },

  async encodePng({ width, height, data }) {
    const canvas = new OffscreenCanvas(width, height);
    contextOf(canvas).putImageData(new ImageData(Uint8ClampedArray.from(data), width, height), 0, 0);
    const blob = await canvas.convertToBlob({ type: 'image/png' });
    return new Uint8Array(await blob.arrayBuffer());
  },

  parseXml: async (text) => new DOMParser().parseFromString(text, 'text/xml').documentElement,

  weightsDirectory: () => new URL('./weights/', base()),
  modelsDirectory: () => new URL('./models/', base()),
};

/** What addresses are relative to: the page, or the script of a worker. */
const base = (): string => ('document' in globalThis ? document.baseURI : location.href);

function contextOf(canvas: OffscreenCanvas): OffscreenCanvasRenderingContext2D {
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (!context) throw new Error('this browser gives no 2D canvas');
  return context;
}
