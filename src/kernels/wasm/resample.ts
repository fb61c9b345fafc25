import type { KernelCall } from '../kernel';
import { f32, f32x4, f64, i32, i32x4, type V128, v128 } from './assembler';
import { type Code, type Job, type Planning, singleFunction } from './job';
import { mapRun } from './runs';

/** A piece is a place on the output's axis for one of the outer ones: `inner` numbers. */
export const resample = ({ inputs, outputs, attributes }: KernelCall<'resample'>, { address }: Planning): Job[] => {
  const { outer, side, outSide, inner, taps, fill } = attributes;
  return [
    {
      code: resampleCode(taps),
      arguments: [
        ...[inputs.input, inputs.places, inputs.weights, outputs.output].map(address),
        side,
        outSide,
        inner * 4,
        fill,
      ],
      pieces: outer * outSide,
      work: outer * outSide * (inner * taps * 4 + 8),
    },
  ];
};

const resampleCode = (taps: number): Code =>
  singleFunction(`resample ${taps}`, ({ f, first, end }) => {
    const [input, places, weights, output, side, outSide, runBytes] = [1, 2, 3, 4, 5, 6, 7].map(() =>
      f.parameter('i32'),
    );
    const fill = f.parameter('f32');
    const outside = f.let(f32x4.splat(fill));
    f.advance(output, i32.mul(first, runBytes));
    f.forRange(first, end, 1, (piece) => {
      const at = f.let(i32.shl(i32.remU(piece, outSide), 2));
      const image = f.let(i32.mul(i32.divU(piece, outSide), side));
      const looks = Array.from({ length: taps }, (_, tap) => {
        const entry = f.let(i32.add(at, i32.mul(outSide, 4 * tap)));
        const place = f.let(i32.truncF64(f64.fromF32(f32.load(i32.add(places, entry)))));
        const isInside = f.let(i32.geS(place, 0));
        const inImage = i32.add(image, i32.select(isInside, place, 0));
        return {
          start: f.let(i32.add(input, i32.mul(inImage, runBytes))),
          mask: f.let(i32x4.splat(i32.sub(0, isInside))),
          weight: f.let(v128.loadSplat(i32.add(weights, entry))),
        };
      });
      mapRun(f, output, runBytes, (run, shift) => {
        const terms = looks.map(({ start, mask, weight }): V128 => {
          const value = v128.bitselect(v128.load(i32.add(start, run), shift), outside, mask);
          return f32x4.mul(value, weight);
        });
        return terms.reduce((sum, term) => f32x4.add(sum, term));
      });
      f.advance(output, runBytes);
    });
  });
