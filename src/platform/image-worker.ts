import { createRequire } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import type { ImageJob, ImageResult } from './image-thread';
import { readOrientation, turnUpright } from './orientation';
import type { RawImage } from './platform';

// What decoders, and Node itself, print about a file is dropped here: once anything has come through a worker's captured
// streams, they keep the process alive after its work is done.
for (const stream of [process.stdout, process.stderr]) stream.write = () => true;

/** jimp's codec for one format. The parts of jimp are loaded one by one: all of it takes ten times as long. */
interface Codec {
  decode(file: Buffer, options: object): RawImage | Promise<RawImage>;
  encode(image: RawImage, options: object): Buffer;
}

const load = createRequire(workerData);

function codecOf(type: string): Codec {
  return load(`@jimp/js-${type === 'jpg' ? 'jpeg' : type}`).default();
}

/** The caller has checked the size; without these the JPEG decoder would refuse at 512 MB, some 30 megapixels. */
const DECODE_OPTIONS = { maxResolutionInMP: 100, maxMemoryUsageInMB: 2400 };
/** Paeth alone: a third of the time that trying each filter on each row takes, for files as small. */
const ENCODE_OPTIONS = { filterType: 4 };

const asBuffer = (data: Uint8Array | Uint8ClampedArray) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

async function decode(file: Uint8Array, type: string): Promise<RawImage> {
  const { data, width, height } = await codecOf(type).decode(asBuffer(file), DECODE_OPTIONS);
  // A copy where the codec hands out a part of a larger buffer: what is sent back is sent whole.
  const whole = data.byteLength === data.buffer.byteLength ? data : Uint8Array.from(data);
  const upright = turnUpright(new Uint32Array(whole.buffer), width, height, readOrientation(file));
  return { data: new Uint8Array(upright.pixels.buffer), width: upright.width, height: upright.height };
}

async function answer(job: ImageJob): Promise<ImageResult> {
  try {
    if (job.task === 'decode') return { image: await decode(job.file, job.type) };
    const file = codecOf('png').encode({ ...job.image, data: asBuffer(job.image.data) }, ENCODE_OPTIONS);
    return { file: Uint8Array.from(file) };
  } catch (error) {
    return { failure: error instanceof Error ? error.message : String(error) };
  }
}

parentPort?.on('message', async (job: ImageJob) => {
  const result = await answer(job);
  const buffer = result.image?.data.buffer ?? result.file?.buffer;
  parentPort?.postMessage(result, buffer instanceof ArrayBuffer ? [buffer] : []);
});
