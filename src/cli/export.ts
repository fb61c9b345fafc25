import { readModel } from '../face/model';
import { exportModel, exportPretrained, type PretrainedExportName } from '../face/onnx';
import { openReference } from '../kernels/reference/backend';
import { encodeOnnx, type OnnxValueInfo } from '../nn/onnx/proto';
import { realPath, writeFileAtomically } from './files';
import { printJson, printLine, printTable, UserError } from './output';

export interface ExportOptions {
  onnx: string;
  network?: PretrainedExportName;
  json: boolean;
}

/** `likeness export`: a trained model, or a pretrained network, as an ONNX file. */
export async function exportFile(file: string | undefined, { onnx, network, json }: ExportOptions): Promise<void> {
  if (onnx.trim() === '') throw new UserError('--onnx is empty; name the file to write');
  if (file !== undefined && network !== undefined)
    throw new UserError(`name a model or a pretrained network, not both: ${file} and ${network}`);
  if (file !== undefined && (await realPath(file)) === (await realPath(onnx)))
    throw new UserError(`${onnx} would overwrite the model; choose another --onnx`);
  // Weights are only read, exactly: float32 goes through float64 unchanged.
  const backend = openReference();
  try {
    const model = await (async () => {
      if (network !== undefined) return exportPretrained(backend, network);
      if (file === undefined) throw new UserError('name a model that likeness train wrote, or --network');
      return exportModel(backend, (await readModel(file)).bytes, file);
    })();
    const bytes = encodeOnnx(model);
    await writeFileAtomically(onnx, bytes);

    const { graph } = model;
    const report = {
      onnx,
      bytes: bytes.length,
      irVersion: Number(model.irVersion),
      opset: Number(model.opsetImport[0].version),
      inputs: graph?.input.map(describe) ?? [],
      outputs: graph?.output.map(describe) ?? [],
      nodes: graph?.node.length ?? 0,
      initializers: graph?.initializer.length ?? 0,
      metadata: model.metadataProps.map(({ key }) => key),
    };
    if (json) return printJson(report);
    printTable(
      ['', 'Name', 'Shape'],
      [
        ...report.inputs.map(({ name, shape }) => ['Input', name, shape.join(' x ')]),
        ...report.outputs.map(({ name, shape }) => ['Output', name, shape.join(' x ')]),
      ],
    );
    printLine(
      `Written: ${onnx}; ${(bytes.length / 1e6).toFixed(1)} MB, ${report.nodes} nodes, ` +
        `IR ${report.irVersion}, opset ${report.opset}. Metadata: ${report.metadata.join(', ')}.`,
    );
  } finally {
    await backend.close();
  }
}

const describe = ({ name, type }: OnnxValueInfo): { name: string; shape: (string | number)[] } => ({
  name,
  shape: type?.tensorType?.shape?.dim.map(({ dimParam, dimValue }) => dimParam || Number(dimValue)) ?? [],
});
