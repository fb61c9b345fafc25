import type { Backend, Numbers } from '../kernels/backend';
import type { Slot } from '../kernels/kernel';
import { type Derivation, differentiable } from './record';
import { enterScope } from './scope';
import { formatShape, type Shape, ShapeError, sizeOf } from './shape';
import { actingFor } from './stand-in';

/** A slot and how many tensors share it. */
interface Storage {
  slot: Slot;
  references: number;
}

/**
 * Numbers in a shape, on a backend. Contiguous and row-major; images are NHWC. Never changed by an operation:
 * each makes a new tensor. Memory is freed by the scope around it or by `dispose()`.
 */
export class Tensor {
  readonly shape: Shape;
  /** The operation that made it: what an error after it was freed names. */
  readonly origin: string;
  /** How the gradient passes through it; undefined for what does not depend on parameters, and for parameters. */
  derivation: Derivation | undefined;
  readonly #backend: Backend;
  readonly #storage: Storage;
  #isParameter = false;
  #disposed = false;

  private constructor(backend: Backend, shape: Shape, origin: string, storage: Storage) {
    this.#backend = backend;
    this.shape = shape;
    this.origin = origin;
    this.#storage = storage;
    storage.references++;
    enterScope(this);
  }

  /** A tensor whose numbers a kernel call is about to write. */
  static empty(backend: Backend, shape: Shape, origin: string): Tensor {
    for (const side of shape)
      if (!Number.isInteger(side) || side < 0)
        throw new ShapeError(`${origin}: ${formatShape(shape)} is no shape; every side must be a whole number`);
    const acting = actingFor(backend);
    return new Tensor(acting, shape, origin, { slot: acting.allocate(sizeOf(shape)), references: 0 });
  }

  /**
   * @param values row-major; copied
   * @throws ShapeError when their count is not the product of the shape
   */
  static from(backend: Backend, values: ArrayLike<number>, shape: Shape = [values.length]): Tensor {
    if (values.length !== sizeOf(shape))
      throw new ShapeError(`tensor: ${values.length} values do not fill shape ${formatShape(shape)}`);
    const tensor = Tensor.empty(backend, shape, 'tensor');
    tensor.backend.write(tensor.slot, values);
    return tensor;
  }

  /** Whom to ask for what is done with it: where its numbers are, or what stands in for that at the moment. */
  get backend(): Backend {
    return actingFor(this.#backend);
  }

  /** Where the numbers are. @throws Error after the tensor was freed */
  get slot(): Slot {
    if (this.#disposed)
      throw new Error(`tensor ${formatShape(this.shape)} made by ${this.origin} was used after it was freed`);
    return this.#storage.slot;
  }

  get size(): number {
    return sizeOf(this.shape);
  }

  /** Whether it is a parameter or was computed from one. */
  get requiresGradient(): boolean {
    return this.#isParameter || this.derivation !== undefined;
  }

  /** Makes it a parameter: operations from now on record how they depend on it, for gradients(). */
  requireGradient(): this {
    this.#isParameter = true;
    return this;
  }

  /**
   * The numbers, once every operation before has been carried out: float64 on reference, float32 elsewhere.
   * They are those of the moment of the call, even when the tensor is freed before they arrive.
   */
  data(): Promise<Numbers> {
    return this.backend.read(this.slot);
  }

  /**
   * The same numbers in another shape, sharing storage. One side may be -1: it follows from the others.
   * The gradient passes through, in the old shape.
   * @throws ShapeError when the sizes differ
   */
  reshape(...shape: number[]): Tensor {
    const known = shape.reduce((product, side) => (side === -1 ? product : product * side), 1);
    const resolved = shape.map((side) => (side === -1 ? this.size / known : side));
    if (sizeOf(resolved) !== this.size || !resolved.every((side) => Number.isInteger(side) && side >= 0))
      throw new ShapeError(
        `reshape: ${formatShape(this.shape)} has ${this.size} numbers, ${formatShape(shape)} does not`,
      );
    this.slot; // throws if freed
    const output = new Tensor(this.backend, resolved, 'reshape', this.#storage);
    return differentiable(output, [this], (dOutput) => [dOutput.reshape(...this.shape)]);
  }

  /** Frees the numbers, unless a reshaped tensor still shares them. Calling it again does nothing. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#storage.references--;
    if (this.#storage.references === 0) this.backend.free(this.#storage.slot);
  }
}
