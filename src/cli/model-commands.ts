import { type Command, InvalidArgumentError, Option } from 'commander';
import { debugOption, jsonOption } from './options';

export interface InfoOptions {
  shape: Record<string, number[]>;
  json: boolean;
}

export interface ImportOptions {
  out: string;
  half: boolean;
  json: boolean;
}

const INFO_EXAMPLES = `
Examples:
  likeness info arcface.onnx
  likeness info scrfd.onnx --shape input.1=1,3,640,640    where the file leaves sides open
  likeness info yunet.onnx --json

Sides that the file leaves open count as 1 unless --shape says otherwise.`;

const IMPORT_EXAMPLES = `
Examples:
  likeness import arcface.onnx --out arcface.safetensors
  likeness import model.safetensors --half --out smaller.safetensors

Files that the model keeps its weights in are read from its own folder, and are not needed afterwards. Weights of 16 bits
become 32, unless --half keeps all as 16. Whoever opens ONNX files opens such a file as well.`;

/** input.1=1,3,640,640 */
function shapes(text: string, before: Record<string, number[]>): Record<string, number[]> {
  const [, name, sides] = /^(.+)=(\d+(?:,\d+)*)$/.exec(text) ?? [];
  if (!name) throw new InvalidArgumentError(`${text} is not of the form NAME=1,3,112,112.`);
  return { ...before, [name]: sides.split(',').map(Number) };
}

/** What is about networks that other people made. */
export function addModelCommands(program: Command): void {
  program
    .command('info <model>')
    .description('list what an ONNX file computes: inputs, outputs, parameters and multiply-adds, layer by layer')
    .addOption(jsonOption())
    .addOption(debugOption())
    .addOption(new Option('--shape <name=sides>', "an input's shape; may be given again").argParser(shapes).default({}))
    .addHelpText('after', INFO_EXAMPLES)
    .action(async (file: string, options: InfoOptions) => {
      await (await import('./imported-model')).info(file, options);
    });
  program
    .command('import <model>')
    .description('write an ONNX file, or a model of likeness train, as one safetensors file')
    .addOption(jsonOption())
    .addOption(debugOption())
    .addOption(new Option('--out <path>', 'where to write the file').makeOptionMandatory())
    .addOption(new Option('--half', 'keep weights as float16: half the size').default(false, 'float32'))
    .addHelpText('after', IMPORT_EXAMPLES)
    .action(async (file: string, options: ImportOptions) => {
      await (await import('./imported-model')).importFile(file, options);
    });
}
