import type { OnnxModel, OnnxTensor } from './proto';

/** Reads a file of the model's folder: its path relative to that, with forward slashes and without any '..'. */
export type ReadExternal = (path: string) => Uint8Array | Promise<Uint8Array>;

/** What a TensorProto says that is not in it: `data_location` EXTERNAL. */
export const EXTERNAL = 1;

/**
 * The path of an external file as it may be read.
 * @throws Error when it does not lie in the model's folder
 */
export function pathInFolder(location: string): string {
  const parts = location.split('/').filter((part) => part !== '' && part !== '.');
  const isOutside =
    parts.length === 0 ||
    location.startsWith('/') ||
    parts.includes('..') ||
    /[\\:\0]/.test(location) || // a drive, a protocol, a Windows path
    location.length > 4096;
  if (isOutside) throw new Error(`keeps numbers in '${location.slice(0, 80)}', which is outside of the model's folder`);
  return parts.join('/');
}

/**
 * The bytes of the initializers that are kept outside of the file, each file read once.
 * @throws Error when there are such and nobody reads them, or one lies outside of the folder or of its file
 */
export async function readExternalTensors(
  { graph }: OnnxModel,
  readExternal: ReadExternal | undefined,
): Promise<ReadonlyMap<OnnxTensor, Uint8Array>> {
  const found = new Map<OnnxTensor, Uint8Array>();
  const files = new Map<string, Uint8Array>();
  const outside = (graph?.initializer ?? []).filter((one) => one.dataLocation === EXTERNAL);
  // All paths are looked at before any file is.
  const places = outside.map((tensor) => {
    const entries = new Map(tensor.externalData.map(({ key, value }) => [key, value]));
    return { tensor, path: pathInFolder(entries.get('location') ?? ''), entries };
  });
  for (const { tensor, path, entries } of places) {
    if (!readExternal) throw new Error(`keeps numbers in ${path}: hand over readExternal, which reads that file`);
    const file = files.get(path) ?? (await readExternal(path));
    files.set(path, file);
    const offset = Number(entries.get('offset') ?? 0);
    const length = Number(entries.get('length') ?? file.length - offset);
    const isInside = [offset, length].every((n) => Number.isSafeInteger(n) && n >= 0) && offset + length <= file.length;
    if (!isInside)
      throw new Error(
        `tensor ${tensor.name} is said to lie in ${path} at ${offset}, ${length} bytes; the file has ${file.length}`,
      );
    found.set(tensor, file.subarray(offset, offset + length));
  }
  return found;
}
