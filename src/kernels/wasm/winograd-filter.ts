/** Filters made ready for Winograd: G g G' of each, as panels [place][panel][inChannels][NR] for the matrix products. */
import type { Conv2dSizes } from '../kernel';
import { f32x4, i32, type Local, type V128, v128 } from './assembler';
import { type Job, singleFunction } from './job';
import type { Scheme } from './winograd-transforms';

export const packFilterJob = (
  { filter: matrix, side, results }: Scheme,
  panelColumns: number,
  { inChannels, outChannels }: Conv2dSizes,
  from: number,
  to: number,
): Job => {
  const panels = Math.ceil(outChannels / panelColumns);
  const placeBytes = panels * inChannels * panelColumns * 4;
  return {
    once: true,
    code: singleFunction(
      `winograd filter ${results} ${panelColumns} ${inChannels} ${outChannels}`,
      ({ f, first, end }) => {
        const [filter, packed] = [1, 2].map(() => f.parameter('i32'));
        const combined = (factors: readonly number[], values: readonly V128[]): Local<'v128'> => {
          const terms = values.flatMap((value, k) =>
            factors[k] === 0 ? [] : [factors[k] === 1 ? value : f32x4.mul(value, f32x4.const(factors[k]))],
          );
          return f.let(terms.reduce((left, right) => f32x4.add(left, right)));
        };
        // A piece is an input channel.
        f.forRange(first, end, 1, (channel) => {
          const source = f.let(i32.add(filter, i32.mul(channel, outChannels * 4)));
          f.forRange(0, outChannels, 4, (column) => {
            const at = f.let(i32.add(source, i32.shl(column, 2)));
            const taps = [0, 1, 2].map((i) =>
              [0, 1, 2].map((j) => f.let(v128.load(at, (i * 3 + j) * inChannels * outChannels * 4))),
            );
            const panel = i32.divU(column, panelColumns);
            const row = i32.add(i32.mul(panel, inChannels), channel);
            const number = i32.add(i32.mul(row, panelColumns), i32.remU(column, panelColumns));
            const target = f.let(i32.add(packed, i32.shl(number, 2)));
            // The columns of G g first, then each row of that times G'.
            const columns = [0, 1, 2].map((j) =>
              matrix.map((factors) =>
                combined(
                  factors,
                  taps.map((tapRow) => tapRow[j]),
                ),
              ),
            );
            matrix.forEach((_, i) => {
              matrix.forEach((factors, j) => {
                const value = combined(
                  factors,
                  columns.map((values) => values[i]),
                );
                f.store(target, value, (i * side + j) * placeBytes);
              });
            });
          });
        });
      },
    ),
    arguments: [from, to],
    pieces: inChannels,
    work: inChannels * outChannels * side ** 2 * 4,
  };
};
