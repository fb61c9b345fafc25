import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { decodeInThread, encodeInThread } from './image-thread';
import { folderOf } from './model-folder';
import type { Platform } from './platform';

function hasVulkanLoader(): boolean {
  const triplet = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
  const folders = [
    ...(process.env.LD_LIBRARY_PATH ?? '').split(':').filter((folder) => folder !== ''),
    ...[`/usr/lib/${triplet}`, `/lib/${triplet}`, '/usr/lib64', '/usr/lib', '/lib64', '/usr/local/lib'],
  ];
  return folders.some((folder) => existsSync(join(folder, 'libvulkan.so.1')));
}

/**
 * V8 turns pairs of 128-bit operations into 256-bit ones under this flag. Node 20 does not know it and says so on
 * stderr; Node 22 does, but pairs no sums that a loop carries, and its code is slower for it.
 */
const WIDE_FLAG = 'experimental-wasm-revectorize';
const FIRST_V8_TO_WIDEN = 13;
/** Node 20 has the fused multiply-add of relaxed SIMD behind a flag, later ones have it anyway. */
const FUSED_FLAG = 'experimental-wasm-relaxed-simd';
const V8_WITH_FUSED_FLAG = 11;

const v8Version = Number.parseInt(process.versions.v8, 10);
const wideningFlag =
  v8Version >= FIRST_V8_TO_WIDEN ? WIDE_FLAG : v8Version === V8_WITH_FUSED_FLAG ? FUSED_FLAG : undefined;
const isX64 = process.arch === 'x64'; // V8 pairs vectors there only

/**
 * Dawn's checks, for a whole instance. Without them (the default) an index is not held inside its buffer, a call is not
 * validated, new buffers are not cleared, and timestamps are not rounded: the kernels hold their own indices, their tests
 * run with every check, and the GPU spends its time on the arithmetic. `LIKENESS_GPU_CHECKS=1` turns all of them on.
 * Of NVIDIA's cards Dawn says that they compute with halves only where it is told to believe the driver.
 * A name that another version of Dawn does not know is passed over.
 */
const GPU_FLAGS =
  process.env.LIKENESS_GPU_CHECKS === '1'
    ? ['enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia']
    : [
        'enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia,disable_robustness,skip_validation,disable_polyfills_on_integer_div_and_mod',
        'disable-dawn-features=lazy_clear_resource_on_first_use,timestamp_quantization',
      ];

export const platform: Platform = {
  name: 'node',
  hardwareThreads: availableParallelism(),

  unlockFastVectors() {
    if (!isX64 || wideningFlag === undefined || process.env.LIKENESS_REVECTORIZE === '0') return false;
    setFlagsFromString(`--${wideningFlag}`);
    return true;
  },

  lockFastVectors() {
    if (wideningFlag !== undefined) setFlagsFromString(`--no-${wideningFlag}`);
  },

  optimizing(work) {
    setFlagsFromString('--no-liftoff');
    try {
      return work();
    } finally {
      setFlagsFromString('--liftoff');
    }
  },

  startWorker(source, message) {
    // Gives the worker the browser's way of receiving and posting messages, so that one source serves both.
    const prelude =
      `const { parentPort } = require('node:worker_threads');` +
      `parentPort.on('message', (data) => onmessage({ data }));` +
      'globalThis.postMessage = (message, { transfer } = {}) => parentPort.postMessage(message, transfer);';
    const worker = new Worker(`${prelude}\n${source}`, { eval: true });
    worker.unref();
    worker.postMessage(message);
    return {
      ask: (question) =>
        new Promise((resolve, reject) => {
          const settle = () => {
            worker.off('message', onMessage).off('error', onError).off('exit', onExit);
            worker.unref();
          };
          const onMessage = (answer: unknown) => {
            settle();
            resolve(answer);
          };
          const onError = (error: Error) => {
            settle();
            reject(error);
          };
          const onExit = () => onError(new Error('the worker was stopped'));
          worker.on('message', onMessage).on('error', onError).on('exit', onExit);
          worker.ref(); // the process waits for the answer
          worker.postMessage(question);
        }),
      onError: (listener) => worker.on('error', listener),
      terminate: () => void worker.terminate(),
    };
  },

  async gpu() {
    // Dawn writes to stderr by itself where it finds no Vulkan loader, so it is not asked there.
    if (process.platform === 'linux' && !hasVulkanLoader()) return { reason: 'there is no Vulkan (libvulkan.so.1)' };
    try {
      const { create, globals } = await import('webgpu');
      for (const [name, value] of Object.entries(globals))
        if (!(name in globalThis))
          Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
      return { gpu: create(GPU_FLAGS) };
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

  async readBeside(location, path) {
    if (typeof location === 'string') return folderOf(location)(path);
    if (location.protocol === 'file:') return folderOf(fileURLToPath(location))(path);
    return platform.readBytes(new URL(path, location));
  },

  imageTypes: ['jpg', 'png', 'gif', 'bmp', 'tiff'],
  decodeImage: decodeInThread,
  encodePng: encodeInThread,

  async parseXml(text) {
    const { DOMParser } = await import('linkedom'); // Node has no parser of its own
    return new DOMParser().parseFromString(text, 'text/xml').documentElement;
  },

  weightsDirectory() {
    const packageFile = createRequire(import.meta.url).resolve('@vladmandic/face-api/package.json');
    return new URL('./model/', pathToFileURL(packageFile));
  },

  modelsDirectory() {
    const packageFile = createRequire(import.meta.url).resolve('likeness/package.json');
    return new URL('./models/', pathToFileURL(packageFile));
  },
};
