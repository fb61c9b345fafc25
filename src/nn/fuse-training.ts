import { type Activation, inputSlots, isLinear, type KernelCall, outputSlots, type Slot } from '../kernels/kernel';

/**
 * Makes fewer calls that compute the same numbers, up to rounding, out of the calls of a whole training step: forward,
 * backward, optimiser. What costs a GPU most around its convolutions is reading and writing whole batches, so every
 * batch that only one other call reads is not written at all. With f an activation and s, z whole batches:
 *
 *   - z = norm(x); s = z + shortcut; y = f(s)   is   y = f(norm(x) + shortcut), and likewise for a convolution.
 *   - dZ = dY * f'(z) can be told from y instead of z, where f is such that z > 0 just where y > 0, and z >= ceiling just
 *     where y >= ceiling: slope >= 0 and ceiling > 0. Then z, which is read no more, becomes part of the above.
 *   - sum(dZ), sum(dZ * xhat) and the gradient of the norm's input, where nothing else reads dZ = dY * f'(z), are those
 *     of the norm with dY and y: each multiplies as it reads.
 *   - dX = dX1 + dX2 for an x that two calls read, dX2 = dY * K the gradient through a convolution, is dX2 with dX1 as
 *     addend.
 *
 * A call that took another in stands where the later of the two stood, where all that it reads has been computed. Which
 * calls merge follows from the calls alone, so the same step gives the same bits.
 *
 * @param calls in their order, each slot written by one of them, except for what is updated in place (isUpdate)
 * @param kept what somebody outside reads: the loss, the logits, and whatever outlives the step
 * @returns new calls where something was merged, the very objects of `calls` elsewhere
 */
export function fuseTraining(calls: readonly KernelCall[], kept: ReadonlySet<Slot>): KernelCall[] {
  const fromOutputs = derivativesFromOutputs(calls, kept);
  const joined = sumsAndActivations(fromOutputs, kept);
  return activationsOfNorms(joined, kept);
}

/** Who reads each slot, once for every operand that it is; someone outside is `undefined`. */
function readersOf(
  calls: readonly KernelCall[],
  kept: ReadonlySet<Slot>,
): (slot: Slot) => readonly (KernelCall | undefined)[] {
  const readers = new Map<Slot, (KernelCall | undefined)[]>(Array.from(kept, (slot) => [slot, [undefined]]));
  for (const call of calls)
    for (const slot of inputSlots(call)) {
      const known = readers.get(slot);
      if (known) known.push(call);
      else readers.set(slot, [call]);
    }
  return (slot) => readers.get(slot) ?? [];
}

/** Replaces some calls by others, or by nothing. */
const replaced = (
  calls: readonly KernelCall[],
  changes: ReadonlyMap<KernelCall, KernelCall | undefined>,
): KernelCall[] => calls.flatMap((call) => (changes.has(call) ? (changes.get(call) ?? []) : [call]));

/** Whether what a call reads is changed in place after `from` and before `to`: it could not be made at `to` then. */
function isOvertaken(call: KernelCall, calls: readonly KernelCall[], from: number, to: number): boolean {
  const read = new Set(inputSlots(call));
  return calls.slice(from + 1, to).some((other) => outputSlots(other).some((slot) => read.has(slot)));
}

const isToldFromOutput = ({ slope, ceiling }: Activation): boolean => slope >= 0 && ceiling > 0;
const isSame = (f: Activation, g: Activation): boolean => f.slope === g.slope && f.ceiling === g.ceiling;

/** activationGradient reads y in place of z where it is the last to want z. */
function derivativesFromOutputs(calls: readonly KernelCall[], kept: ReadonlySet<Slot>): KernelCall[] {
  const readers = readersOf(calls, kept);
  const changes = new Map<KernelCall, KernelCall>();
  for (const call of calls) {
    if (call.kernel !== 'activation' || !isToldFromOutput(call.attributes.activation)) continue;
    const others = readers(call.inputs.input).filter((reader) => reader !== call);
    const derivatives = others.flatMap((reader) =>
      reader?.kernel === 'activationGradient' &&
      reader.inputs.outputGradient !== call.inputs.input &&
      isSame(reader.attributes.activation, call.attributes.activation)
        ? [reader]
        : [],
    );
    if (derivatives.length < others.length) continue;
    for (const reader of derivatives)
      changes.set(reader, { ...reader, inputs: { ...reader.inputs, input: call.outputs.output } });
  }
  return replaced(calls, changes);
}

/** Sums and activations become part of the call that wrote their operand, if nobody else reads it. */
function sumsAndActivations(calls: readonly KernelCall[], kept: ReadonlySet<Slot>): KernelCall[] {
  const readers = readersOf(calls, kept);
  const result: (KernelCall | undefined)[] = [...calls];
  const places = new Map<Slot, number>(); // where in `result` a slot is written
  for (const [place, call] of calls.entries()) {
    // The operand that was written last comes first: its call has the shortest way to go.
    const operands = inputSlots(call)
      .flatMap((slot) => ({ slot, from: places.get(slot) ?? -1 }))
      .sort((a, b) => b.from - a.from);
    for (const { slot, from } of operands) {
      const writer = result[from];
      if (!writer || readers(slot).length > 1 || isOvertaken(writer, calls, from, place)) continue;
      const merged = withSum(writer, call, slot) ?? withActivation(writer, call);
      if (!merged) continue;
      result[from] = undefined;
      result[place] = merged;
      break;
    }
    for (const slot of outputSlots(call)) places.set(slot, place);
  }
  return result.flatMap((call) => call ?? []);
}

/** `writer` and the sum of what it wrote, `slot`, and something else. */
function withSum(writer: KernelCall, call: KernelCall, slot: Slot): KernelCall | undefined {
  if (call.kernel !== 'add' || call.attributes.length !== call.attributes.rightLength) return undefined;
  const other = call.inputs.left === slot ? call.inputs.right : call.inputs.left;
  const { activation } = call.attributes;
  if (writer.kernel === 'conv2dInputGradient') {
    if (writer.inputs.addend || !isLinear(activation)) return undefined;
    return { ...writer, inputs: { ...writer.inputs, addend: other }, outputs: call.outputs };
  }
  if (writer.kernel !== 'batchNormTraining' && writer.kernel !== 'conv2d') return undefined;
  if (writer.inputs.residual || !isLinear(writer.attributes.activation)) return undefined;
  return Object.assign({}, writer, {
    inputs: Object.assign({}, writer.inputs, { residual: other }),
    outputs: call.outputs,
    attributes: Object.assign({}, writer.attributes, { activation }),
  });
}

/** `writer` and the activation of what it wrote. */
function withActivation(writer: KernelCall, call: KernelCall): KernelCall | undefined {
  if (call.kernel !== 'activation') return undefined;
  switch (writer.kernel) {
    case 'add':
    case 'batchNormTraining':
    case 'conv2d':
    case 'depthwiseConv2d':
    case 'matmul':
    case 'scaleShift':
      if (!isLinear(writer.attributes.activation)) return undefined;
      return Object.assign({}, writer, {
        outputs: call.outputs,
        attributes: Object.assign({}, writer.attributes, { activation: call.attributes.activation }),
      });
    default:
      return undefined;
  }
}

type NormGradient = KernelCall<'batchNormSums' | 'batchNormInputGradient'>;
const isNormGradient = (call: KernelCall | undefined): call is NormGradient =>
  call?.kernel === 'batchNormSums' || call?.kernel === 'batchNormInputGradient';

/** The gradient of an activation becomes part of the two calls that a norm makes of it, if nobody else reads it. */
function activationsOfNorms(calls: readonly KernelCall[], kept: ReadonlySet<Slot>): KernelCall[] {
  const readers = readersOf(calls, kept);
  const changes = new Map<KernelCall, KernelCall | undefined>();
  for (const [place, call] of calls.entries()) {
    if (call.kernel !== 'activationGradient' || !isToldFromOutput(call.attributes.activation)) continue;
    const { output } = call.outputs;
    const norm = readers(output).filter(isNormGradient);
    // Of two norms each would read what the one call writes: nothing would be gained.
    if (norm.length !== readers(output).length || new Set(norm.map(({ kernel }) => kernel)).size !== norm.length)
      continue;
    const canMask = norm.every(
      (reader) =>
        reader.inputs.outputGradient === output &&
        !reader.inputs.activated &&
        !isOvertaken(call, calls, place, calls.indexOf(reader)),
    );
    if (norm.length === 0 || !canMask) continue;
    const { input: activated, outputGradient } = call.inputs;
    changes.set(call, undefined);
    for (const reader of norm)
      changes.set(
        reader,
        Object.assign({}, reader, {
          inputs: Object.assign({}, reader.inputs, { outputGradient, activated }),
          attributes: Object.assign({}, reader.attributes, { activation: call.attributes.activation }),
        }),
      );
  }
  return replaced(calls, changes);
}
