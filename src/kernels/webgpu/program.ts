import type { Program } from '../backend';
import type { Slot } from '../kernel';
import type { Buffers } from './buffers';
import type { Commands } from './commands';
import type { OpenDevice } from './device';
import { type Dispatch, foldWorkgroups, UNIFORM_STRIDE, writeUniforms } from './dispatch';
import { createUniformBuffer, type Pipelines } from './pipelines';

interface Backstage {
  open: OpenDevice;
  buffers: Buffers;
  commands: Commands;
  pipelines: Pipelines;
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

/** Compiles, binds and writes the uniforms once; run() only encodes. */
export async function prepareProgram(
  wanted: readonly Dispatch[],
  { open, buffers, commands, pipelines }: Backstage,
): Promise<Program> {
  const { device } = open;
  open.assertAlive();
  const dispatches = wanted.filter(({ workgroups }) => workgroups > 0);
  await open.settle(pipelines.load(dispatches));

  const limit = device.limits.maxComputeWorkgroupsPerDimension;
  const uniformBytes = new ArrayBuffer(UNIFORM_STRIDE * dispatches.length);
  const uniforms = createUniformBuffer(device, dispatches.length);
  const scratch = dispatches.filter(({ isScratch }) => isScratch).map(({ output }) => output);
  for (const slot of scratch) buffers.lend(slot);
  const steps = dispatches.map((dispatch, k): Step => {
    writeUniforms(dispatch, uniformBytes, UNIFORM_STRIDE * k);
    const [columns, rows] = foldWorkgroups(dispatch.workgroups, limit);
    return {
      dispatch,
      pipeline: pipelines.get(dispatch),
      group: pipelines.bind(dispatch, buffers, uniforms),
      offset: Uint32Array.of(UNIFORM_STRIDE * k),
      columns,
      rows,
    };
  });
  device.queue.writeBuffer(uniforms, 0, uniformBytes);

  const slots = new Set<Slot>();
  for (const { inputs, output } of dispatches) for (const slot of [...inputs, output]) if (slot) slots.add(slot);
  let freed = false;

  return {
    run() {
      if (freed) throw new Error('webgpu: a program was run after it was freed');
      open.assertAlive();
      // A slot freed meanwhile would hand its buffer, bound here, to somebody else.
      for (const slot of slots) buffers.at(slot);
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
