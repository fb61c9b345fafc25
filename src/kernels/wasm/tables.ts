import type { Memory } from './memory';

interface Table {
  readonly address: number;
  readonly bytes: number;
  /** Programs that run with it. */
  users: number;
}

/** Tables that no program uses are kept for the next call of their shape, up to this many bytes. */
const IDLE_BYTES = 16 << 20;

/** Read-only numbers in the memory, by key, shared by all calls and programs that ask for the same. */
export class Tables {
  private readonly tables = new Map<string, Table>();

  constructor(private readonly memory: Memory) {}

  /** The table's address. It stays there until release() is called with the key, and maybe longer. */
  hold(key: string, make: () => Int32Array): number {
    const known = this.tables.get(key);
    if (known) {
      known.users++;
      // Last in the map: the one whose last use is longest ago is first.
      this.tables.delete(key);
      this.tables.set(key, known);
      return known.address;
    }
    const values = make();
    const address = this.memory.allocateBytes(values.byteLength);
    new Int32Array(this.memory.memory.buffer, address, values.length).set(values);
    this.tables.set(key, { address, bytes: values.byteLength, users: 1 });
    return address;
  }

  release(keys: Iterable<string>): void {
    for (const key of keys) {
      const table = this.tables.get(key);
      if (table) table.users--;
    }
    this.dropIdle();
  }

  private dropIdle(): void {
    const idle = [...this.tables].filter(([, { users }]) => users === 0);
    let bytes = idle.reduce((sum, [, table]) => sum + table.bytes, 0);
    for (const [key, table] of idle) {
      if (bytes <= IDLE_BYTES) return;
      this.tables.delete(key);
      this.memory.freeBytes(table.address);
      bytes -= table.bytes;
    }
  }
}
