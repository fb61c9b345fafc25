import { create } from '@bufbuild/protobuf';
import type { Backend } from '../../kernels/backend';
import { outputSlots } from '../../kernels/kernel';
import { formatShape, type Shape } from '../../tensor/shape';
import type { Tensor } from '../../tensor/tensor';
import { type Forward, traceNetwork } from '../compile';
import { GraphWriter } from './graph';
import { addNodes } from './nodes';
import { DATA_TYPE, ModelProto, type OnnxModel } from './proto';

/** The format's version, and that of its operators: those of ONNX 1.12, which every runtime of today reads. */
export const ONNX_VERSIONS = { ir: 8, opset: 17 } as const;

/** More than one, so that a vector for every image and a number for each image cannot be mistaken for each other. */
const TRACED_BATCH = 2;

export interface OnnxOptions {
  /** What the graph is called. */
  name: string;
  /** [height, width, channels] of one image, or another shape of one input. */
  inputShape: Shape;
  /** What each output of the network is called; the input's name is `input`. */
  outputs: readonly string[];
  /** Asked once the network has run: its parameters by name. Others are named constant, constant_1 and so on. */
  parameters?: () => ReadonlyMap<string, Tensor>;
  /** What goes into the model's metadata_props. */
  metadata?: Readonly<Record<string, string>>;
}

/**
 * Traces a network once and writes it as an ONNX model: IR 8, opset 17, float32, a batch of any size. Images are
 * [batch, channels, height, width] there, at the input, inside, and at outputs that are images. Norms stay nodes of
 * their own, and every parameter is an initializer under its own name; convolutions are [out, in, height, width].
 *
 * @param backend where the network's parameters are
 * @param forward of a network in evaluation mode
 * @throws Error in one sentence for an operation that has no counterpart
 */
export async function exportOnnx(backend: Backend, forward: Forward, options: OnnxOptions): Promise<OnnxModel> {
  const { inputShape, outputs: names } = options;
  const traced = traceNetwork(backend, forward, [TRACED_BATCH, ...inputShape]);
  const [input] = traced.inputs;
  const outputs = traced.outputs.map(({ slot, shape: [batch, ...shape] }) => ({ slot, batch, shape }));
  try {
    if (names.length !== outputs.length)
      throw new Error(`onnx: ${names.length} names for the ${outputs.length} outputs of the network`);
    if (new Set(outputs.map(({ slot }) => slot)).size < names.length)
      throw new Error('onnx: a network gave one tensor twice as output');
    const parameterNames = new Map(Array.from(options.parameters?.() ?? [], ([name, { slot }]) => [slot, name]));

    const graph = new GraphWriter(backend, TRACED_BATCH, (slot) => parameterNames.get(slot));
    graph.define(input, { name: 'input', shape: inputShape });
    for (const call of traced.calls) {
      const [output] = outputSlots(call); // what a network does at inference has one
      graph.define(output, addNodes(graph, call));
    }
    for (const [k, { slot, shape, batch }] of outputs.entries()) {
      if (slot === input || graph.isConstant(slot) || batch !== TRACED_BATCH)
        throw new Error(`onnx: output ${names[k]} ${formatShape(shape)} is not computed image by image from the input`);
      graph.name(slot, shape, names[k]);
    }
    return create(ModelProto, {
      irVersion: BigInt(ONNX_VERSIONS.ir),
      opsetImport: [{ domain: '', version: BigInt(ONNX_VERSIONS.opset) }],
      producerName: 'likeness',
      graph: {
        name: options.name,
        node: graph.nodes,
        initializer: await graph.initializers(),
        input: [valueInfo('input', inputShape)],
        output: outputs.map(({ shape }, k) => valueInfo(names[k], shape)),
      },
      metadataProps: Object.entries(options.metadata ?? {}).map(([key, value]) => ({ key, value })),
    });
  } finally {
    traced.computed.dispose();
  }
}

function valueInfo(name: string, shape: Shape) {
  const [height, width, channels] = shape;
  const sides = shape.length === 3 ? [channels, height, width] : shape;
  const dim = [{ dimParam: 'batch' }, ...sides.map((side) => ({ dimValue: BigInt(side) }))];
  return { name, type: { tensorType: { elemType: DATA_TYPE.float, shape: { dim } } } };
}
