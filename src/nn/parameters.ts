import type { Backend } from '../kernels/backend';
import type { NamedValues } from '../tensor/safetensors';
import { unscoped } from '../tensor/scope';
import { Tensor } from '../tensor/tensor';

/** The named weights of a network on a backend; each is uploaded when it is first asked for, and stays until dispose(). */
export class Parameters {
  readonly backend: Backend;
  readonly #values: ReadonlyMap<string, NamedValues>;
  readonly #tensors = new Map<string, Tensor>();
  readonly #prefix: string;

  constructor(
    backend: Backend,
    values: ReadonlyMap<string, NamedValues>,
    prefix = '',
    tensors = new Map<string, Tensor>(),
  ) {
    this.backend = backend;
    this.#values = values;
    this.#prefix = prefix;
    this.#tensors = tensors;
  }

  /** @throws Error naming the parameter when the file does not hold it */
  get(name: string): Tensor {
    const path = this.#prefix + name;
    let tensor = this.#tensors.get(path);
    if (!tensor) {
      const { values, shape } = this.values(name);
      tensor = unscoped(() => Tensor.from(this.backend, values, shape));
      this.#tensors.set(path, tensor);
    }
    return tensor;
  }

  /** The numbers themselves, on the host. */
  values(name: string): NamedValues {
    const found = this.#values.get(this.#prefix + name);
    if (!found) throw new Error(`the weights have no ${this.#prefix}${name}; are they of another network?`);
    return found;
  }

  has = (name: string): boolean => this.#values.has(this.#prefix + name);

  /** The same parameters, seen from inside a part of the network: `at('conv1').get('bias')` is `conv1/bias`. */
  at(part: string): Parameters {
    return new Parameters(this.backend, this.#values, `${this.#prefix}${part}/`, this.#tensors);
  }

  /** Those that were asked for so far, by path. */
  get uploaded(): ReadonlyMap<string, Tensor> {
    return this.#tensors;
  }

  /** Frees what is on the backend. Whatever is asked for afterwards is uploaded again. */
  dispose(): void {
    for (const tensor of this.#tensors.values()) tensor.dispose();
    this.#tensors.clear();
  }
}
