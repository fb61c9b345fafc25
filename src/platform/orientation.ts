/** Bytes as an image file's header stores them, in either byte order. */
const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const ORIENTATION_TAG = 0x0112;

/**
 * How a camera was held: EXIF's orientation, 1 (upright) to 8, of a JPEG, a PNG or a TIFF file.
 * 1 where the file does not say, or says something that makes no sense.
 */
export function readOrientation(file: Uint8Array): number {
  try {
    for (const block of exifBlocks(file)) {
      const orientation = orientationIn(block);
      if (orientation >= 1 && orientation <= 8) return orientation;
    }
  } catch (error) {
    // Damaged metadata points outside of the file; the photo itself may still be fine.
    if (!(error instanceof RangeError)) throw error;
  }
  return 1;
}

/** The blocks of EXIF in a file, each laid out as a TIFF file: JPEG's APP1 segments, PNG's eXIf chunks. */
function* exifBlocks(file: Uint8Array): Generator<Uint8Array> {
  const view = viewOf(file);
  const start = view.getUint32(0);
  if (start === 0x49492a00 || start === 0x4d4d002a) yield file;
  if (start === 0x89504e47) {
    for (let at = 8; at + 12 <= file.length; at += 12 + view.getUint32(at))
      if (view.getUint32(at + 4) === 0x65584966) yield file.subarray(at + 8, at + 8 + view.getUint32(at));
  }
  if (start >>> 16 === 0xffd8) {
    // Segments follow one another up to the start of the scan, 0xffda.
    for (let at = 2; at + 4 <= file.length && file[at] === 0xff && file[at + 1] !== 0xda; ) {
      if (file[at + 1] === 0xff) at++;
      else {
        const end = at + 2 + view.getUint16(at + 2);
        const isExif = file[at + 1] === 0xe1 && view.getUint32(at + 4) === 0x45786966 && view.getUint16(at + 8) === 0;
        if (isExif) yield file.subarray(at + 10, end);
        at = end;
      }
    }
  }
}

/** The tag in the first directory of a block, 0 if it is not there. */
function orientationIn(tiff: Uint8Array): number {
  const view = viewOf(tiff);
  const littleEndian = view.getUint16(0) === 0x4949;
  if (view.getUint16(2, littleEndian) !== 42) return 0;
  const directory = view.getUint32(4, littleEndian);
  const entries = view.getUint16(directory, littleEndian);
  for (let entry = 0; entry < entries; entry++) {
    const at = directory + 2 + 12 * entry;
    if (view.getUint16(at, littleEndian) === ORIENTATION_TAG) return view.getUint16(at + 8, littleEndian);
  }
  return 0;
}

/** A picture whose pixels, one number each, are turned and mirrored so that it stands upright. */
export function turnUpright(
  pixels: Uint32Array,
  width: number,
  height: number,
  orientation: number,
): { pixels: Uint32Array; width: number; height: number } {
  // Where the upright picture's first pixel comes from, and how far its right and its lower neighbour are from there.
  const [start, right, down] = [
    [0, 1, width],
    [width - 1, -1, width],
    [width * height - 1, -1, -width],
    [width * (height - 1), 1, -width],
    [0, width, 1],
    [width * (height - 1), -width, 1],
    [width * height - 1, -width, -1],
    [width - 1, width, -1],
  ][orientation - 1];
  if (orientation === 1) return { pixels, width, height };
  const [uprightWidth, uprightHeight] = orientation > 4 ? [height, width] : [width, height];
  const upright = new Uint32Array(pixels.length);
  for (let y = 0, at = 0; y < uprightHeight; y++)
    for (let x = 0; x < uprightWidth; x++) upright[at++] = pixels[start + x * right + y * down];
  return { pixels: upright, width: uprightWidth, height: uprightHeight };
}
