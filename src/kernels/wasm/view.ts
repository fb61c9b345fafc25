import { type BinaryFunction, MOST_AXES } from '../graph-kernels';
import type { KernelCall } from '../kernel';
import { type FunctionBuilder, f32, f32x4, type I32, i32, type Local, type V128, v128 } from './assembler';
import { elementwiseJob } from './elementwise';
import { emitExp } from './exp';
import { type Code, type Job, type Planning, singleFunction } from './job';
import { emitLogOfAny } from './log';
import { copyRun, mapRun } from './runs';

/** Of the axes before the last: their sides, and for each operand its strides in bytes, in the order of a table. */
const outerTable = (sides: readonly number[], strides: readonly (readonly number[])[]): Int32Array =>
  Int32Array.from(
    sides.slice(0, -1).flatMap((side, axis) => [side, ...strides.map((ofOperand) => ofOperand[axis] * 4)]),
  );

/** Axes of side 1 change nothing: all calls have as many axes, so that few modules serve them. */
const padded = (numbers: readonly number[], filler: number): number[] => [
  ...new Array<number>(MOST_AXES - numbers.length).fill(filler),
  ...numbers,
];

/** Adds to each address where a row of the output, counted through all axes but the last, begins in that operand. */
function addressRow(f: FunctionBuilder, row: Local<'i32'>, table: Local<'i32'>, addresses: readonly Local<'i32'>[]) {
  const entryBytes = 4 * (1 + addresses.length);
  const rest = f.let(row);
  const side = f.local('i32');
  const index = f.local('i32');
  const entry = f.let(i32.add(table, (MOST_AXES - 2) * entryBytes));
  // From the last axis on, until nothing is left of the row's number: the indices before are 0.
  f.doWhile(
    () => {
      f.set(side, i32.load(entry));
      f.set(index, i32.remU(rest, side));
      f.set(rest, i32.divU(rest, side));
      for (const [k, address] of addresses.entries()) f.advance(address, i32.mul(index, i32.load(entry, 4 * (k + 1))));
      f.advance(entry, -entryBytes);
    },
    () => rest,
  );
}

const productOf = (sides: readonly number[]): number => sides.reduce((product, side) => product * side, 1);

/** Rows shorter than this are not worth finding the start of each. */
const SHORT_ROW = 16;
/** Of such rows, how many are a piece. */
const ROWS = 256;

/** A piece is a row of the output, all axes but the last, or several where rows are short. */
export const view = ({ inputs, outputs, attributes }: KernelCall<'view'>, { address, table }: Planning): Job[] => {
  const [sides, strides] = [padded(attributes.sides, 1), padded(attributes.strides, 0)];
  const [[rows, columns], [down, across]] = [sides.slice(-2), strides.slice(-2)];
  const operands = [address(inputs.input) + attributes.offset * 4, address(outputs.output)];
  if (columns < SHORT_ROW && rows > 1) {
    // The last axis but one is walked as well: to the table it is an axis of side 1.
    const [outer, outerStrides] = [sides.with(-2, 1), strides.with(-2, 0)];
    const start = table(`view ${outer} ${outerStrides}`, () => outerTable(outer, [outerStrides]));
    return [
      {
        code: shortRowsCode,
        arguments: [...operands, start, rows, columns * 4, down * 4, across * 4],
        pieces: productOf(sides.slice(0, -2)) * Math.ceil(rows / ROWS),
        work: productOf(sides) * 8,
      },
    ];
  }
  const start = table(`view ${sides} ${strides}`, () => outerTable(sides, [strides]));
  return [
    {
      code: across === 1 ? copyCode : across === 0 ? fillCode : gatherCode,
      arguments: [...operands, start, columns * 4, across * 4],
      pieces: productOf(sides.slice(0, -1)),
      work: productOf(sides) * (across === 1 ? 4 : 8),
    },
  ];
};

const viewCode = (
  name: string,
  writeRow: (f: FunctionBuilder, from: Local<'i32'>, to: Local<'i32'>, bytes: Local<'i32'>, stride: I32) => void,
): Code =>
  singleFunction(`view ${name}`, ({ f, first, end }) => {
    const [input, output, table, rowBytes, stride] = [1, 2, 3, 4, 5].map(() => f.parameter('i32'));
    f.advance(output, i32.mul(first, rowBytes));
    f.forRange(first, end, 1, (row) => {
      const from = f.let(input);
      addressRow(f, row, table, [from]);
      writeRow(f, from, output, rowBytes, stride);
      f.advance(output, rowBytes);
    });
  });

const copyCode = viewCode('copying', (f, from, to, bytes) => copyRun(f, from, to, bytes));
const fillCode = viewCode('repeating', (f, from, to, bytes) => {
  const value = f.let(v128.loadSplat(from));
  mapRun(f, to, bytes, () => value);
});
const gatherCode = viewCode('gathering', (f, from, to, bytes, stride) => {
  const at = f.let(to);
  gatherRow(f, from, at, f.let(i32.add(to, bytes)), stride);
});

/** Numbers `stride` bytes apart, beside one another from `at` to `end`; both addresses go on. */
function gatherRow(f: FunctionBuilder, from: Local<'i32'>, at: Local<'i32'>, end: Local<'i32'>, stride: I32): void {
  f.continueRange(at, end, 4, () => {
    f.storeF32(at, f32.load(from));
    f.advance(from, stride);
  });
}

const shortRowsCode: Code = singleFunction('view short rows', ({ f, first, end }) => {
  const [input, output, table, rows, rowBytes, down, across] = [1, 2, 3, 4, 5, 6, 7].map(() => f.parameter('i32'));
  const blocks = f.let(i32.divU(i32.add(rows, ROWS - 1), ROWS));
  f.forRange(first, end, 1, (piece) => {
    const outer = f.let(i32.divU(piece, blocks));
    const begin = f.let(i32.mul(i32.remU(piece, blocks), ROWS));
    const stop = f.let(i32.add(begin, ROWS));
    f.set(stop, i32.min(stop, rows));
    const start = f.let(input);
    addressRow(f, outer, table, [start]);
    f.advance(start, i32.mul(begin, down));
    const at = f.let(i32.add(output, i32.mul(i32.add(i32.mul(outer, rows), begin), rowBytes)));
    const rowEnd = f.let(at);
    f.forRange(begin, stop, 1, () => {
      const from = f.let(start);
      f.advance(rowEnd, rowBytes);
      gatherRow(f, from, at, rowEnd, across);
      f.advance(start, down);
    });
  });
});

const zero = f32x4.const(0);
const one = f32x4.const(1);
const [quiet, infinite] = [Number.NaN, Number.POSITIVE_INFINITY].map(f32x4.const);

/** |x|^y = e^(y log |x|), negative where x is and y is odd; not a number where x is negative and y not whole. */
function emitPower(f: FunctionBuilder, left: V128, right: V128): V128 {
  const [x, y] = [f.let(left), f.let(right)];
  const size = f.let(f32x4.abs(x));
  const ofSize = emitExp(f, f.let(f32x4.mul(y, emitLogOfAny(f, size))));
  const ofZero = v128.bitselect(zero, v128.bitselect(one, infinite, f32x4.eq(y, zero)), f32x4.gt(y, zero));
  const power = f.let(v128.bitselect(ofZero, ofSize, f32x4.eq(size, zero)));
  const half = f.let(f32x4.mul(y, f32x4.const(0.5)));
  const isEven = f32x4.eq(half, f32x4.floor(half));
  const isWhole = f32x4.eq(y, f32x4.floor(y));
  const ofNegative = v128.bitselect(v128.bitselect(power, f32x4.sub(zero, power), isEven), quiet, isWhole);
  return v128.bitselect(ofNegative, power, f32x4.gt(zero, x));
}

const emitters: { [F in BinaryFunction]: (f: FunctionBuilder, left: V128, right: V128) => V128 } = {
  add: (_, left, right) => f32x4.add(left, right),
  subtract: (_, left, right) => f32x4.sub(left, right),
  multiply: (_, left, right) => f32x4.mul(left, right),
  divide: (_, left, right) => f32x4.div(left, right),
  power: emitPower,
  maximum: (_, left, right) => f32x4.max(left, right),
  minimum: (_, left, right) => f32x4.min(left, right),
  equal: (_, left, right) => v128.and(one, f32x4.eq(left, right)),
  greater: (_, left, right) => v128.and(one, f32x4.gt(left, right)),
  greaterOrEqual: (_, left, right) => v128.and(one, f32x4.ge(left, right)),
};

/** Operands that lie alike go number by number; else a piece is a row of the output, on all axes but the last. */
export const binary = ({ inputs, outputs, attributes }: KernelCall<'binary'>, { address, table }: Planning): Job[] => {
  const { function: name, sides, leftStrides, rightStrides } = attributes;
  const emit = emitters[name];
  const [output, left, right] = [outputs.output, inputs.left, inputs.right].map(address);
  if (sides.length === 1 && leftStrides[0] === 1 && rightStrides[0] === 1)
    return [
      elementwiseJob({
        key: name,
        length: sides[0],
        output,
        streams: [left, right],
        compute: (f, { streams }) => emit(f, streams[0], streams[1]),
      }),
    ];
  const all = padded(sides, 1);
  const strides = [padded(leftStrides, 0), padded(rightStrides, 0)];
  const repeated = strides.map((ofOperand) => ofOperand[MOST_AXES - 1] === 0);
  return [
    {
      code: rowsCode(name, repeated, emit),
      arguments: [
        left,
        right,
        output,
        table(`binary ${all} ${strides.join(' ')}`, () => outerTable(all, strides)),
        all[MOST_AXES - 1] * 4,
      ],
      pieces: productOf(all.slice(0, -1)),
      work: productOf(all) * 4,
    },
  ];
};

const rowsCode = (name: BinaryFunction, repeated: readonly boolean[], emit: (typeof emitters)[BinaryFunction]): Code =>
  singleFunction(`binary ${name} ${repeated}`, ({ f, first, end }) => {
    const [left, right, output, table, rowBytes] = [1, 2, 3, 4, 5].map(() => f.parameter('i32'));
    f.advance(output, i32.mul(first, rowBytes));
    f.forRange(first, end, 1, (row) => {
      const rows = [f.let(left), f.let(right)];
      addressRow(f, row, table, rows);
      const single = rows.map((start, k) => (repeated[k] ? f.let(v128.loadSplat(start)) : undefined));
      mapRun(f, output, rowBytes, (at, shift) => {
        const [l, r] = rows.map((start, k) => single[k] ?? v128.load(i32.add(start, at), shift));
        return emit(f, l, r);
      });
      f.advance(output, rowBytes);
    });
  });
