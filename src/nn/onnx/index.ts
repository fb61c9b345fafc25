export { exportOnnx, ONNX_VERSIONS, type OnnxOptions } from './export';
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
