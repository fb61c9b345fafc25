import type { Backend, CopyRange, Numbers, Program } from '../kernels/backend';
import { isUpdate, type KernelCall, type Slot } from '../kernels/kernel';

/**
 * A backend that computes nothing and writes down the calls made on it, so that an inference plan can be made
 * of them. Tensors of the backend it stands in for take part as constants.
 */
export class TracingBackend implements Backend {
  readonly name;
  readonly description;
  readonly bytesOfNumber;
  readonly isAsynchronous = false;
  readonly liveBytes = 0;
  readonly calls: KernelCall[] = [];
  readonly target: Backend;

  constructor(target: Backend) {
    this.target = target;
    this.name = target.name;
    this.bytesOfNumber = target.bytesOfNumber;
    this.description = `a trace for ${target.name}`;
  }

  allocate(length: number): Slot {
    return { length };
  }
  free(): void {}
  write(): void {
    throw new Error('compile: a network made a tensor from values while it was traced; make it a parameter');
  }
  copy(_from: Slot, _to: Slot, _range: CopyRange): void {
    throw new Error('compile: a network copied between tensors while it was traced');
  }
  async read(): Promise<Numbers> {
    throw new Error('compile: a network read the numbers of a tensor while it was traced; there are none yet');
  }
  run(call: KernelCall): void {
    if (isUpdate(call))
      throw new Error(
        'compile: a network changed its tensors while it was traced, as in training; call evaluate() first',
      );
    this.calls.push(call);
  }
  async prepare(): Promise<Program> {
    throw new Error('compile: a network compiled another one while it was traced');
  }
  async close(): Promise<void> {}
}
