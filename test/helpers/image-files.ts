import { crc32, deflateSync } from 'node:zlib';

const uint16 = (value: number) => [value >> 8, value & 255];
const uint32 = (value: number) => [...uint16(value >>> 16), ...uint16(value & 65535)];
const ascii = (text: string) => [...text].map((letter) => letter.charCodeAt(0));

function segment(marker: number, body: number[]): number[] {
  return [0xff, marker, ...uint16(body.length + 2), ...body];
}

/**
 * A JPEG of 8x8 pixels of one colour: one component is greyscale, four are CMYK as Adobe writes it (255 is no ink).
 * Each block is its mean alone, so that a table of twelve codes of four bits is all there is to compress with.
 */
export function flatJpeg(components: number[]): Uint8Array {
  const ids = components.map((_, index) => index + 1);
  const adobe = components.length === 4 ? segment(0xee, [...ascii('Adobe'), 0, 100, 0, 0, 0, 0, 0]) : [];
  let bits = '';
  for (const value of components) {
    const mean = 8 * (value - 128);
    const size = mean === 0 ? 0 : Math.floor(Math.log2(Math.abs(mean))) + 1;
    bits += size.toString(2).padStart(4, '0');
    if (size > 0) bits += (mean > 0 ? mean : mean + 2 ** size - 1).toString(2).padStart(size, '0');
    bits += '0'; // no further coefficients
  }
  const scan = bits.padEnd(8 * Math.ceil(bits.length / 8), '1').match(/.{8}/g) ?? [];
  return Uint8Array.from([
    ...[0xff, 0xd8],
    ...adobe,
    ...segment(0xdb, [0, ...new Array(64).fill(1)]),
    ...segment(0xc0, [8, ...uint16(8), ...uint16(8), components.length, ...ids.flatMap((id) => [id, 0x11, 0])]),
    ...segment(0xc4, [0x00, 0, 0, 0, 12, ...new Array(12).fill(0), ...Array.from({ length: 12 }, (_, i) => i)]),
    ...segment(0xc4, [0x10, 1, ...new Array(15).fill(0), 0]),
    ...segment(0xda, [components.length, ...ids.flatMap((id) => [id, 0x00]), 0, 63, 0]),
    ...scan.map((byte) => Number.parseInt(byte, 2)).flatMap((byte) => (byte === 255 ? [255, 0] : [byte])),
    ...[0xff, 0xd9],
  ]);
}

/** A JPEG with EXIF that names an orientation; the directory need not be at the usual place. */
export function withOrientation(
  jpeg: Uint8Array,
  orientation: number,
  { littleEndian = false, directory = 8 } = {},
): Uint8Array {
  const bytes = (size: number, value: number) => {
    const big = size === 2 ? uint16(value) : uint32(value);
    return littleEndian ? big.reverse() : big;
  };
  const entry = (tag: number, value: number) => [
    ...bytes(2, tag),
    ...bytes(2, 3),
    ...bytes(4, 1),
    ...bytes(2, value),
    0,
    0,
  ];
  const tiff = [
    ...ascii(littleEndian ? 'II' : 'MM'),
    ...bytes(2, 42),
    ...bytes(4, directory),
    ...new Array(directory - 8).fill(0),
    ...bytes(2, 2),
    ...entry(0x0102, 8),
    ...entry(0x0112, orientation),
    ...bytes(4, 0),
  ];
  return Uint8Array.from([0xff, 0xd8, ...segment(0xe1, [...ascii('Exif'), 0, 0, ...tiff]), ...jpeg.subarray(2)]);
}

/** A PNG of one's own making: `colourType` and `bits` as in its header, rows as they are stored, without filters. */
export function handmadePng(width: number, height: number, bits: number, colourType: number, rows: number[][]) {
  const chunk = (name: string, body: number[]) => {
    const checked = [...ascii(name), ...body];
    return [...uint32(body.length), ...checked, ...uint32(crc32(Uint8Array.from(checked)))];
  };
  const header = [...uint32(width), ...uint32(height), bits, colourType, 0, 0, 0];
  const pixels = deflateSync(Uint8Array.from(rows.flatMap((row) => [0, ...row])));
  return Uint8Array.from([
    ...[0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
    ...chunk('IHDR', header),
    ...chunk('IDAT', [...pixels]),
    ...chunk('IEND', []),
  ]);
}

/** As much of a WebP file as its size takes. */
export function webpHeader(width: number, height: number): Uint8Array {
  const size = (value: number) => [(value - 1) & 255, (value - 1) >> 8, 0];
  const chunk = [...ascii('VP8X'), 10, 0, 0, 0, 0, 0, 0, 0, ...size(width), ...size(height)];
  return Uint8Array.from([...ascii('RIFF'), chunk.length + 4, 0, 0, 0, ...ascii('WEBP'), ...chunk]);
}

/** Two frames of one pixel each, the first of colour 1, which is red; the second of colour 2, which is blue. */
export function animatedGif(): Uint8Array {
  const palette = [0, 0, 0, 255, 0, 0, 0, 0, 255, 255, 255, 255];
  // Three-bit codes, lowest bit first: 4 clears the table, then the colour, then 5 ends the picture.
  const frame = (colour: number) => {
    const codes = 4 | (colour << 3) | (5 << 6);
    return [0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, codes & 255, codes >> 8, 0];
  };
  return Uint8Array.from([
    ...ascii('GIF89a'),
    ...[1, 0, 1, 0, 0b10000001, 0, 0],
    ...palette,
    ...frame(1),
    ...frame(2),
    0x3b,
  ]);
}
