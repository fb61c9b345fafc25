import { Worker } from 'node:worker_threads';
import source from './image-worker.ts?worker';
import type { RawImage } from './platform';

export type ImageJob = { task: 'decode'; file: Uint8Array; type: string } | { task: 'encode'; image: RawImage };

export interface ImageResult {
  image?: RawImage;
  file?: Uint8Array;
  failure?: string;
}

const WORKER_OPTIONS = {
  eval: true,
  // The flags of the caller's program, `--input-type=module` for one, are not for this thread.
  execArgv: [],
  workerData: import.meta.url,
  // What decoders print about a file stays in the thread.
  stdout: true,
  stderr: true,
  // The JPEG decoder makes an object for each block of 8x8 pixels. A small nursery has them collected soon: two photos
  // of 1,920 pixels take 70 MB less, in the same time.
  resourceLimits: { maxYoungGenerationSizeMb: 4 },
};

/** Far more than a picture takes; the GIF decoder goes round in circles over some damaged files. */
const millisecondsFor = (bytes: number) => 20_000 + 20_000 * (bytes / 1e6);

let thread: Worker | undefined;
let last: Promise<unknown> = Promise.resolve();

/**
 * Decodes a file, turned upright as its EXIF says. It happens in a thread of its own, one picture at a time, beside
 * whatever the caller is doing: a program's first photo is read while the networks are being loaded. A decoder that
 * runs out of memory ends that thread, not the program.
 *
 * @throws Error with what the decoder says
 */
export async function decodeInThread(file: Uint8Array, type: string): Promise<RawImage> {
  const { image, failure } = await enqueue({ task: 'decode', file, type });
  if (!image) throw new Error(failure);
  return image;
}

/** The bytes of a PNG file. */
export async function encodeInThread(image: RawImage): Promise<Uint8Array> {
  const { file, failure } = await enqueue({ task: 'encode', image });
  if (!file) throw new Error(failure);
  return file;
}

function enqueue(job: ImageJob): Promise<ImageResult> {
  const result = last.then(() => run(job));
  last = result.catch(() => undefined);
  return result;
}

/** The thread keeps the process alive while it works, and no longer. */
function run(job: ImageJob): Promise<ImageResult> {
  return new Promise((resolve, reject) => {
    thread ??= new Worker(source, WORKER_OPTIONS);
    const worker = thread;
    const onMessage = (result: ImageResult) => {
      clearTimeout(timer);
      worker.off('error', onError);
      worker.unref();
      resolve(result);
    };
    const onError = (error: Error) => {
      clearTimeout(timer);
      worker.off('message', onMessage);
      thread = undefined;
      reject(error);
    };
    worker.once('message', onMessage);
    worker.once('error', onError);
    worker.ref();
    // Copied, so that what is sent is no more than the picture, and the caller keeps it.
    const bytes = Uint8Array.from(job.task === 'decode' ? job.file : job.image.data);
    worker.postMessage(
      job.task === 'decode' ? { ...job, file: bytes } : { ...job, image: { ...job.image, data: bytes } },
      [bytes.buffer],
    );
    const timer = setTimeout(() => {
      onError(new Error('it takes too long'));
      void worker.terminate();
    }, millisecondsFor(bytes.length));
  });
}
