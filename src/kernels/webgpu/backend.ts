import type { Backend, CopyRange, Program } from '../backend';
import type { KernelCall, Slot } from '../kernel';
import { createBuffers, MAP_MODE_READ } from './buffers';
import { candidates } from './candidates';
import { createCommands } from './commands';
import { conv2dWithMoments } from './conv2d';
import { type Counts, noCounts } from './counts';
import { type GpuFeatures, openDevice, wordsFor } from './device';
import { type Dispatch, foldWorkgroups, isBindable, scratchOf, UNIFORM_STRIDE, writeUniforms } from './dispatch';
import { prepareHalfProgram } from './half';
import { dispatchesOf } from './kernels';
import { exceeds } from './pieces';
import { createUniformBuffer, pipelinesOf } from './pipelines';
import { createProfiler, type Profile } from './profile';
import { prepareProgram } from './program';
import type { Storage } from './shaders';
import { shapeKey, type TileTable } from './tile-table';
import { createUploads } from './uploads';

export interface WebgpuOptions {
  /** A device that is used as it is and never destroyed; by default one is requested. */
  device?: GPUDevice | undefined;
  /** Whether an adapter that computes on the CPU will do; the wasm backend is faster than those. */
  allowSoftware?: boolean | undefined;
  /** Finds what was measured on the adapter of this description; sizes that the table lacks get a rule of thumb. */
  tiles?: ((adapter: string) => Promise<TileTable | undefined>) | undefined;
  /** Whether threads fold in subgroups; by default where the adapter and its WGSL have what it takes. */
  subgroups?: boolean | undefined;
  /** What half precision keeps numbers in. With 'f32' everything but the rounding can be tried without shader-f16. */
  halves?: Storage | undefined;
  /**
   * Whether halves are multiplied in small matrices, on tensor cores; by default where the adapter has them. 'by hand' does
   * in plain WGSL what they do, to try it.
   */
  matrices?: boolean | 'by hand' | undefined;
  /** Less than the device can, to test with small tensors what befalls large ones. */
  limits?: Partial<DispatchLimits> | undefined;
}

export interface DispatchLimits {
  /** Bytes of a buffer that a shader can see at once, at least 256. */
  bindingBytes: number;
  /** Workgroups in one dimension. */
  workgroups: number;
}

export interface WebgpuBackend extends Backend {
  readonly name: 'webgpu';
  readonly device: GPUDevice;
  /** Whether the "GPU" is a driver that computes on the CPU (SwiftShader, llvmpipe, WARP). */
  readonly isSoftware: boolean;
  readonly counts: Readonly<Counts>;
  readonly features: GpuFeatures;
  /** Whether programs in half precision multiply in small matrices. */
  readonly multipliesMatrices: boolean;
  /** A program of dispatches that the caller has chosen: to compare tiles and shaders. */
  prepareDispatches(dispatches: readonly Dispatch[]): Promise<Program>;
  /**
   * Carries out `work`, calls and programs alike, and tells what each call took on the GPU (without timestamps among
   * the features: only which ones they were). Meanwhile every dispatch has a pass of its own, so the whole takes longer
   * than without; nothing else may use the backend at the same time.
   */
  profile(work: () => void | Promise<void>): Promise<Profile>;
}

/** Uniforms of the calls that are not part of a program, kept until they are submitted. */
const CALLS_A_BATCH = 64;

/** Throws an Error that says why when there is no adapter, or only a software one that is not allowed. */
export async function openWebgpu({
  device: supplied,
  allowSoftware = false,
  tiles: findTiles,
  subgroups,
  halves = 'f16',
  matrices: wantedMatrices,
  limits = {},
}: WebgpuOptions = {}): Promise<WebgpuBackend> {
  const open = await openDevice(supplied, allowSoftware);
  const { device, description, isSoftware, features } = open;
  const counts = noCounts();
  const uniforms = createUniformBuffer(device, CALLS_A_BATCH);
  counts.buffers++;
  const uniformBytes = new ArrayBuffer(UNIFORM_STRIDE * CALLS_A_BATCH);
  let callsInBatch = 0;

  const commands = createCommands(device, counts, {
    beforeSubmit() {
      device.queue.writeBuffer(uniforms, 0, uniformBytes, 0, UNIFORM_STRIDE * callsInBatch);
      counts.bytesWritten += UNIFORM_STRIDE * callsInBatch;
      callsInBatch = 0;
    },
    afterSubmit: () => uploads.submitted(),
  });
  const uploads = createUploads(device, commands, counts);
  const buffers = createBuffers(device, counts, commands.flush, limits.bindingBytes);
  const matrices = wantedMatrices ?? (open.multipliesMatrices && halves === 'f16');
  const pipelines = pipelinesOf(device, {
    subgroups: subgroups ?? open.foldsInSubgroups,
    matrices: matrices === 'by hand' ? 'by hand' : 'device',
  });
  const workgroupLimit = limits.workgroups ?? device.limits.maxComputeWorkgroupsPerDimension;

  const profiler = createProfiler(open, commands, buffers, counts);
  const tiles = await findTiles?.(description);

  /** Measured tiles are for whole calls. */
  const dispatchesFor = (call: KernelCall): Dispatch[] => {
    const limit = buffers.bindingLimit;
    const key = tiles && shapeKey(call);
    const tile = key === undefined ? undefined : tiles?.get(key);
    const chosen =
      tile === undefined || exceeds(call, limit) ? undefined : candidates(call).find((one) => one.tile === tile);
    return chosen && isBindable(chosen.dispatches, limit) ? chosen.dispatches : dispatchesOf(call, limit);
  };
  /** Those of each call. Of a convolution and the moments of its output the one does part of the other's work. */
  const preparedDispatches = (calls: readonly KernelCall[]): Dispatch[][] => {
    const prepared = calls.map(dispatchesFor);
    for (const [k, call] of calls.entries()) {
      const next = calls[k + 1];
      const joined = next && conv2dWithMoments(call, prepared[k], next);
      if (joined && isBindable(joined.flat(), buffers.bindingLimit)) prepared.splice(k, 2, ...joined);
      profiler.note(call, prepared[k]);
    }
    return prepared;
  };

  const halfRefusal =
    halves === 'f32' || features.half
      ? undefined
      : `webgpu: half precision needs the feature shader-f16, which ${description} lacks`;

  const backstage = { open, buffers, commands, pipelines, counts, workgroupLimit, dispatchesFor };

  return {
    name: 'webgpu',
    description,
    extras: wordsFor(features),
    halfRefusal,
    isSoftware,
    features,
    multipliesMatrices: matrices !== false,
    device,
    counts,
    bytesOfNumber: 4,
    isAsynchronous: true,
    get liveBytes() {
      return buffers.liveBytes;
    },

    allocate(length) {
      open.assertAlive();
      return buffers.allocate(length);
    },
    free: buffers.free,

    write(slot, values, offset = 0) {
      assertInside(slot, offset, values.length);
      const buffer = buffers.at(slot);
      // Shared memory is copied, too: Dawn in Node crashes on it.
      const isPlain = values instanceof Float32Array && values.buffer instanceof ArrayBuffer;
      const numbers = isPlain ? values : Float32Array.from(values);
      counts.bytesWritten += numbers.byteLength;
      if (uploads.write(buffer, 4 * offset, numbers)) return;
      // The queue writes at once: it would overtake whatever is encoded but not submitted.
      if (!commands.mayOvertake(buffer)) commands.flush();
      device.queue.writeBuffer(buffer, 4 * offset, numbers);
    },

    copy(from: Slot, to: Slot, { length, fromOffset = 0, toOffset = 0 }: CopyRange) {
      if (from === to) throw new Error('webgpu: cannot copy within one slot');
      assertInside(from, fromOffset, length);
      assertInside(to, toOffset, length);
      commands.copy(buffers.at(from), 4 * fromOffset, buffers.at(to), 4 * toOffset, 4 * length);
    },

    async read(slot) {
      open.assertAlive();
      const bytes = 4 * slot.length;
      const staging = buffers.staging(bytes);
      commands.copy(buffers.at(slot), 0, staging, 0, bytes);
      commands.flush();
      try {
        await open.settle(staging.mapAsync(MAP_MODE_READ, 0, bytes));
      } catch (error) {
        staging.destroy();
        throw error;
      }
      const numbers = new Float32Array(staging.getMappedRange(0, bytes).slice(0));
      staging.unmap();
      buffers.recycle(staging);
      return numbers;
    },

    run(call: KernelCall) {
      open.assertAlive();
      const dispatches = dispatchesFor(call);
      if (profiler.isRunning) profiler.note(call, dispatches);
      for (const dispatch of dispatches) {
        if (dispatch.workgroups === 0) continue;
        if (callsInBatch === CALLS_A_BATCH) commands.flush();
        const offset = UNIFORM_STRIDE * callsInBatch;
        for (const slot of scratchOf(dispatch)) buffers.lend(slot);
        const group = pipelines.bind(dispatch, buffers, uniforms);
        counts.bindGroups++;
        writeUniforms(dispatch, uniformBytes, offset);
        callsInBatch++;
        const pass = commands.pass(dispatch);
        pass.setPipeline(pipelines.get(dispatch));
        pass.setBindGroup(0, group, [offset]);
        pass.dispatchWorkgroups(...foldWorkgroups(dispatch.workgroups, workgroupLimit));
      }
      for (const slot of dispatches.flatMap(scratchOf)) buffers.free(slot);
      commands.flushIfFull();
    },

    async prepare(calls, constants, { onProgress, half } = {}) {
      if (!half) return prepareProgram(preparedDispatches(calls), backstage, onProgress);
      if (halfRefusal !== undefined) throw new Error(halfRefusal);
      return prepareHalfProgram(
        calls,
        constants,
        { onProgress, half },
        { ...backstage, hasMatrices: matrices !== false, storage: halves, note: profiler.note },
      );
    },
    prepareDispatches: (dispatches) => prepareProgram([dispatches], backstage),

    profile(work) {
      open.assertAlive();
      return profiler.profile(work);
    },

    async close() {
      commands.flush();
      uploads.close();
      buffers.close();
      uniforms.destroy();
      open.close();
    },
  };
}

function assertInside(slot: Slot, offset: number, length: number): void {
  if (offset < 0 || offset + length > slot.length)
    throw new Error(`webgpu: numbers ${offset} to ${offset + length} are not inside a slot of ${slot.length}`);
}
