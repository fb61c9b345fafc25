import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  halfToNumber,
  type NamedValues,
  numberToHalf,
  readSafetensors,
  writeSafetensors,
} from '../../src/tensor/safetensors';
import { sizeOf } from '../../src/tensor/shape';
import { thrown } from '../helpers/numbers';

const test = suite('safetensors');

/** A file of one's own making: any header, then any bytes. */
function handmade(header: unknown, data: ArrayLike<number> = []): Uint8Array {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}

const entry = (shape: unknown, from: unknown, to: unknown, dtype: unknown = 'F32') => ({
  dtype,
  shape,
  data_offsets: [from, to],
});

/** The sentence that a file is refused with: it names the file and is one line. */
function refusal(bytes: Uint8Array): string {
  const { message } = thrown(() => readSafetensors(bytes, 'weights.safetensors'));
  assert.match(message, /^weights\.safetensors: (is|has|tensor) .*[^.]$/);
  assert.not.match(message, '\n');
  return message.slice('weights.safetensors: '.length);
}

const FILE = writeSafetensors(
  new Map([
    ['weight', { shape: [2, 2], values: new Float32Array([1, 2, 3, 4]) }],
    ['bias', { shape: [2], values: new Float32Array([5, 6]) }],
  ]),
  { made: 'here' },
);

const namedTensors = fc
  .uniqueArray(
    fc.tuple(
      fc.string({ unit: 'binary' }).filter((name) => name !== '__metadata__'),
      fc.array(fc.nat(4), { maxLength: 4 }),
    ),
    { selector: ([name]) => name, maxLength: 6 },
  )
  .chain((entries) =>
    fc.tuple(
      ...entries.map(([name, shape]) =>
        fc
          .array(fc.float(), { minLength: sizeOf(shape), maxLength: sizeOf(shape) })
          .map((values): [string, NamedValues] => [name, { shape, values: Float32Array.from(values) }]),
      ),
    ),
  );

test('there and back: every name, shape and number, and the metadata', () => {
  fc.assert(
    fc.property(namedTensors, fc.dictionary(fc.string(), fc.string()), (entries, metadata) => {
      const read = readSafetensors(writeSafetensors(new Map(entries), metadata));
      assert.is(read.tensors.size, entries.length);
      for (const [name, { shape, values }] of entries) {
        const found = read.tensors.get(name);
        assert.equal(found?.shape, shape, name);
        assert.ok(
          found?.values.every((value, i) => Object.is(value, values[i])),
          name,
        );
      }
      assert.equal(Object.entries(read.metadata).sort(), Object.entries(metadata).sort());
    }),
  );
});

test('the same tensors give the same bytes, in whatever order; numbers begin at a multiple of 8', () => {
  fc.assert(
    fc.property(namedTensors, (entries) => {
      const bytes = writeSafetensors(new Map(entries));
      assert.equal(writeSafetensors(new Map([...entries].reverse())), bytes);
      assert.is(new DataView(bytes.buffer).getUint32(0, true) % 8, 0);
    }),
  );
});

test('a file that begins anywhere in a buffer', () => {
  const shifted = new Uint8Array(FILE.length + 3);
  shifted.set(FILE, 3);
  assert.equal(readSafetensors(shifted.subarray(3)), readSafetensors(FILE));
});

test('a file written by the Python library: F64, F32, F16, a tensor without numbers, metadata in UTF-8', () => {
  // safetensors.numpy.save({'conv1/filter': float32, 'half': float16, 'double': float64, 'nothing': zeros((0, 3))}, metadata)
  const base64 =
    'MAEAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyLDqXByZXV2ZSI6IsO8IiwiZm9ybWF0IjoibnAifSwiZG91YmxlIjp7ImR0eXBlIjoiRjY0Iiwic2hhcGUi' +
    'OlsyLDFdLCJkYXRhX29mZnNldHMiOlswLDE2XX0sImNvbnYxL2ZpbHRlciI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbMiwyXSwiZGF0YV9vZmZzZXRz' +
    'IjpbMTYsMzJdfSwibm90aGluZyI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbMCwzXSwiZGF0YV9vZmZzZXRzIjpbMzIsMzJdfSwiaGFsZiI6eyJkdHlw' +
    'ZSI6IkYxNiIsInNoYXBlIjpbNV0sImRhdGFfb2Zmc2V0cyI6WzMyLDQyXX19ICAgICAgmpmZmZmZuT+cdQCIPOQ3fgAAwD8AAADAAACAPoKo+zcAPADB' +
    '/3sBAAB8';
  const { tensors, metadata } = readSafetensors(Uint8Array.from(Buffer.from(base64, 'base64')));
  assert.equal(metadata, { format: 'np', épreuve: 'ü' });
  const expected: Record<string, NamedValues> = {
    'conv1/filter': { shape: [2, 2], values: new Float32Array([1.5, -2, 0.25, 3e-5]) },
    half: { shape: [5], values: new Float32Array([1, -2.5, 65504, 2 ** -24, Number.POSITIVE_INFINITY]) },
    double: { shape: [2, 1], values: new Float64Array([0.1, 1e300]) },
    nothing: { shape: [0, 3], values: new Float32Array(0) },
  };
  assert.equal(Object.fromEntries(tensors), expected);
});

test('float64 is kept to the last bit, beside float32', () => {
  const tensors = new Map<string, NamedValues>([
    ['double', { shape: [3], values: new Float64Array([0.1, Math.PI, -1e300]) }],
    ['single', { shape: [1, 2], values: new Float32Array([0.1, -3]) }],
  ]);
  assert.equal(readSafetensors(writeSafetensors(tensors)).tensors, tensors);
});

test('half: every binary16 comes back as it was, numbers between go to the nearest, ties to the even one', () => {
  for (let bits = 0; bits < 0x10000; bits++) {
    const value = halfToNumber(bits);
    if (!Number.isNaN(value)) assert.is(numberToHalf(value), bits, `${value}`);
  }
  assert.is(numberToHalf(Number.NaN) & 0x7e00, 0x7e00);
  for (let bits = 0; bits < 0x7bff; bits += 7) {
    const [low, high] = [halfToNumber(bits), halfToNumber(bits + 1)];
    const middle = (low + high) / 2;
    assert.is(numberToHalf(middle), bits % 2 === 0 ? bits : bits + 1, `${middle}`);
    assert.is(numberToHalf(middle - (high - low) / 64), bits);
    assert.is(numberToHalf(-middle - (high - low) / 64), 0x8000 | (bits + 1));
  }
  assert.equal([65519, 65520, 1e-9].map(numberToHalf), [0x7bff, 0x7c00, 0]);
  const values = Float32Array.of(1, -0.333, 65504, 1e-7);
  const file = writeSafetensors(new Map([['a', { shape: [2, 2], values }]]), { b: 'c' }, { half: true });
  const { tensors, metadata } = readSafetensors(file);
  assert.equal(metadata, { b: 'c' });
  assert.equal(
    [...(tensors.get('a')?.values ?? [])],
    [...values].map((value) => halfToNumber(numberToHalf(value))),
  );
  const large = new Map([['a', { shape: [1], values: Float32Array.of(1e5) }]]);
  assert.throws(() => writeSafetensors(large, {}, { half: true }), /100000 of tensor a is too large for float16/);
});

test('BF16 is the upper half of a float32', () => {
  const bits = [0x3f80, 0xc020, 0x7f80, 0x0001, 0x3eab];
  const bytes = handmade(
    { b: entry([5], 0, 10, 'BF16') },
    bits.flatMap((word) => [word & 255, word >> 8]),
  );
  const values = readSafetensors(bytes).tensors.get('b')?.values;
  assert.equal([...(values ?? [])], [1, -2.5, Number.POSITIVE_INFINITY, 2 ** -133, 0.333984375]);
});

test('half precision: signs, zeros, the smallest, the largest, not a number', () => {
  for (const [bits, value] of [
    [0x0000, 0],
    [0x8000, -0],
    [0x0001, 2 ** -24],
    [0x03ff, 1023 * 2 ** -24],
    [0x0400, 2 ** -14],
    [0x3c00, 1],
    [0x3555, 0.333251953125],
    [0xc000, -2],
    [0x7bff, 65504],
    [0xfc00, Number.NEGATIVE_INFINITY],
    [0x7e00, Number.NaN],
  ])
    assert.ok(Object.is(halfToNumber(bits), value), `${bits.toString(16)}: ${halfToNumber(bits)}`);
});

test('a file cut short anywhere is refused', () => {
  for (let length = 0; length < FILE.length; length++) refusal(FILE.subarray(0, length));
  assert.is(refusal(FILE.subarray(0, 5)), 'is too short to be a safetensors file');
  assert.is(refusal(FILE.subarray(0, 50)), 'is cut short inside its header, or is no safetensors file');
  assert.match(refusal(FILE.subarray(0, FILE.length - 1)), /^is cut short: tensor weight ends at byte \d+ of \d+$/);
});

test('bytes too many are refused', () => {
  const longer = new Uint8Array(FILE.length + 1);
  longer.set(FILE);
  assert.is(refusal(longer), `is damaged: its tensors end at byte ${FILE.length} of ${FILE.length + 1}`);
});

test('an absurd header length is refused before anything is made of it', () => {
  for (const length of [100_000_001n, 2n ** 40n, 2n ** 53n + 1n, 2n ** 64n - 1n]) {
    const bytes = Uint8Array.from(FILE);
    new DataView(bytes.buffer).setBigUint64(0, length, true);
    assert.is(refusal(bytes), 'is no safetensors file (its header would be too long)');
  }
  assert.match(refusal(new TextEncoder().encode('A text that someone called .safetensors')), 'is no safetensors file');
});

test('a header that is not what it should be', () => {
  for (const [header, why] of [
    ['{"a": ', 'is no safetensors file (its header is not JSON)'],
    ['', 'is no safetensors file (its header is not JSON)'],
    ['[1, 2]', 'is no safetensors file (its header is not an object)'],
    ['null', 'is no safetensors file (its header is not an object)'],
    ['7', 'is no safetensors file (its header is not an object)'],
    [{ __metadata__: { epochs: 3 } }, 'has metadata that are not strings'],
    [{ __metadata__: 'text' }, 'has metadata that are not strings'],
    [{ a: null }, 'tensor a has a malformed header'],
    [{ a: { dtype: 'F32', shape: [1] } }, 'tensor a has a malformed header'],
    [{ a: { ...entry([1], 0, 4), data_offsets: [0, 4, 8] } }, 'tensor a has a malformed header'],
    [{ a: entry([-1], 0, 4) }, 'tensor a has a malformed header'],
    [{ a: entry([0.5], 0, 4) }, 'tensor a has a malformed header'],
    [{ a: entry('4', 0, 4) }, 'tensor a has a malformed header'],
    [{ a: entry([1], -4, 0) }, 'tensor a has a malformed header'],
    [{ a: entry([1], 4, 0) }, 'tensor a has a malformed header'],
    [{ a: entry([1], '0', 4) }, 'tensor a has a malformed header'],
    [{ a: entry([1], 0, 4, 32) }, 'tensor a has a malformed header'],
    [{ a: entry([1], 0, 4, 'I32') }, 'tensor a has type I32; F32, F64, F16 and BF16 can be read'],
    [{ a: entry([1], 0, 4, 'constructor') }, 'tensor a has type constructor; F32, F64, F16 and BF16 can be read'],
    [{ a: entry([2], 0, 4) }, 'tensor a [2] does not fill its 4 bytes'],
    [{ a: entry([1], 0, 4, 'F64') }, 'tensor a [1] does not fill its 4 bytes'],
    [
      { a: entry([2 ** 30, 2 ** 30, 2 ** 30], 0, 4) },
      `tensor a [${2 ** 30},${2 ** 30},${2 ** 30}] does not fill its 4 bytes`,
    ],
  ] as const)
    assert.is(refusal(handmade(header, [0, 0, 0, 0])), why, JSON.stringify(header));
  const long = handmade({ a: entry([2 ** 40], 0, 2 ** 42) });
  assert.is(refusal(long), `is cut short: tensor a ends at byte ${long.length + 2 ** 42} of ${long.length}`);
  const gap = { a: entry([1], 4, 8) };
  const twice = { a: entry([1], 0, 4), b: entry([1], 0, 4) };
  const overlap = { a: entry([2], 0, 8), b: entry([1], 4, 8) };
  for (const header of [gap, twice, overlap])
    assert.match(
      refusal(handmade(header, new Uint8Array(8))),
      /^is damaged: its tensors overlap or leave a gap at byte \d+$/,
    );
  assert.is(refusal(handmade('{"\xff": 1}'.replace('\xff', '\ufffd'))), 'tensor \ufffd has a malformed header');
  const notUtf8 = handmade('{"?": 1}');
  notUtf8[10] = 0xff;
  assert.is(refusal(notUtf8), 'is no safetensors file (its header is not JSON)');
});

test('flipped bytes give an error in one sentence, or a file of the same size', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(FILE.length - 1), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 }),
      (flips) => {
        const bytes = Uint8Array.from(FILE);
        for (const [at, mask] of flips) bytes[at] ^= mask;
        try {
          let numbers = 0;
          for (const { values } of readSafetensors(bytes, 'weights.safetensors').tensors.values())
            numbers += values.length;
          assert.ok(numbers <= 6);
        } catch (error) {
          assert.match(error instanceof Error ? error.message : '', /^weights\.safetensors: /);
        }
      },
    ),
    { numRuns: 3000 },
  );
});

test('what cannot be written', () => {
  const values = new Float32Array(3);
  assert.throws(
    () => writeSafetensors(new Map([['a', { shape: [2, 2], values }]])),
    /safetensors: tensor a \[2,2\] has 3 values/,
  );
  assert.throws(
    () => writeSafetensors(new Map([['__metadata__', { shape: [3], values }]])),
    /safetensors: no tensor can be called __metadata__/,
  );
});

test.run();
