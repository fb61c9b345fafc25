/**
 * A small WebAssembly assembler. An expression is a value that knows its type and its code; a local is an
 * expression too, so kernels read like arithmetic:
 *
 *     const code = new Assembler(memory.limits);
 *     const f = code.function('run');
 *     const [from, to] = [f.parameter('i32'), f.parameter('i32')];
 *     f.forRange(from, to, 16, (address) => {
 *       f.store(address, f32x4.mul(v128.load(address), f32x4.splat(f32.const(2))));
 *     });
 *     const bytes = code.bytes();
 */

export type ValueType = 'i32' | 'f32' | 'f64' | 'v128';

export interface Expression<T extends ValueType> {
  readonly type: T;
  /** Appends the instructions that leave the value on the stack. */
  write(to: number[]): void;
}

/** Where an i32 is wanted, a JavaScript number is a constant. */
export type I32 = number | Expression<'i32'>;
export type F32 = Expression<'f32'>;
export type F64 = Expression<'f64'>;
export type V128 = Expression<'v128'>;

export interface Local<T extends ValueType> extends Expression<T> {
  readonly index: number;
}

export interface MemoryLimits {
  /** Pages of 64 KB. */
  readonly initial: number;
  readonly maximum: number;
  readonly shared: boolean;
}

const typeCodes: Record<ValueType, number> = { i32: 0x7f, f32: 0x7d, f64: 0x7c, v128: 0x7b };

const unsigned = (value: number): number[] => {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return bytes;
};

const signed = (value: number): number[] => {
  const bytes: number[] = [];
  let rest = value | 0;
  while (rest < -64 || rest > 63) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>= 7;
  }
  bytes.push(rest & 0x7f);
  return bytes;
};

const floatBytes = (value: number): number[] => [...new Uint8Array(new Float32Array([value]).buffer)];
const doubleBytes = (value: number): number[] => [...new Uint8Array(new Float64Array([value]).buffer)];

/** A stretch of code: bytes, or an expression to be written there. */
type Code = readonly number[] | Expression<ValueType>;

const append = (to: number[], code: readonly Code[]): void => {
  for (const part of code)
    if ('write' in part) part.write(to);
    else for (const byte of part) to.push(byte);
};

const expression = <T extends ValueType>(type: T, ...code: Code[]): Expression<T> => ({
  type,
  write: (to) => append(to, code),
});

const toCode = (value: I32): Code => (typeof value === 'number' ? [0x41, ...signed(value)] : value);

const i32Binary = (opcode: number) => (left: I32, right: I32) =>
  expression('i32', toCode(left), toCode(right), [opcode]);
const compare =
  <T extends ValueType>(opcode: number) =>
  (left: Expression<T>, right: Expression<T>) =>
    expression('i32', left, right, [opcode]);
const unary =
  <From extends ValueType, To extends ValueType>(to: To, ...opcode: number[]) =>
  (value: Expression<From>) =>
    expression(to, value, opcode);
const binary =
  <T extends ValueType>(type: T, ...opcode: number[]) =>
  (left: Expression<T>, right: Expression<T>) =>
    expression(type, left, right, opcode);
/** Alignment 0 is a hint that costs nothing on the machines we care about. */
const load =
  <T extends ValueType>(type: T, ...opcode: number[]) =>
  (address: I32, offset = 0) =>
    expression(type, toCode(address), opcode, [0], unsigned(offset));

const select = (condition: I32, yes: I32, no: I32) =>
  expression('i32', toCode(yes), toCode(no), toCode(condition), [0x1b]);
const addI32 = i32Binary(0x6a);
const subtractI32 = i32Binary(0x6b);
const multiplyI32 = i32Binary(0x6c);

export const i32 = {
  const: (value: number) => expression('i32', toCode(value)),
  add: (left: I32, right: I32) => (right === 0 && typeof left !== 'number' ? left : addI32(left, right)),
  sub: subtractI32,
  mul: (left: I32, right: I32) => (right === 1 && typeof left !== 'number' ? left : multiplyI32(left, right)),
  divU: i32Binary(0x6e),
  remU: i32Binary(0x70),
  and: i32Binary(0x71),
  or: i32Binary(0x72),
  divS: i32Binary(0x6d),
  shl: i32Binary(0x74),
  shrU: i32Binary(0x76),
  eq: i32Binary(0x46),
  ltS: i32Binary(0x48),
  ltU: i32Binary(0x49),
  gtS: i32Binary(0x4a),
  leS: i32Binary(0x4c),
  geS: i32Binary(0x4e),
  geU: i32Binary(0x4f),
  load: load('i32', 0x28),
  /** Towards zero; what does not fit becomes the nearest that does, NaN becomes 0. */
  truncF64: unary<'f64', 'i32'>('i32', 0xfc, 0x02),
  /** The smaller, the larger of two signed numbers; both are evaluated twice, so hand over locals or constants. */
  min: (left: I32, right: I32) => select(i32Binary(0x48)(left, right), left, right),
  max: (left: I32, right: I32) => select(i32Binary(0x48)(left, right), right, left),
  /** condition ? yes : no, both evaluated. */
  select: (condition: I32, yes: I32, no: I32) => expression('i32', toCode(yes), toCode(no), toCode(condition), [0x1b]),
};

export const f32 = {
  const: (value: number) => expression('f32', [0x43], floatBytes(value)),
  load: load('f32', 0x2a),
  add: binary('f32', 0x92),
  sub: binary('f32', 0x93),
  mul: binary('f32', 0x94),
  div: binary('f32', 0x95),
  max: binary('f32', 0x97),
  sqrt: unary<'f32', 'f32'>('f32', 0x91),
  gt: compare<'f32'>(0x5e),
  fromI32: (value: I32) => expression('f32', toCode(value), [0xb2]),
  fromF64: unary<'f64', 'f32'>('f32', 0xb6),
};

export const f64 = {
  const: (value: number) => expression('f64', [0x44], doubleBytes(value)),
  add: binary('f64', 0xa0),
  sub: binary('f64', 0xa1),
  mul: binary('f64', 0xa2),
  div: binary('f64', 0xa3),
  min: binary('f64', 0xa4),
  max: binary('f64', 0xa5),
  floor: unary<'f64', 'f64'>('f64', 0x9c),
  lt: compare<'f64'>(0x63),
  gt: compare<'f64'>(0x64),
  fromI32: (value: I32) => expression('f64', toCode(value), [0xb7]),
  fromF32: unary<'f32', 'f64'>('f64', 0xbb),
};

const simd = (opcode: number): number[] => [0xfd, ...unsigned(opcode)];

export const v128 = {
  load: load('v128', ...simd(0x00)),
  /** One number in all four lanes. */
  loadSplat: load('v128', ...simd(0x09)),
  and: binary('v128', ...simd(0x4e)),
  /** The bits of the left that are not set in the right. */
  andNot: binary('v128', ...simd(0x4f)),
  or: binary('v128', ...simd(0x50)),
  /** Takes `yes` where the mask's bits are set, `no` elsewhere. */
  bitselect: (yes: V128, no: V128, mask: V128) => expression('v128', yes, no, mask, simd(0x52)),
};

export const i32x4 = {
  splat: (value: I32) => expression('v128', toCode(value), simd(0x11)),
  add: binary('v128', ...simd(0xae)),
  shl: (value: V128, bits: I32) => expression('v128', value, toCode(bits), simd(0xab)),
  shrU: (value: V128, bits: I32) => expression('v128', value, toCode(bits), simd(0xad)),
  eq: binary('v128', ...simd(0x37)),
  fromF32x4: unary<'v128', 'v128'>('v128', ...simd(0xf8)),
};

export const f32x4 = {
  const: (value: number) => {
    const lane = floatBytes(value);
    return expression('v128', simd(0x0c), lane, lane, lane, lane);
  },
  /** Four different numbers. */
  lanes: (...values: [number, number, number, number]) => expression('v128', simd(0x0c), values.flatMap(floatBytes)),
  splat: unary<'f32', 'v128'>('v128', ...simd(0x13)),
  lane: (value: V128, lane: number) => expression('f32', value, simd(0x1f), [lane]),
  fromI32x4: unary<'v128', 'v128'>('v128', ...simd(0xfa)),
  eq: binary('v128', ...simd(0x41)),
  gt: binary('v128', ...simd(0x44)),
  ge: binary('v128', ...simd(0x46)),
  ceil: unary<'v128', 'v128'>('v128', ...simd(0x67)),
  floor: unary<'v128', 'v128'>('v128', ...simd(0x68)),
  nearest: unary<'v128', 'v128'>('v128', ...simd(0x6a)),
  abs: unary<'v128', 'v128'>('v128', ...simd(0xe0)),
  sqrt: unary<'v128', 'v128'>('v128', ...simd(0xe3)),
  add: binary('v128', ...simd(0xe4)),
  sub: binary('v128', ...simd(0xe5)),
  mul: binary('v128', ...simd(0xe6)),
  div: binary('v128', ...simd(0xe7)),
  /** NaN on either side gives NaN, as in min. */
  max: binary('v128', ...simd(0xe9)),
  min: binary('v128', ...simd(0xe8)),
  /** right < left ? right : left. One instruction on x86, and NaN on the left stays NaN, unlike min. */
  pmin: binary('v128', ...simd(0xea)),
  /** left < right ? right : left. */
  pmax: binary('v128', ...simd(0xeb)),
  /** left * right + sum with one rounding or two, as the machine likes. Not every engine knows it. */
  relaxedMultiplyAdd: (left: V128, right: V128, sum: V128) => expression('v128', left, right, sum, simd(0x105)),
};

export class FunctionBuilder {
  private readonly parameters: ValueType[] = [];
  private readonly locals: ValueType[] = [];
  private readonly body: number[] = [];
  /** How many blocks are open. */
  private depth = 0;

  constructor(
    readonly index: number,
    readonly exportName?: string,
  ) {}

  parameter<T extends ValueType>(type: T): Local<T> {
    if (this.locals.length > 0) throw new Error('assembler: parameters come before locals');
    this.parameters.push(type);
    return this.localAt(type, this.parameters.length - 1);
  }

  local<T extends ValueType>(type: T): Local<T> {
    this.locals.push(type);
    return this.localAt(type, this.parameters.length + this.locals.length - 1);
  }

  /** A new local that holds the value. */
  let<T extends ValueType>(value: Expression<T>): Local<T> {
    const local = this.local(value.type);
    this.set(local, value);
    return local;
  }

  set<T extends ValueType>(local: Local<T>, value: Expression<T>): void {
    this.emit(value, [0x21], unsigned(local.index));
  }

  /** local += amount. */
  advance(local: Local<'i32'>, amount: I32): void {
    if (amount !== 0) this.set(local, i32.add(local, amount));
  }

  store(address: I32, value: V128, offset = 0): void {
    this.emit(toCode(address), value, simd(0x0b), [0], unsigned(offset));
  }

  /** Stores one of the four numbers. */
  storeLane(address: I32, value: V128, lane: number, offset = 0): void {
    this.emit(toCode(address), value, simd(0x5a), [0], unsigned(offset), [lane]);
  }

  storeI32(address: I32, value: I32, offset = 0): void {
    this.emit(toCode(address), toCode(value), [0x36, 0], unsigned(offset));
  }

  storeF32(address: I32, value: F32, offset = 0): void {
    this.emit(toCode(address), value, [0x38, 0], unsigned(offset));
  }

  call(callee: FunctionBuilder, ...values: Expression<ValueType>[]): void {
    for (const value of values) this.emit(value);
    this.emit([0x10], unsigned(callee.index));
  }

  when(condition: I32, then: () => void, otherwise?: () => void): void {
    this.emit(toCode(condition), [0x04, 0x40]);
    this.depth++;
    then();
    if (otherwise) {
      this.emit([0x05]);
      otherwise();
    }
    this.depth--;
    this.emit([0x0b]);
  }

  /** Runs the body, which may leave early: leaveWhen(condition) goes on behind the block, from however deep inside. */
  block(body: (leaveWhen: (condition: I32) => void) => void): void {
    this.emit([0x02, 0x40]);
    const outside = this.depth++;
    body((condition) => this.emit(toCode(condition), [0x0d], unsigned(this.depth - outside - 1)));
    this.depth--;
    this.emit([0x0b]);
  }

  /** Repeats the body while the condition, tested after it, holds. */
  doWhile(body: () => void, condition: () => I32): void {
    this.emit([0x03, 0x40]);
    this.depth++;
    body();
    this.depth--;
    this.emit(toCode(condition()), [0x0d, 0, 0x0b]);
  }

  /** for (index = from; index < to; index += step), all signed. `to` is evaluated again at every turn. */
  forRange(from: I32, to: I32, step: number, body: (index: Local<'i32'>) => void): void {
    const index = this.local('i32');
    this.set(index, expression('i32', toCode(from)));
    this.continueRange(index, to, step, () => body(index));
  }

  /** while (index < to) { body; index += step }, from wherever index stands. */
  continueRange(index: Local<'i32'>, to: I32, step: number, body: () => void): void {
    this.when(i32.ltS(index, to), () =>
      this.doWhile(
        () => {
          body();
          this.advance(index, step);
        },
        () => i32.ltS(index, to),
      ),
    );
  }

  /** Runs the body a fixed number of times, known when the code is made. */
  repeat(times: number, body: () => void): void {
    if (times === 1) body();
    if (times <= 1) return;
    const left = this.let(i32.const(times));
    this.doWhile(
      () => {
        body();
        this.set(left, i32.sub(left, 1));
      },
      () => left,
    );
  }

  signature(): readonly ValueType[] {
    return this.parameters;
  }

  bytes(): Uint8Array {
    const locals = this.locals.flatMap((type) => [1, typeCodes[type]]);
    const content = [...unsigned(this.locals.length), ...locals];
    const size = content.length + this.body.length + 1;
    return joined(unsigned(size), content, this.body, [0x0b]);
  }

  private localAt<T extends ValueType>(type: T, index: number): Local<T> {
    const code = [[0x20, ...unsigned(index)]];
    return { type, index, write: (to) => append(to, code) };
  }

  private emit(...code: Code[]): void {
    append(this.body, code);
  }
}

/** sum + left * right: in one instruction with one rounding where the engine has that, else in two. */
export const plusProduct = (sum: V128, left: V128, right: V128, fused: boolean): V128 =>
  fused ? f32x4.relaxedMultiplyAdd(left, right, sum) : f32x4.add(sum, f32x4.mul(left, right));

const text = (value: string): number[] => {
  const bytes = new TextEncoder().encode(value);
  return [...unsigned(bytes.length), ...bytes];
};
const vector = (items: readonly ArrayLike<number>[]): Uint8Array => joined(unsigned(items.length), ...items);
const section = (id: number, content: Uint8Array): Uint8Array => joined([id], unsigned(content.length), content);

/** Code is some hundred kilobytes in all: spreading it as numbers took a tenth of a program's start. */
function joined(...parts: readonly ArrayLike<number>[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** One module. It imports the memory as environment.memory and exports the functions that have a name. */
export class Assembler {
  private readonly functions: FunctionBuilder[] = [];
  private knowsThread = false;

  constructor(private readonly memory: MemoryLimits) {}

  function(exportName?: string): FunctionBuilder {
    const builder = new FunctionBuilder(this.functions.length, exportName);
    this.functions.push(builder);
    return builder;
  }

  /** The number of the thread that runs the code, from 0: what an instance gets as environment.thread. */
  thread(): Expression<'i32'> {
    this.knowsThread = true;
    return expression('i32', [0x23, 0]);
  }

  bytes(): Uint8Array<ArrayBuffer> {
    const { initial, maximum, shared } = this.memory;
    const limits = [shared ? 0x03 : 0x01, ...unsigned(initial), ...unsigned(maximum)];
    const types = this.functions.map((f) =>
      joined([0x60], vector(f.signature().map((type) => [typeCodes[type]])), [0]),
    );
    const exported = this.functions.flatMap(({ exportName, index }) =>
      exportName === undefined ? [] : [[...text(exportName), 0x00, ...unsigned(index)]],
    );
    const environment = text('environment');
    const imports = [[...environment, ...text('memory'), 0x02, ...limits]];
    if (this.knowsThread) imports.push([...environment, ...text('thread'), 0x03, typeCodes.i32, 0]);
    return joined(
      [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
      section(1, vector(types)),
      section(2, vector(imports)),
      section(3, vector(this.functions.map(({ index }) => unsigned(index)))),
      section(7, vector(exported)),
      section(10, vector(this.functions.map((f) => f.bytes()))),
    );
  }
}
