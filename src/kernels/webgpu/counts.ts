/**
 * What was made and what was asked of the device since the backend was opened: a few additions a call. Subtract two
 * readings to know what something costs. A steady state makes no buffers and no bind groups.
 */
export interface Counts {
  /** Created; taking one from the pool is free. */
  buffers: number;
  bindGroups: number;
  /** Of command buffers to the queue. */
  submits: number;
  dispatches: number;
  /** From the host into buffers, uniforms included. */
  bytesWritten: number;
}

export const noCounts = (): Counts => ({ buffers: 0, bindGroups: 0, submits: 0, dispatches: 0, bytesWritten: 0 });
