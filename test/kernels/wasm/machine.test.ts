import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LINEAR, RELU } from '../../../src/kernels/kernel';
import { conv2d } from '../../../src/kernels/wasm/conv2d';
import { conv2dFilterGradient } from '../../../src/kernels/wasm/conv2d-filter-gradient';
import { examineMachine, families, isRight, type Machine, machineOf, trialOf } from '../../../src/kernels/wasm/machine';
import { matmul } from '../../../src/kernels/wasm/matmul';
import { random } from '../../../src/tensor/random';
import { hasSameBits, openBare, relativeError } from './bare';

const test = suite('wasm machine');

const { fused } = examineMachine();
const machines = families.map((family) => machineOf(family, fused));

function product(machine: Machine, [rows, inner, columns]: readonly number[]) {
  const { normal } = random(3);
  const bare = openBare(machine);
  const [left, right, bias] = [rows * inner, inner * columns, columns].map((length) =>
    Float32Array.from({ length }, normal),
  );
  const output = bare.place(new Float32Array(rows * columns).fill(Number.NaN));
  bare.run(
    matmul(
      {
        kernel: 'matmul',
        inputs: { left: bare.place(left), right: bare.place(right), bias: bare.place(bias) },
        outputs: { output },
        attributes: { rows, inner, columns, transposeLeft: false, transposeRight: false, activation: LINEAR },
      },
      bare.planning,
    ),
  );
  const expected = Float64Array.from({ length: rows * columns }, (_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    let sum = bias[column];
    for (let k = 0; k < inner; k++) sum += left[row * inner + k] * right[k * columns + column];
    return sum;
  });
  return { actual: bare.read(output), expected };
}

test('a machine is examined once', () => {
  assert.is(examineMachine(), examineMachine());
});

test('every tile of the menu computes rightly, and the test of it sees a wrong number', () => {
  for (const { tiles, lowTiles } of machines)
    for (const tile of [...tiles, ...lowTiles]) {
      const trial = trialOf(tile, fused);
      assert.ok(isRight(trial, tile), `${tile.rows} x ${tile.columns}`);
      const spoiled = (times: number): void => {
        trial.run(times);
        for (let k = 512; k < 1024; k++) trial.numbers[k] += trial.numbers[k] === 0 ? 0 : 1;
      };
      assert.not(isRight({ numbers: trial.numbers, run: spoiled }, tile));
    }
});

test('matrix products of every size around the tiles: right, and the same bits whatever the tile', () => {
  for (const rows of [1, 2, 3, 5, 7, 13, 40])
    for (const columns of [1, 5, 8, 16, 20, 33]) {
      const results = machines.map((machine) => product(machine, [rows, 19, columns]));
      for (const { actual, expected } of results) {
        assert.ok(relativeError(actual, expected) < 1e-6, `${rows} x ${columns}`);
        assert.ok(hasSameBits(actual, results[0].actual), `${rows} x ${columns}`);
      }
    }
});

test('a convolution and its gradient give the same bits whatever the tile', () => {
  const sizes = {
    ...{ batch: 2, height: 9, width: 11, inChannels: 13, outHeight: 9, outWidth: 11, outChannels: 21 },
    ...{ filterHeight: 3, filterWidth: 3, strideY: 1, strideX: 1, top: 1, left: 1 },
  };
  const results = machines.map((machine) => {
    const { normal } = random(4);
    const bare = openBare(machine);
    const filled = (length: number) => bare.place(Float32Array.from({ length }, normal));
    const [input, filter, residual] = [2 * 99 * 13, 9 * 13 * 21, 2 * 99 * 21].map(filled);
    const [output, gradient] = [filled(2 * 99 * 21), filled(9 * 13 * 21)];
    const attributes = { ...sizes, activation: RELU };
    bare.run(
      conv2d({ kernel: 'conv2d', inputs: { input, filter, residual }, outputs: { output }, attributes }, bare.planning),
    );
    bare.run(
      conv2dFilterGradient(
        {
          kernel: 'conv2dFilterGradient',
          inputs: { input, outputGradient: residual },
          outputs: { output: gradient },
          attributes: sizes,
        },
        bare.planning,
      ),
    );
    return [bare.read(output), bare.read(gradient)];
  });
  for (const result of results)
    for (const [k, values] of result.entries()) assert.ok(hasSameBits(values, results[0][k]));
});

test.run();
