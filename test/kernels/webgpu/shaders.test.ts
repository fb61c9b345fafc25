import { readdirSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MATRIX_TILES, matrixSizes } from '../../../src/kernels/webgpu/gemm';
import { isOfMatrices, SHADER_NAMES, shaderSource } from '../../../src/kernels/webgpu/shaders';
import { openTestGpu } from '../../helpers/gpu';

const test = suite('WGSL');

/** Prepended to others, no shaders by themselves. */
const PIECES = [
  'gemm',
  'gemm-matrices',
  'lanes',
  'lanes-1',
  'lanes-4',
  'matrices',
  'matrices-by-hand',
  'prelude',
  'reduction',
  'rows',
  'rows-subgroups',
  'storage-f16',
  'storage-f32',
  'window',
].map((name) => `${name}.wgsl`);

test('every file is in use, under the name of its kernel', () => {
  const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const files = readdirSync('shaders').filter((file) => !PIECES.includes(file));
  // Some are used twice: for numbers, and for vectors of four.
  const used = new Set(SHADER_NAMES.map((name) => `${kebab(name.replace(/(Vectors|Matrices)$/, ''))}.wgsl`));
  assert.equal(files.sort(), [...used].sort());
});

test('every shader compiles without a message', async () => {
  const backend = await openTestGpu();
  if (!backend) return;
  const texts = SHADER_NAMES.flatMap((name) =>
    (backend.features.subgroups ? [false, true] : [false]).map((subgroups) => {
      const sizes = isOfMatrices(name) ? matrixSizes(MATRIX_TILES[0]) : undefined;
      return { name, code: shaderSource(name, { subgroups, matrices: 'by hand', sizes }) };
    }),
  );
  for (const { name, code } of texts) {
    const module = backend.device.createShaderModule({ code });
    const { messages } = await module.getCompilationInfo();
    assert.equal(
      messages.map(({ lineNum, message }) => `${name}:${lineNum}: ${message}`),
      [],
    );
  }
  await backend.close();
});

test.run();
