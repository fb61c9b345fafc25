import type { PrepareProgress } from '../backend';
import type { RunPieces } from './batch';
import type { Code } from './job';
import type { Memory } from './memory';

export interface CompiledCode {
  readonly id: number;
  readonly run: RunPieces;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where the workers find the bytes; 0 without workers. */
  readonly address: number;
  /** Programs that run it. */
  users: number;
}

/** Modules that no program runs are kept for the next call like theirs, while there are no more than this many in all. */
const MOST_MODULES = 1024;

/** Code that has been made and compiled, by key; last in the map what was used last. */
export class Modules {
  private readonly compiled = new Map<string, CompiledCode>();
  private nextId = 0;

  constructor(
    private readonly memory: Memory,
    /** Whether other threads need the bytes. */
    private readonly shared: boolean,
  ) {}

  get(code: Code): CompiledCode {
    const known = this.compiled.get(code.key);
    if (known) {
      this.compiled.delete(code.key);
      this.compiled.set(code.key, known);
      return known;
    }
    const bytes = code.emit(this.memory.limits);
    return this.keep(code.key, bytes, new WebAssembly.Module(bytes));
  }

  get count(): number {
    return this.compiled.size;
  }

  /** Forgets what has not been used for longest, if there is too much; nothing that a program runs. */
  dropIdle(): void {
    for (const [key, { users, address }] of this.compiled) {
      if (this.compiled.size <= MOST_MODULES) return;
      if (users > 0) continue;
      this.compiled.delete(key);
      if (address !== 0) this.memory.freeBytes(address);
    }
  }

  /** Compiles what is new among these, side by side. */
  async compileAll(codes: readonly Code[], onProgress?: PrepareProgress): Promise<void> {
    const fresh = new Map(codes.filter(({ key }) => !this.compiled.has(key)).map((code) => [code.key, code]));
    let count = 0;
    await Promise.all(
      [...fresh.values()].map(async (code) => {
        const bytes = code.emit(this.memory.limits);
        const module = await WebAssembly.compile(bytes);
        if (!this.compiled.has(code.key)) this.keep(code.key, bytes, module);
        onProgress?.(++count, fresh.size);
      }),
    );
  }

  private keep(key: string, bytes: Uint8Array<ArrayBuffer>, module: WebAssembly.Module): CompiledCode {
    const { run } = new WebAssembly.Instance(module, { environment: { memory: this.memory.memory, thread: 0 } })
      .exports;
    if (typeof run !== 'function') throw new Error(`wasm: the module ${key} has no function "run"`);
    let address = 0;
    if (this.shared) {
      address = this.memory.allocateBytes(bytes.length);
      new Uint8Array(this.memory.memory.buffer, address, bytes.length).set(bytes);
    }
    const compiled: CompiledCode = {
      id: this.nextId++,
      run: (first, end, ...rest) => run(first, end, ...rest),
      bytes,
      address,
      users: 0,
    };
    this.compiled.set(key, compiled);
    return compiled;
  }
}
