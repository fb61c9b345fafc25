import type { PrepareProgress, Program } from '../backend';
import type { KernelCall, Slot } from '../kernel';
import type { Buffers } from './buffers';
import type { Commands } from './commands';
import type { Counts } from './counts';
import type { OpenDevice } from './device';
import { type Dispatch, foldWorkgroups, scratchOf, UNIFORM_STRIDE, writeUniforms } from './dispatch';
import { createUniformBuffer, keyOf, type Pipelines } from './pipelines';

export interface Backstage {
  open: OpenDevice;
  buffers: Buffers;
  commands: Commands;
  pipelines: Pipelines;
  counts: Counts;
  /** In one dimension. */
  workgroupLimit: number;
  /** What this backend does for a call: always the same, so that a changed call fits where it was. */
  dispatchesFor(call: KernelCall): Dispatch[];
}

/** One dispatch with everything that WebGPU wants to be told, made once. */
interface Step {
  dispatch: Dispatch;
  pipeline: GPUComputePipeline;
  group: GPUBindGroup;
  offset: Uint32Array;
  columns: number;
  rows: number;
}

const isNeeded = ({ workgroups }: Dispatch): boolean => workgroups > 0;

/**
 * Compiles, binds and writes the uniforms once; run() only encodes.
 * @param wanted the dispatches of each call
 */
export async function prepareProgram(
  wanted: readonly (readonly Dispatch[])[],
  { open, buffers, commands, pipelines, counts, workgroupLimit, dispatchesFor }: Backstage,
  onProgress?: PrepareProgress,
): Promise<Program> {
  const { device } = open;
  const isSameKind = (before: Dispatch, { storage: _, ...after }: Dispatch): boolean =>
    keyOf(before) === keyOf({ ...after, ...(before.storage && { storage: before.storage }) }) &&
    before.workgroups === after.workgroups;
  open.assertAlive();
  const ofCalls = wanted.map((some) => some.filter(isNeeded));
  const dispatches = ofCalls.flat();
  const places = new Map(dispatches.map((dispatch, k) => [dispatch, k]));
  await open.settle(pipelines.load(dispatches, onProgress));

  const uniformBytes = new ArrayBuffer(UNIFORM_STRIDE * dispatches.length);
  const uniforms = createUniformBuffer(device, dispatches.length);
  counts.buffers++;
  const scratch = dispatches.flatMap(scratchOf);
  for (const slot of scratch) buffers.lend(slot);
  const steps = dispatches.map((dispatch, k): Step => {
    writeUniforms(dispatch, uniformBytes, UNIFORM_STRIDE * k);
    const [columns, rows] = foldWorkgroups(dispatch.workgroups, workgroupLimit);
    return {
      dispatch,
      pipeline: pipelines.get(dispatch),
      group: pipelines.bind(dispatch, buffers, uniforms),
      offset: Uint32Array.of(UNIFORM_STRIDE * k),
      columns,
      rows,
    };
  });
  counts.bindGroups += steps.length;
  /** The uniforms from the first to the last that the device does not have yet. */
  let unwritten = { first: 0, end: dispatches.length };
  const writeChanges = () => {
    const { first, end } = unwritten;
    if (first >= end) return;
    if (!commands.mayOvertake(uniforms)) commands.flush(); // what is encoded has uniforms of its own
    const [start, bytes] = [UNIFORM_STRIDE * first, UNIFORM_STRIDE * (end - first)];
    device.queue.writeBuffer(uniforms, start, uniformBytes, start, bytes);
    counts.bytesWritten += bytes;
    unwritten = { first: dispatches.length, end: 0 };
  };
  writeChanges();

  const slots = new Set<Slot>();
  for (const { inputs, output, moreOutputs = [] } of dispatches)
    for (const slot of [...inputs, output, ...moreOutputs]) if (slot) slots.add(slot);
  let freed = false;

  return {
    change(calls) {
      for (const [index, call] of calls)
        for (const [k, dispatch] of dispatchesFor(call).filter(isNeeded).entries()) {
          const before = ofCalls[index][k];
          const place = before && places.get(before);
          if (place === undefined || !isSameKind(before, dispatch))
            throw new Error(`webgpu: a program's ${call.kernel} was changed in more than its scalars`);
          writeUniforms(dispatch, uniformBytes, UNIFORM_STRIDE * place);
          unwritten = { first: Math.min(unwritten.first, place), end: Math.max(unwritten.end, place + 1) };
        }
    },
    run() {
      if (freed) throw new Error('webgpu: a program was run after it was freed');
      open.assertAlive();
      // A slot freed meanwhile would hand its buffer, bound here, to somebody else.
      for (const slot of slots) buffers.at(slot);
      writeChanges();
      for (const { dispatch, pipeline, group, offset, columns, rows } of steps) {
        const pass = commands.pass(dispatch);
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, group, offset, 0, 1);
        pass.dispatchWorkgroups(columns, rows);
      }
      commands.flushIfFull();
    },
    free() {
      if (freed) return;
      freed = true;
      commands.flush();
      uniforms.destroy();
      for (const slot of scratch) buffers.free(slot);
    },
  };
}
