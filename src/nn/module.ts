import type { Backend } from '../kernels/backend';
import { parameter } from '../tensor/autograd';
import type { Random } from '../tensor/random';
import type { NamedValues } from '../tensor/safetensors';
import { unscoped } from '../tensor/scope';
import { formatShape, type Shape, sizeOf } from '../tensor/shape';
import { Tensor } from '../tensor/tensor';

/** Where a module's tensors live, and what its first weights are drawn from. */
export interface Birth {
  backend: Backend;
  /** Without it every weight starts at zero, to be loaded. */
  random?: Random | undefined;
}

/**
 * A layer, or a network of layers. It owns two kinds of tensors: parameters, which an optimiser changes, and buffers
 * (running averages), which training changes by itself. Both have a path, the names of the modules on the way joined
 * by dots, `stages.0.1.conv1.weight`: the path is the key in a checkpoint.
 *
 * The tensors outlive every scope, keep their identity while their numbers change, and are freed by dispose().
 */
export abstract class Module {
  readonly #parameters = new Map<string, Tensor>();
  readonly #buffers = new Map<string, Tensor>();
  readonly #children = new Map<string, Module>();
  #training = false;
  #random: Random | undefined;

  abstract forward(input: Tensor): Tensor;

  /** @param draw the first value of each number; zero where the birth has no generator */
  protected parameter(
    { backend, random }: Birth,
    name: string,
    shape: Shape,
    draw: (random: Random) => number,
  ): Tensor {
    const values = new Float32Array(sizeOf(shape));
    if (random) for (let i = 0; i < values.length; i++) values[i] = draw(random);
    const tensor = unscoped(() => parameter(backend, values, shape));
    this.#parameters.set(name, tensor);
    return tensor;
  }

  protected buffer({ backend }: Birth, name: string, shape: Shape, value: number): Tensor {
    const tensor = unscoped(() => Tensor.from(backend, new Float32Array(sizeOf(shape)).fill(value), shape));
    this.#buffers.set(name, tensor);
    return tensor;
  }

  protected child<M extends Module>(name: string, module: M): M {
    this.#children.set(name, module);
    return module;
  }

  /** What an optimiser may change, by path. */
  parameters(): Map<string, Tensor> {
    return this.#collect((module) => module.#parameters);
  }

  /** Running averages, by path. */
  buffers(): Map<string, Tensor> {
    return this.#collect((module) => module.#buffers);
  }

  #collect(own: (module: Module) => ReadonlyMap<string, Tensor>): Map<string, Tensor> {
    const all = new Map(own(this));
    for (const [name, child] of this.#children)
      for (const [path, tensor] of child.#collect(own)) all.set(`${name}.${path}`, tensor);
    return all;
  }

  /** How many numbers an optimiser may change. */
  get parameterCount(): number {
    return [...this.parameters().values()].reduce((sum, tensor) => sum + tensor.size, 0);
  }

  get training(): boolean {
    return this.#training;
  }

  /** Where dropout draws from while training. */
  protected get random(): Random | undefined {
    return this.#random;
  }

  /**
   * From now on batch norms use the batch's statistics and dropout drops.
   * @param random what dropout draws from: the trainer's generator, whose state its checkpoints hold
   */
  train(random?: Random): this {
    this.#training = true;
    this.#random = random;
    for (const child of this.#children.values()) child.train(random);
    return this;
  }

  /** From now on each input is treated on its own, and always alike: the mode of a new module, and of compile(). */
  evaluate(): this {
    this.#training = false;
    for (const child of this.#children.values()) child.evaluate();
    return this;
  }

  /** The numbers of every parameter and buffer, by path, as of the moment of the call: what a checkpoint holds. */
  state(): Promise<Map<string, NamedValues>> {
    return readTensors([...this.parameters(), ...this.buffers()]);
  }

  /**
   * Takes over the numbers of a checkpoint. Nothing is changed unless everything fits.
   *
   * @param source for errors: the file
   * @throws Error in one sentence for names that are missing or unknown, and for other shapes
   */
  load(values: ReadonlyMap<string, NamedValues>, source = 'the weights'): void {
    writeTensors(new Map([...this.parameters(), ...this.buffers()]), values, source);
  }

  /** The same for a module that nobody else has yet: it is disposed of where the numbers do not fit. */
  loaded(values: ReadonlyMap<string, NamedValues>, source: string): this {
    try {
      this.load(values, source);
    } catch (error) {
      this.dispose();
      throw error;
    }
    return this;
  }

  /** Frees every parameter and buffer. */
  dispose(): void {
    for (const tensor of [...this.parameters().values(), ...this.buffers().values()]) tensor.dispose();
  }
}

/** Reads named tensors together. */
export async function readTensors(tensors: Iterable<[string, Tensor]>): Promise<Map<string, NamedValues>> {
  const reads = Array.from(tensors, async ([name, tensor]): Promise<[string, NamedValues]> => {
    return [name, { shape: tensor.shape, values: await tensor.data() }];
  });
  return new Map(await Promise.all(reads));
}

/**
 * Writes values into the tensors of the same names, all or none.
 * @throws Error for names that are missing or unknown, and for other shapes
 */
export function writeTensors(
  tensors: ReadonlyMap<string, Tensor>,
  values: ReadonlyMap<string, NamedValues>,
  source: string,
): void {
  const list = (names: string[]) =>
    `${names.slice(0, 3).join(', ')}${names.length > 3 ? `, ... (${names.length})` : ''}`;
  const missing = [...tensors.keys()].filter((name) => !values.has(name));
  if (missing.length > 0)
    throw new Error(`${source}: misses ${list(missing)}; is it of another architecture, or of other options?`);
  const unknown = [...values.keys()].filter((name) => !tensors.has(name));
  if (unknown.length > 0)
    throw new Error(
      `${source}: holds ${list(unknown)}, which this network does not have; is it of another architecture?`,
    );
  const found = [...tensors].map(([name, tensor]) => ({ name, tensor, value: values.get(name) }));
  for (const { name, tensor, value } of found)
    if (value && formatShape(value.shape) !== formatShape(tensor.shape))
      throw new Error(
        `${source}: ${name} is ${formatShape(value.shape)}, this network needs ${formatShape(tensor.shape)}`,
      );
  for (const { tensor, value } of found) if (value) tensor.backend.write(tensor.slot, value.values);
}

/** Copies numbers into a parameter or buffer, whose own are lost. Results computed before keep theirs. */
export function assign(target: Tensor, source: Tensor): void {
  if (formatShape(target.shape) !== formatShape(source.shape))
    throw new Error(`assign: ${formatShape(source.shape)} does not fit into ${formatShape(target.shape)}`);
  target.backend.copy(source.slot, target.slot, { length: target.size });
}
