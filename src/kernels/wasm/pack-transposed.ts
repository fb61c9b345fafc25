/**
 * Packs a right operand that is stored the other way round, so that its panels are [inner][NR] like all others:
 * a transposed matrix [columns, inner], or the taps of a filter, each of them a matrix [columns, innerOfTap].
 */
import { f32, i32 } from './assembler';
import type { PackRight } from './gemm';
import { type Code, singleFunction } from './job';

export interface Taps {
  rows: number;
  columns: number;
  /** Bytes from one tap to the next, which may lie before it. */
  rowStep: number;
  columnStep: number;
}

const ONE: Taps = { rows: 1, columns: 1, rowStep: 0, columnStep: 0 };

export const packTransposed =
  (from: number, innerOfTap: number, columns: number, taps: Taps = ONE): PackRight =>
  (address, panelColumns) => ({
    code: packTransposedCode(panelColumns),
    arguments: [from, address, innerOfTap, columns, taps.rows, taps.columns, taps.rowStep, taps.columnStep],
    pieces: Math.ceil(columns / panelColumns),
    work: taps.rows * taps.columns * innerOfTap * columns * 2,
  });

const packTransposedCode = (panelColumns: number): Code =>
  singleFunction(`pack transposed ${panelColumns}`, ({ f, first, end }) => {
    const parameter = () => f.parameter('i32');
    const [from, to, innerOfTap, columns] = [1, 2, 3, 4].map(parameter);
    const [tapRows, tapColumns, rowStep, columnStep] = [1, 2, 3, 4].map(parameter);
    const columnBytes = f.let(i32.shl(innerOfTap, 2));
    const panelNumbers = i32.mul(i32.mul(tapRows, tapColumns), i32.mul(innerOfTap, panelColumns));
    const panelBytes = f.let(i32.shl(panelNumbers, 2));
    const sources = [...Array(panelColumns)].map(() => f.local('i32'));
    f.forRange(first, end, 1, (panel) => {
      const target = f.let(i32.add(to, i32.mul(panel, panelBytes)));
      const firstColumn = f.let(i32.mul(panel, panelColumns));
      const tapRow = f.let(i32.add(from, i32.mul(firstColumn, columnBytes)));
      // Columns past the end repeat the first one of the panel: their products are stored nowhere.
      const strides = sources.map((_, k) =>
        f.let(i32.select(i32.ltS(i32.add(firstColumn, k), columns), i32.mul(columnBytes, k), 0)),
      );
      f.forRange(0, tapRows, 1, () => {
        const tap = f.let(tapRow);
        f.forRange(0, tapColumns, 1, () => {
          sources.forEach((source, k) => {
            f.set(source, i32.add(tap, strides[k]));
          });
          f.forRange(0, innerOfTap, 1, () => {
            sources.forEach((source, k) => {
              f.storeF32(target, f32.load(source), k * 4);
              f.advance(source, 4);
            });
            f.advance(target, panelColumns * 4);
          });
          f.advance(tap, columnStep);
        });
        f.advance(tapRow, rowStep);
      });
    });
  });
