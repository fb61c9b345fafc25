export { compile, type Forward, Plan } from './compile';
export { Parameters } from './parameters';
