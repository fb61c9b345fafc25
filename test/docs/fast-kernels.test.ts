import { families, machineOf } from '../../src/kernels/wasm/machine';
import { MATRIX_TILES, TILES } from '../../src/kernels/webgpu/gemm';
import { traceNetwork } from '../../src/nn/compile';
import { compile, ResidualBlock } from '../../src/nn/index';
import { LossScale } from '../../src/nn/loss-scale';
import { type Backend, conv2d, matmul, multiply, random, Tensor } from '../../src/tensor/index';
import { halfToNumber, numberToHalf } from '../../src/tensor/safetensors';
import { testChapter } from './chapter';

const chapter = testChapter('fast-kernels');

chapter.check('windows as rows', async (given, backend) => {
  const image = given.image('X');
  // Which numbers a window holds is what filters with a single 1 say.
  const picks = [0, 1, 2, 3].map((k) => [0, 1, 2, 3].map((o) => (k === o ? 1 : 0)));
  const A = conv2d(image, Tensor.from(backend, picks.flat(), [2, 2, 1, 4]), { padding: 'valid' }).reshape(4, 4);
  return { A, Y: matmul(A, given.matrix('B')) };
});

const perLoad = (rows: number, columns: number) => (rows * columns) / (rows + columns);
const processorTiles = families.map((family) => machineOf(family, true).tiles);

chapter.check('products per load', () => {
  const largest = TILES[0];
  const has = (rows: number, columns: number) =>
    processorTiles.some((tiles) => tiles.some((tile) => tile.rows === rows && tile.columns === columns));
  if (!has(4, 8) || !has(6, 16)) throw new Error('the page names tiles that there are not');
  return {
    '1 by 1': perLoad(1, 1),
    '4 by 8': perLoad(4, 8),
    '6 by 16': perLoad(6, 16),
    '128 by 128': perLoad(largest.rows, largest.columns),
  };
});

chapter.check('one step of the largest tile', () => {
  const { rows, columns, inner, rowsPerThread, columnVectors } = TILES[0];
  const ofThread = rowsPerThread * 4 * columnVectors;
  return {
    rows,
    columns,
    'terms of a step': inner,
    'numbers fetched': (rows + columns) * inner,
    'multiply-adds': rows * columns * inner,
    threads: (rows * columns) / ofThread,
    'multiply-adds of a thread': ofThread * inner,
  };
});

/** The four products, with the matrices of the page, and the plain sum; they must agree. */
async function winograd(backend: Backend, d: readonly number[], g: readonly number[]) {
  const column = (values: readonly number[]) => Tensor.from(backend, values, [values.length, 1]);
  const times = (rows: readonly number[][], right: Tensor) =>
    matmul(Tensor.from(backend, rows.flat(), [rows.length, rows[0].length]), right);
  const input = times(
    [
      [1, 0, -1, 0],
      [0, 1, 1, 0],
      [0, -1, 1, 0],
      [0, 1, 0, -1],
    ],
    column(d),
  );
  const filter = times(
    [
      [1, 0, 0],
      [0.5, 0.5, 0.5],
      [0.5, -0.5, 0.5],
      [0, 0, 1],
    ],
    column(g),
  );
  const m = multiply(input, filter);
  const y = times(
    [
      [1, 1, 1, 0],
      [0, 1, -1, -1],
    ],
    m,
  );
  const plain = conv2d(Tensor.from(backend, d, [1, 1, 4, 1]), Tensor.from(backend, g, [1, 3, 1, 1]), {
    padding: 'valid',
  });
  const [saved, sums] = await Promise.all([y.data(), plain.data()]);
  for (const k of [0, 1])
    if (Math.abs(saved[k] - sums[k]) > 1e-5) throw new Error(`Winograd gives ${saved}, the plain sum ${sums}`);
  return { m, y: plain };
}

chapter.check('by hand', (given, backend) => winograd(backend, given.list('d'), given.list('g')));
chapter.check('Winograd', (_, backend) => winograd(backend, [2, 0, 1, 3], [1, 2, 3]));

chapter.check('a residual block', async (_, backend) => {
  const block = new ResidualBlock({ backend, random: random(1) }, { inChannels: 8, outChannels: 8 });
  const forward = (input: Tensor) => [block.forward(input)];
  const { calls, computed } = traceNetwork(backend, forward, [1, 4, 4, 8]);
  computed.dispose();
  const plan = await compile(backend, forward, [1, 4, 4, 8]);
  return { operations: calls.length, 'kernels in the plan': plan.calls.length };
});

chapter.check('sizes', (_, backend) => {
  const image = Tensor.from(backend, new Float32Array(28 * 28 * 64), [1, 28, 28, 64]);
  const filter = Tensor.from(backend, new Float32Array(9 * 64 * 64), [3, 3, 64, 64]);
  const [, height, width] = image.shape; // padding keeps the size
  const rows = height * width;
  const columns = filter.shape[3];
  const terms = filter.size / columns;
  return { rows, terms, columns, 'numbers of A': rows * terms, 'numbers of X': image.size };
});

chapter.check('loads and products', () => {
  const [tile] = machineOf('low', true).tiles;
  const vectors = tile.columns / 4;
  return { loads: tile.rows + vectors, 'multiply-adds': tile.rows * vectors };
});

const half = (x: number) => halfToNumber(numberToHalf(x));

chapter.check('numbers as halves', (given) => ({ halves: given.list('numbers').map(half) }));

chapter.check('three thousand tenths', () => {
  let [inHalves, inFull] = [0, 0];
  for (let k = 0; k < 3000; k++) {
    inHalves = half(inHalves + half(0.1));
    inFull = Math.fround(inFull + half(0.1));
  }
  return { 'summed in halves': inHalves, 'summed in 32 bits': inFull };
});

chapter.check('one step on tensor cores', () => {
  const [{ rows, columns, inner }] = MATRIX_TILES;
  const product = 16 ** 3;
  return {
    rows,
    columns,
    'terms of a step': inner,
    'products of 16 x 16': (rows * columns * inner) / product,
    'multiply-adds of each': product,
  };
});

chapter.check('a small gradient', (given) => {
  const gradient = given.number('gradient') * given.number('times');
  const scaled = half(gradient * new LossScale().at(0));
  return {
    'as a half': half(gradient),
    scale: new LossScale().at(0),
    'scaled, as a half': scaled / given.number('times'),
    'and back': scaled / new LossScale().at(0) / given.number('times'),
  };
});

chapter.check('the largest scale', () => {
  let exponent = 0;
  while (Number.isFinite(half(2 ** (exponent + 1 - 3)))) exponent++;
  return { 'exponent of the scale': exponent, 'exponent of the smallest': exponent - 30 };
});

chapter.run();
