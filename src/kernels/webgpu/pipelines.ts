import type { PrepareProgress } from '../backend';
import { BUFFER_USAGE, type Buffers } from './buffers';
import { type Dispatch, UNIFORM_STRIDE } from './dispatch';
import { type ShaderForm, shaderSource } from './shaders';
import { wholeOf } from './view';

const COMPUTE_STAGE = 0x4; // GPUShaderStage.COMPUTE, a global in browsers only

export interface Pipelines {
  /** The pipeline of a dispatch, compiled now if nobody has asked for it before. */
  get(dispatch: Dispatch): GPUComputePipeline;
  /** Compiles what these dispatches need, all at once and without blocking. */
  load(dispatches: readonly Dispatch[], onProgress?: PrepareProgress): Promise<void>;
  /** @param uniforms holds the dispatch's uniforms at the dynamic offset that setBindGroup() gives. */
  bind(dispatch: Dispatch, buffers: Buffers, uniforms: GPUBuffer): GPUBindGroup;
}

/** Which of two forms the pieces of shaders have that come in two. */
export type Forms = Pick<ShaderForm, 'subgroups' | 'matrices'>;

const pipelinesOfDevices = new WeakMap<GPUDevice, Map<string, Pipelines>>();

/** The pipelines of a device: a backend that is opened on it once more compiles none again. */
export const pipelinesOf = (device: GPUDevice, forms: Forms): Pipelines =>
  remembered(
    remembered(pipelinesOfDevices, device, () => new Map<string, Pipelines>()),
    JSON.stringify(forms),
    () => createPipelines(device, forms),
  );

function createPipelines(device: GPUDevice, { subgroups, matrices }: Forms): Pipelines {
  const modules = new Map<string, GPUShaderModule>();
  const layouts = new Map<string, { group: GPUBindGroupLayout; pipeline: GPUPipelineLayout }>();
  const pipelines = new Map<string, GPUComputePipeline>();
  const compiling = new Map<string, Promise<void>>();

  const moduleOf = ({ shader, storage, sizes }: Dispatch) =>
    remembered(modules, `${shader} ${storage} ${inWords(sizes)}`, () =>
      device.createShaderModule({ label: shader, code: shaderSource(shader, { subgroups, matrices, storage, sizes }) }),
    );

  /** Binding 0 the uniforms, then the inputs, then the outputs: the layout depends on their numbers only. */
  const layoutOf = ({ inputs, moreOutputs = [] }: Pick<Dispatch, 'inputs' | 'moreOutputs'>) =>
    remembered(layouts, `${inputs.length} ${moreOutputs.length}`, () => {
      const storage = (binding: number, type: GPUBufferBindingType) => ({
        binding,
        visibility: COMPUTE_STAGE,
        buffer: { type },
      });
      const group = device.createBindGroupLayout({
        entries: [
          { binding: 0, visibility: COMPUTE_STAGE, buffer: { type: 'uniform', hasDynamicOffset: true } },
          ...inputs.map((_, k) => storage(k + 1, 'read-only-storage')),
          storage(inputs.length + 1, 'storage'),
          ...moreOutputs.map((_, k) => storage(inputs.length + 2 + k, 'storage')),
        ],
      });
      return { group, pipeline: device.createPipelineLayout({ bindGroupLayouts: [group] }) };
    });

  const descriptor = (dispatch: Dispatch): GPUComputePipelineDescriptor => ({
    label: dispatch.shader,
    layout: layoutOf(dispatch).pipeline,
    compute: { module: moduleOf(dispatch), entryPoint: 'main', constants: dispatch.constants ?? {} },
  });

  /** Programs that are prepared at the same time share the pipelines under way. */
  const compile = (key: string, dispatch: Dispatch) =>
    remembered(compiling, key, async () => {
      try {
        pipelines.set(key, await device.createComputePipelineAsync(descriptor(dispatch)));
      } finally {
        compiling.delete(key);
      }
    });

  return {
    get: (dispatch) => remembered(pipelines, keyOf(dispatch), () => device.createComputePipeline(descriptor(dispatch))),

    async load(dispatches, onProgress) {
      const missing = new Map<string, Dispatch>();
      for (const dispatch of dispatches) missing.set(keyOf(dispatch), dispatch);
      for (const key of pipelines.keys()) missing.delete(key);
      let count = 0;
      await Promise.all(
        Array.from(missing, async ([key, dispatch]) => {
          await compile(key, dispatch);
          onProgress?.(++count, missing.size);
        }),
      );
    },

    bind({ shader, inputs, output, moreOutputs = [] }, buffers, uniforms) {
      const outputs = [output, ...moreOutputs];
      const written = new Set(outputs.map((slot) => slot && wholeOf(slot)));
      if (inputs.some((slot) => slot && written.has(wholeOf(slot))))
        throw new Error(`webgpu: ${shader} cannot write to a slot that it reads`);
      const storage = [
        ...inputs.map((slot) => (slot ? buffers.binding(slot) : { buffer: buffers.dummy })),
        ...outputs.map((slot) => (slot ? buffers.binding(slot) : { buffer: buffers.sink })),
      ];
      return device.createBindGroup({
        layout: layoutOf({ inputs, moreOutputs }).group,
        entries: [
          { binding: 0, resource: { buffer: uniforms, size: UNIFORM_STRIDE } },
          ...storage.map((resource, k) => ({ binding: k + 1, resource })),
        ],
      });
    },
  };
}

/** A buffer for the uniforms of `count` dispatches. */
export const createUniformBuffer = (device: GPUDevice, count: number): GPUBuffer =>
  device.createBuffer({
    size: UNIFORM_STRIDE * Math.max(1, count),
    usage: BUFFER_USAGE.uniform | BUFFER_USAGE.copyDestination,
  });

/** Dispatches with equal keys share a pipeline. */
export const keyOf = ({ shader, storage = 'f32', constants, sizes }: Dispatch): string =>
  `${shader} ${storage} ${inWords(constants)} ${inWords(sizes)}`;

const inWords = (constants: Dispatch['constants'] = {}): string => Object.entries(constants).flat().join(' ');

interface Memory<K, V> {
  get(key: K): V | undefined;
  set(key: K, value: V): unknown;
}

/** What was made for a key, now if nobody has asked for it before. */
export function remembered<K, V>(map: Memory<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const value = make();
  map.set(key, value);
  return value;
}
