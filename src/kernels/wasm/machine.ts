/**
 * What this engine and this processor are quick at: found out once a process, the same for all backends in it.
 *
 * What changes a rounding (multiply-add in one instruction or two) is decided by asking what the engine knows, so that
 * a machine always gives the same bits. What does not (the tile) is decided by the clock, where the engine can be told
 * to optimise at once: its quick first compilation says nothing about the later one.
 */
import { platform } from '#platform';
import { Assembler, f32x4, i32 } from './assembler';
import { pieceFunction } from './job';
import { emitTile, type RatedTile, type Tile } from './tile';

export interface Machine {
  /** Whether the engine multiplies and adds in one instruction, with one rounding. */
  readonly fused: boolean;
  /** Whether it makes 256-bit vectors of two that are side by side. */
  readonly wide: boolean;
  /** Tiles to choose from. */
  readonly tiles: readonly RatedTile[];
  /** Tiles for products of no more rows than theirs, fewest first. */
  readonly lowTiles: readonly Tile[];
}

const rated = (rows: number, columns: number, rate: number): RatedTile => ({ rows, columns, rate });

/**
 * Tiles that fill sixteen registers, the first of each family the best. V8 keeps one register, and not every version
 * of it gets by with one splat and two vectors of B beside the twelve sums of six rows.
 */
const FAMILIES = {
  low: [rated(4, 8, 1), rated(3, 8, 0.98)],
  tall: [rated(6, 8, 1), rated(4, 8, 0.93), rated(3, 8, 0.8)],
  wide: [rated(4, 16, 1), rated(3, 16, 0.9)],
  tallWide: [rated(6, 16, 1), rated(5, 16, 0.95), rated(4, 16, 0.91), rated(3, 16, 0.75)],
} satisfies Record<string, RatedTile[]>;
export type Family = keyof typeof FAMILIES;
export const families: readonly Family[] = ['low', 'tall', 'wide', 'tallWide'];

const lowTiles = (wide: boolean): Tile[] => [
  { rows: 1, columns: 32 },
  { rows: 2, columns: wide ? 32 : 16 },
];

export const machineOf = (family: Family, fused: boolean): Machine => {
  const wide = family === 'wide' || family === 'tallWide';
  return { fused, wide, tiles: FAMILIES[family], lowTiles: lowTiles(wide) };
};

let examined: Machine | undefined;

export const examineMachine = (): Machine => {
  examined ??= examine();
  return examined;
};

const examine = (): Machine => {
  if (platform.unlockFastVectors()) {
    const fused = knowsMultiplyAdd();
    const family = platform.optimizing(() => fastest(fused));
    if (family) return machineOf(family, fused);
    platform.lockFastVectors(); // it computes wrongly
  }
  const fused = knowsMultiplyAdd();
  return machineOf(platform.optimizing(() => fastest(fused)) ?? (fused ? 'tall' : 'low'), fused);
};

const limits = { initial: 1, maximum: 1, shared: false };

/** Relaxed SIMD has no other way to be found out: make a module with it and ask whether it is valid. */
const knowsMultiplyAdd = (): boolean => {
  const assembler = new Assembler(limits);
  const f = assembler.function('run');
  const one = f32x4.const(1);
  f.store(0, f32x4.relaxedMultiplyAdd(one, one, one));
  return WebAssembly.validate(assembler.bytes());
};

/** Addresses of a tile's operands, in 64 KB. */
const [BIAS, RESIDUAL, OUTPUT, LEFT, RIGHT] = [64, 1024, 2048, 4096, 16_384];
const INNER = 64;

export interface Trial {
  numbers: Float32Array;
  /** Computes the tile so many times. */
  run(times: number): void;
}

/** One tile with everything a convolution has: bias, residual, a bent activation. */
export const trialOf = ({ rows, columns }: Tile, fused: boolean): Trial => {
  const assembler = new Assembler(limits);
  const { f, first, end } = pieceFunction(assembler);
  const tile = assembler.function();
  emitTile(tile, {
    ...{ rows, columns, inner: INNER, rightStride: columns, outputStride: columns, scattered: false, fused },
    ...{ source: { kind: 'affine', rowStride: INNER }, bias: true, residual: true },
    activation: { slope: 0.5, ceiling: Number.POSITIVE_INFINITY },
  });
  f.forRange(first, end, 1, () => f.call(tile, ...[LEFT, RIGHT, BIAS, RESIDUAL, OUTPUT, 0, 0, 0, rows].map(i32.const)));
  const memory = new WebAssembly.Memory(limits);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(assembler.bytes()), { environment: { memory } });
  const { run } = instance.exports;
  if (typeof run !== 'function') throw new Error('wasm: a module without its function "run"');
  return { numbers: new Float32Array(memory.buffer), run: (times) => run(0, times) };
};

/** Whether it computes the tile rightly, tried with small whole numbers, whose sums are exact in any order. */
export const isRight = ({ numbers, run }: Trial, { rows, columns }: Tile): boolean => {
  for (let k = 0; k < numbers.length; k++) numbers[k] = ((k * 7919) % 61) - 30;
  const given = numbers.slice();
  run(1);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const place = row * columns + column;
      let sum = given[BIAS / 4 + column] + given[RESIDUAL / 4 + place];
      for (let k = 0; k < INNER; k++)
        sum += given[LEFT / 4 + row * INNER + k] * given[RIGHT / 4 + k * columns + column];
      if (numbers[OUTPUT / 4 + place] !== (sum > 0 ? sum : sum / 2)) return false;
    }
  return true;
};

const ROUNDS = 9;
const TIMES = 60;

/** The family whose best tile takes the least time for a multiplication; undefined when any of them is wrong. */
const fastest = (fused: boolean): Family | undefined => {
  const trials = families.map((family) => {
    const [tile] = FAMILIES[family];
    return { family, tile, trial: trialOf(tile, fused), best: Number.POSITIVE_INFINITY };
  });
  if (!trials.every(({ trial, tile }) => isRight(trial, tile))) return undefined;
  for (let round = 0; round < ROUNDS; round++)
    for (const each of trials) {
      const started = performance.now();
      each.trial.run(TIMES);
      each.best = Math.min(each.best, (performance.now() - started) / (each.tile.rows * each.tile.columns));
    }
  return trials.reduce((left, right) => (right.best < left.best ? right : left)).family;
};
