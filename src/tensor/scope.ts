/** What a scope frees. */
export interface Disposable {
  dispose(): void;
}

/**
 * Frees every tensor made while it is open, unless kept:
 *
 *     using step = scope();
 *     const loss = network.loss(images, labels);   // every tensor in between is freed at the end of the block
 *
 * Scopes nest, and must close in the reverse order of opening. Two asynchronous flows that each hold a scope
 * across an `await` would interleave; read results with `data()` before the scope closes and await them after.
 */
export interface Scope {
  /** Hands a tensor to the scope outside this one (or to nobody, who must then dispose of it). */
  keep<T extends Disposable>(tensor: T): T;
  /** Closes the scope and leaves its tensors alive, until what is returned is disposed of: across an `await`, say. */
  detach(): Disposable;
  [Symbol.dispose](): void;
}

class OpenScope implements Scope {
  readonly members = new Set<Disposable>();
  readonly #outer: OpenScope | undefined;

  constructor(outer: OpenScope | undefined) {
    this.#outer = outer;
  }

  keep<T extends Disposable>(tensor: T): T {
    if (this.members.delete(tensor)) this.#outer?.members.add(tensor);
    return tensor;
  }

  detach(): Disposable {
    const members = [...this.members];
    this.members.clear();
    this[Symbol.dispose]();
    return {
      dispose: () => {
        for (const tensor of members.splice(0)) tensor.dispose();
      },
    };
  }

  [Symbol.dispose](): void {
    if (innermost !== this)
      throw new Error(
        'scope: closed while a scope inside it is open; two asynchronous flows hold scopes across an await',
      );
    innermost = this.#outer;
    for (const tensor of this.members) tensor.dispose();
    this.members.clear();
  }
}

let innermost: OpenScope | undefined;

export function scope(): Scope {
  innermost = new OpenScope(innermost);
  return innermost;
}

export const enterScope = (tensor: Disposable): void => void innermost?.members.add(tensor);

/** Makes tensors that no open scope will free: parameters, and what a plan owns. */
export function unscoped<T>(make: () => T): T {
  const outer = innermost;
  innermost = undefined;
  try {
    return make();
  } finally {
    innermost = outer;
  }
}
