import { readSource } from '../face/file-source';
import { openWasm } from '../kernels/wasm/backend';
import { freezeOnnx, openOnnx } from '../nn/onnx';
import { isSafetensors } from '../nn/onnx/freeze';
import type { OnnxPort } from '../nn/onnx/model-graph';
import { folderOf } from '../platform/model-folder';
import { readSafetensors, writeSafetensors } from '../tensor/safetensors';
import { realPath, writeFileAtomically } from './files';
import type { ImportOptions, InfoOptions } from './model-commands';
import { digits, printJson, printLine, printTable, UserError } from './output';

const shapeText = ({ shape }: OnnxPort): string => shape.map((side) => side ?? '?').join(' x ') || 'not stated';

/** `likeness info`: what an imported network computes. */
export async function info(file: string, { shape: wanted, json }: InfoOptions): Promise<void> {
  const { bytes } = await readSource(file, 'the model');
  // Nothing is run: one thread will do.
  const backend = await openWasm({ threads: 1 });
  const network = await openOnnx(backend, bytes, { source: file, readExternal: folderOf(file) });
  try {
    for (const name of Object.keys(wanted))
      if (!network.inputs.some((port) => port.name === name))
        throw new UserError(
          `${file} has no input ${name}; it has ${network.inputs.map((port) => port.name).join(', ')}`,
        );
    const shapes = Object.fromEntries(
      network.inputs.map(({ name, shape }) => [name, wanted[name] ?? shape.map((side) => side ?? 1)]),
    );
    const layers = await network.layers(shapes);
    const report = {
      model: file,
      bytes: bytes.length,
      opset: network.opset,
      producer: network.producer,
      inputs: network.inputs,
      outputs: network.outputs,
      shapes,
      parameters: layers.reduce((sum, layer) => sum + layer.parameters, 0),
      multiplyAdds: layers.reduce((sum, layer) => sum + layer.multiplyAdds, 0),
      layers,
      metadata: Object.fromEntries(network.metadata),
    };
    if (json) return printJson(report);
    printTable(
      ['', 'Name', 'Type', 'Shape'],
      [
        ...network.inputs.map((port) => ['Input', port.name, port.type, shapeText(port)]),
        ...network.outputs.map((port) => ['Output', port.name, port.type, shapeText(port)]),
      ],
    );
    printTable(
      ['Layer', 'Operator', 'Shape', 'Parameters', 'Multiply-adds'],
      layers.map(({ name, type, shape, parameters, multiplyAdds }) => [
        name,
        type,
        shape.join(' x '),
        parameters.toLocaleString('en'),
        multiplyAdds.toLocaleString('en'),
      ]),
    );
    const of = network.inputs.map(({ name }) => `${name} ${shapes[name].join(' x ')}`).join(', ');
    printLine(
      `${layers.length} ${layers.length === 1 ? 'layer' : 'layers'}, ${digits(report.parameters / 1e6)} million parameters, ` +
        `${digits(report.multiplyAdds / 1e6)} million multiply-adds for ${of}. Opset ${network.opset}` +
        `${network.producer ? `, made by ${network.producer}` : ''}.`,
    );
  } finally {
    await network.dispose();
    await backend.close();
  }
}

/** `likeness import`: an ONNX file and the files that belong to it, or a trained model, as one. */
export async function importFile(file: string, { out, half, json }: ImportOptions): Promise<void> {
  if (out.trim() === '') throw new UserError('--out is empty; name the file to write');
  if ((await realPath(file)) === (await realPath(out)))
    throw new UserError(`${out} would overwrite the model; choose another --out`);
  const { bytes } = await readSource(file, 'the model');
  const whole = isSafetensors(bytes)
    ? bytes
    : (await freezeOnnx(bytes, { source: file, readExternal: folderOf(file) })).bytes;
  const { tensors, metadata } = readSafetensors(whole, file);
  if (metadata.training !== undefined)
    throw new UserError(`the training of ${file} is not finished; go on with it (likeness train --resume)`);
  const written = writeSafetensors(tensors, metadata, { half });
  await writeFileAtomically(out, written);
  const report = { model: file, out, bytes: written.length, tensors: tensors.size };
  if (json) return printJson(report);
  printLine(`Written: ${out}; ${(report.bytes / 1e6).toFixed(1)} MB, ${report.tensors} tensors.`);
}
