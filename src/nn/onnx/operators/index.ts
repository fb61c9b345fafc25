import type { Operators } from '../node';
import { convolutions } from './convolutions';
import { elementwise } from './elementwise';
import { norms } from './norms';
import { pools } from './pools';
import { products } from './products';
import { quantization } from './quantization';
import { resizing } from './resize';
import { shapes } from './shapes';

/** Every operator that an imported network may have, by ONNX's name. */
export const OPERATORS: Operators = {
  ...elementwise,
  ...convolutions,
  ...pools,
  ...norms,
  ...products,
  ...shapes,
  ...resizing,
  ...quantization,
};
