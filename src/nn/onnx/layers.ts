import type { Backend } from '../../kernels/backend';
import { multiplyAdds } from '../../kernels/multiply-adds';
import { type Shape, sizeOf } from '../../tensor/shape';
import { TracingBackend } from '../../tensor/trace';
import { traceMany } from '../compile';
import { elementType, isFloat, shapeOf } from './element';
import { evaluateGraph, type ModelGraph } from './model-graph';
import type { OnnxTensor } from './proto';
import { device, fileOrder, type Value } from './value';
import type { Workbench } from './workbench';

/** One node of a network, as it is carried out. */
export interface OnnxLayer {
  readonly name: string;
  /** The operator. */
  readonly type: string;
  /** Of its first output, in the file's layout. */
  readonly shape: Shape;
  /** Numbers of its own: of initializers that no node before it has read. */
  readonly parameters: number;
  readonly multiplyAdds: number;
}

/**
 * The nodes that compute something, in the order in which they are carried out: what follows from shapes alone is left
 * out. Nothing is computed but constants.
 */
export function layersOf(
  backend: Backend,
  graph: ModelGraph,
  bench: Workbench,
  shapes: readonly Shape[],
  constant: (tensor: OnnxTensor) => Value,
): OnnxLayer[] {
  const layers: OnnxLayer[] = [];
  const counted = new Set<string>();
  const traced = traceMany(
    backend,
    (tensors) => {
      const values = graph.inputs.map(({ name, type }, k): [string, Value] => [
        name,
        device(type, shapes[k], tensors[k], fileOrder(shapes[k])),
      ]);
      let seen = 0;
      const tracing = tensors[0]?.backend;
      evaluateGraph(graph, bench, new Map(values), constant, (node, output) => {
        const calls = tracing instanceof TracingBackend ? tracing.calls.slice(seen) : [];
        seen += calls.length;
        if (output.kind === 'host') return;
        let parameters = 0;
        for (const name of node.input) {
          const tensor = graph.initializers.get(name);
          if (!tensor || counted.has(name) || !isFloat(elementType(tensor.dataType))) continue;
          counted.add(name);
          parameters += sizeOf(shapeOf(tensor.dims));
        }
        layers.push({
          name: node.name || node.output[0],
          type: node.opType,
          shape: output.shape,
          parameters,
          multiplyAdds: calls.reduce((sum, call) => sum + multiplyAdds(call), 0),
        });
      });
      return [];
    },
    shapes,
  );
  traced.computed.dispose();
  return layers;
}
