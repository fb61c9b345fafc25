import { imageSize } from 'image-size';
import { platform } from '#platform';
import type { RawImage } from '../platform/platform';

export type { RawImage } from '../platform/platform';

/** A string is a file's path in Node and a URL in a browser. */
export type ImageSource = string | URL | Uint8Array | ArrayBuffer | Blob | RawImage;

/** One sentence: which picture, and what is wrong with it. */
export class ImageError extends Error {
  override name = 'ImageError';
}

const LARGEST_SIDE = 30_000;
const LARGEST_AREA = 100_000_000;
/** In bytes; the smallest picture, a GIF of one pixel, has a few more. */
const SMALLEST_FILE = 20;

/**
 * The pixels of a picture, upright: EXIF's orientation is applied, once. A file's transparent parts are laid on white,
 * and of an animation the first frame is taken. Node reads JPEG, PNG, GIF, BMP and TIFF, a browser what it can show.
 * A `RawImage` is checked and handed back as it is: it is taken to be upright, and its alpha is ignored.
 *
 * @throws ImageError when there is no such file, when it is no picture or a damaged one, or when it is larger than
 * 100 megapixels or 30,000 pixels a side, which the header tells before anything is decoded
 */
export async function readImage(source: ImageSource): Promise<RawImage> {
  const name = nameOf(source);
  if (isRawImage(source)) return checkRawImage(source, name);
  const file = await readFile(source, name);
  if (file.length === 0) throw new ImageError(`${name} is empty`);
  const { width, height, type } = readHeader(file, name);
  if (!platform.imageTypes.includes(type))
    throw new ImageError(
      `${name} is of type ${type.toUpperCase()}, which cannot be read here; save it as JPEG or PNG first`,
    );
  checkSize(width, height, name);
  const picture = await decode(file, type, name);
  return { ...(type === 'jpg' ? picture : onWhite(picture)), name }; // a JPEG has nothing transparent
}

/** The bytes of a PNG file. */
export async function encodePng(image: RawImage): Promise<Uint8Array> {
  return platform.encodePng(checkRawImage(image, nameOf(image)));
}

/** What to call a picture in a sentence: its path, its URL without the query, or that it has no name. */
export function nameOf(source: ImageSource): string {
  if (typeof source === 'string') return source.startsWith('data:') ? 'the picture in a data URL' : source;
  if (source instanceof URL) return source.protocol === 'data:' ? 'the picture in a data URL' : source.href;
  if (source instanceof Blob) return 'name' in source ? `${source.name}` : 'the picture given as a blob';
  return isRawImage(source) ? (source.name ?? 'the raw picture') : 'the picture given as bytes';
}

function isRawImage(source: ImageSource): source is RawImage {
  return typeof source === 'object' && 'width' in source && 'data' in source;
}

async function readFile(source: Exclude<ImageSource, RawImage>, name: string): Promise<Uint8Array> {
  if (source instanceof Uint8Array) return source;
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  try {
    if (source instanceof Blob) return new Uint8Array(await source.arrayBuffer());
    return await platform.readBytes(source);
  } catch (error) {
    throw new ImageError(`${name} ${whyUnreadable(error)}`, { cause: error });
  }
}

function whyUnreadable(error: unknown): string {
  const reasons = new Map<unknown, string>([
    ['ENOENT', 'does not exist'],
    ['ENOTDIR', 'does not exist'],
    ['EISDIR', 'is a folder, not a picture'],
    ['EACCES', 'cannot be read: permission denied'],
    ['EPERM', 'cannot be read: permission denied'],
  ]);
  const reason = error instanceof Error && 'code' in error ? reasons.get(error.code) : undefined;
  return reason ?? `cannot be read: ${messageOf(error)}`;
}

/** The size and the type that the first bytes of a file tell. */
function readHeader(file: Uint8Array, name: string): { width: number; height: number; type: string } {
  try {
    const { width, height, type } = imageSize(file);
    // Any file that begins with the right zeros passes for a TGA.
    if (type !== undefined && type !== 'tga') return { width, height, type };
  } catch (error) {
    // A type that is known by its first bytes, but not enough of it to tell the size.
    const isUnknown = messageOf(error).startsWith('unsupported file type') || file.length < SMALLEST_FILE;
    if (!isUnknown) throw damaged(name, error);
  }
  throw new ImageError(`${name} is not a picture of a known type, whatever its name says`);
}

async function decode(file: Uint8Array, type: string, name: string): Promise<RawImage> {
  try {
    return checkRawImage(await platform.decodeImage(file, type), name);
  } catch (error) {
    throw error instanceof ImageError ? error : damaged(name, error);
  }
}

const damaged = (name: string, cause: unknown) =>
  new ImageError(`${name} is damaged or cut short (the decoder says: ${messageOf(cause)})`, { cause });

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

function checkSize(width: number, height: number, name: string) {
  const sizes = [width, height];
  if (!sizes.every((size) => Number.isInteger(size) && size > 0))
    throw new ImageError(`${name} has the size ${width}x${height}; both must be whole numbers above 0`);
  if (sizes.some((size) => size > LARGEST_SIDE) || width * height > LARGEST_AREA)
    throw new ImageError(
      `${name} has ${width}x${height} pixels; at most 100 megapixels and 30,000 pixels a side are read`,
    );
}

function checkRawImage(image: RawImage, name: string): RawImage {
  const { width, height, data } = image;
  checkSize(width, height, name);
  if (data.length !== 4 * width * height)
    throw new ImageError(
      `${name} has ${data.length} bytes; ${width}x${height} pixels of red, green, blue and alpha are ${4 * width * height}`,
    );
  return image;
}

/** Lays what is transparent on white, in place. */
function onWhite(image: RawImage): RawImage {
  const { data } = image;
  for (let at = 3; at < data.length; at += 4) {
    const alpha = data[at];
    if (alpha === 255) continue;
    for (let channel = at - 3; channel < at; channel++)
      data[channel] = Math.round((data[channel] * alpha + 255 * (255 - alpha)) / 255);
    data[at] = 255;
  }
  return image;
}
