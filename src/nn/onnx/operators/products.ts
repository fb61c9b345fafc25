import { concat } from '../../../tensor/ops/concat';
import { matmul } from '../../../tensor/ops/matmul';
import { formatShape, sizeOf } from '../../../tensor/shape';
import { combine, scaled } from '../arithmetic';
import type { NodeReader, Operators } from '../node';
import { broadcastShape, device, factorsOfAxes, fileOrder, type Value, withRank } from '../value';
import type { Workbench } from '../workbench';

/**
 * left [rows, inner] times right [inner, columns]. Where right is a constant, its rows are put in the order that the
 * numbers of left have in memory: a flattened image with channels last is then multiplied as it is.
 */
function product(bench: Workbench, left: Value, right: Value, bias?: Value): Value {
  const [rows, inner] = left.shape;
  const [rightInner, columns] = right.shape;
  if (left.shape.length !== 2 || right.shape.length !== 2 || inner !== rightInner)
    throw new Error(`${formatShape(left.shape)} times ${formatShape(right.shape)} is no product of matrices`);
  const shape = [rows, columns];
  const addend = bias && bench.placed(bias).reshape(columns);
  if (left.kind === 'device' && right.kind === 'host') {
    const [ofRows, ofInner] = factorsOfAxes(left);
    const order = left.order.filter((factor) => ofInner.includes(factor));
    const wanted = [...ofRows, ...order];
    if (formatShape(wanted) === formatShape(left.order)) {
      const parts = bench.reshape(right, [...ofInner.map((factor) => left.factors[factor]), columns]);
      const turned = bench.transpose(parts, [...order.map((factor) => ofInner.indexOf(factor)), ofInner.length]);
      const filter = bench.placed(turned).reshape(inner, columns);
      bench.expectRoomFor(shape, left.tensor, filter);
      return device(left.type, shape, matmul(left.tensor.reshape(rows, inner), filter, addend), [0, 1]);
    }
  }
  const [l, r] = [bench.placed(left), bench.placed(right)];
  bench.expectRoomFor(shape, l, r);
  return device(left.type, shape, matmul(l, r, addend), [0, 1]);
}

/** alpha * A B + beta * C, A and B transposed if wanted. */
function gemm(node: NodeReader, bench: Workbench): Value {
  const [left, right] = [0, 1].map((k) => {
    const value = node.input(k);
    if (value.shape.length !== 2) throw new Error(`its input ${k} ${formatShape(value.shape)} is no matrix`);
    return node.int(k === 0 ? 'transA' : 'transB', 0) === 0 ? value : bench.transpose(value, [1, 0]);
  });
  const alpha = node.float('alpha', 1);
  const beta = node.float('beta', 1);
  const given = beta === 0 ? undefined : node.optional(2);
  const addend = given && scaled(bench, given, beta);
  // The scale goes to the constant, if one is.
  const [l, r] = right.kind === 'host' ? [left, scaled(bench, right, alpha)] : [scaled(bench, left, alpha), right];
  const columns = r.shape[1];
  const isBias = addend && sizeOf(addend.shape) === columns && addend.shape.at(-1) === columns;
  if (isBias) return product(bench, l, r, addend);
  const result = product(bench, l, r);
  return addend ? combine(bench, result, addend, 'add') : result;
}

/** A product of matrices; several ones where there are axes before their two. */
function multiplied(node: NodeReader, bench: Workbench): Value {
  const [left, right] = [node.input(0), node.input(1)];
  if (left.shape.length === 0 || right.shape.length === 0) throw new Error('a single number is no matrix');
  // A vector is a row on the left and a column on the right, and that axis is gone afterwards.
  const l = left.shape.length === 1 ? bench.reshape(left, [1, left.shape[0]]) : left;
  const r = right.shape.length === 1 ? bench.reshape(right, [right.shape[0], 1]) : right;
  const result = matrices(bench, l, r);
  const lead = result.shape.slice(0, -2);
  const [rows, columns] = result.shape.slice(-2);
  const shape = [...lead, ...(left.shape.length === 1 ? [] : [rows]), ...(right.shape.length === 1 ? [] : [columns])];
  return bench.reshape(result, shape);
}

function matrices(bench: Workbench, left: Value, right: Value): Value {
  const lead = broadcastShape(left.shape.slice(0, -2), right.shape.slice(0, -2));
  const [rows, inner] = left.shape.slice(-2);
  const columns = right.shape[right.shape.length - 1];
  const shape = [...lead, rows, columns];
  if (right.shape[right.shape.length - 2] !== inner)
    throw new Error(`${formatShape(left.shape)} times ${formatShape(right.shape)} is no product of matrices`);
  // One matrix on the right serves all rows of the left at once.
  if (sizeOf(right.shape.slice(0, -2)) === 1) {
    const matrix = bench.reshape(right, [inner, columns]);
    const all = left.shape.length === 2 ? left : bench.reshape(left, [sizeOf(left.shape) / inner, inner]);
    return bench.reshape(product(bench, all, matrix), shape);
  }
  const [l, r] = [left, right].map((value) => {
    const whole = withRank(value, shape.length);
    return bench.expand(whole, [...lead, ...whole.shape.slice(-2)]);
  });
  const count = sizeOf(lead);
  const [ls, rs] = [bench.reshape(l, [count, rows, inner]), bench.reshape(r, [count, inner, columns])];
  bench.expectParts(count);
  const parts = Array.from({ length: count }, (_, k) => {
    const [one, other] = [bench.slice(ls, 0, k, 1), bench.slice(rs, 0, k, 1)].map((value) =>
      bench.placed(bench.reshape(value, value.shape.slice(1))),
    );
    bench.expectRoomFor([rows, columns], one, other);
    return matmul(one, other);
  });
  bench.expectRoomFor(shape, ...parts);
  const joined = parts.length === 1 ? parts[0] : concat(parts, 0);
  return device(left.type, shape, joined, fileOrder(shape));
}

export const products: Operators = { Gemm: gemm, MatMul: multiplied };
