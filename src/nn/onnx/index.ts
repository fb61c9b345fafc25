export { exportOnnx, ONNX_VERSIONS, type OnnxOptions } from './export';
export { freezeOnnx } from './freeze';
export {
  MEMORY_LIMIT,
  type OnnxNetwork,
  type OnnxPlan,
  type OnnxPlanOptions,
  type OnnxPort,
  type OnnxResult,
  type OpenOnnxOptions,
  openOnnx,
} from './import';
export type { OnnxLayer } from './layers';
export {
  decodeOnnx,
  encodeOnnx,
  type OnnxAttribute,
  type OnnxGraph,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValueInfo,
} from './proto';
