import type { Counts } from './counts';
import type { Dispatch } from './dispatch';

/** Work is handed to the GPU in batches of about this many dispatches: often enough to keep it busy. */
const DISPATCHES_A_BATCH = 64;

/** What is encoded and not yet submitted: one command encoder, and one compute pass as long as only dispatches come. */
export interface Commands {
  /** Whether something waits to be submitted. */
  readonly pending: boolean;
  /** The pass to encode one more dispatch into. */
  pass(dispatch: Dispatch): GPUComputePassEncoder;
  /** From now on each dispatch gets a pass of its own, as the clock describes it; without one they share passes again. */
  clocked(clock: Clock | undefined): void;
  copy(from: GPUBuffer, fromOffset: number, to: GPUBuffer, toOffset: number, bytes: number): void;
  /** Whether the queue may write to a buffer at once, before what is encoded: nothing of that has to do with the buffer. */
  mayOvertake(buffer: GPUBuffer): boolean;
  /** Submits if the batch is full. */
  flushIfFull(): void;
  flush(): void;
}

/** Describes the pass of a dispatch that is to be timed: timestamps are taken where passes begin and end. */
export type Clock = (dispatch: Dispatch) => GPUComputePassDescriptor;

/**
 * @param beforeSubmit is called before each submission, to write what the encoded work reads
 * @param afterSubmit is called after each
 */
export function createCommands(
  device: GPUDevice,
  counts: Counts,
  { beforeSubmit, afterSubmit }: { beforeSubmit: () => void; afterSubmit: () => void },
): Commands {
  let encoder: GPUCommandEncoder | undefined;
  let pass: GPUComputePassEncoder | undefined;
  let dispatches = 0;
  const copied = new Set<GPUBuffer>();
  let clock: Clock | undefined;

  const endPass = () => {
    pass?.end();
    pass = undefined;
  };
  const flush = () => {
    if (!encoder) return;
    endPass();
    beforeSubmit();
    device.queue.submit([encoder.finish()]);
    counts.submits++;
    encoder = undefined;
    dispatches = 0;
    copied.clear();
    afterSubmit();
  };

  return {
    get pending() {
      return encoder !== undefined;
    },
    pass(dispatch) {
      dispatches++;
      counts.dispatches++;
      encoder ??= device.createCommandEncoder();
      if (clock) endPass();
      pass ??= encoder.beginComputePass(clock?.(dispatch));
      return pass;
    },
    clocked(wanted) {
      endPass();
      clock = wanted;
    },
    copy(from, fromOffset, to, toOffset, bytes) {
      endPass();
      encoder ??= device.createCommandEncoder();
      encoder.copyBufferToBuffer(from, fromOffset, to, toOffset, bytes);
      copied.add(from).add(to);
    },
    mayOvertake: (buffer) => dispatches === 0 && !copied.has(buffer),
    flushIfFull() {
      if (dispatches >= DISPATCHES_A_BATCH) flush();
    },
    flush,
  };
}
