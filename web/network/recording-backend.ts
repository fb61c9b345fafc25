import type { Backend } from '../../src/kernels/backend';
import type { KernelCall } from '../../src/kernels/kernel';
import { MeteredBackend } from '../../src/kernels/metered';

/** A kernel call that was carried out. */
export interface RecordedCall {
  call: KernelCall;
  /** Undefined where calls are carried out while the caller goes on. */
  milliseconds: number | undefined;
}

/** A backend that carries calls out and remembers them, until the calls are taken. */
export class RecordingBackend extends MeteredBackend {
  #calls: RecordedCall[] = [];

  constructor(inner: Backend) {
    super(inner);
    const { run } = this;
    this.run = (call) => {
      const started = performance.now();
      run(call);
      const milliseconds = inner.isAsynchronous ? undefined : performance.now() - started;
      this.#calls.push({ call, milliseconds });
    };
  }

  /** The calls since they were taken last, in their order. */
  takeCalls(): RecordedCall[] {
    const calls = this.#calls;
    this.#calls = [];
    return calls;
  }
}
