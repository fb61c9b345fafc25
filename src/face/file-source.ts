import { platform } from '#platform';

/** A file: its path in Node, its URL in a browser, or its bytes. */
export type FileSource = string | URL | Uint8Array | ArrayBuffer;

/**
 * What errors call a file, and its bytes.
 *
 * @param what it is called where it came without a name
 * @throws Error in one sentence when it cannot be read
 */
export async function readSource(source: FileSource, what: string): Promise<{ bytes: Uint8Array; name: string }> {
  if (source instanceof Uint8Array) return { bytes: source, name: what };
  if (source instanceof ArrayBuffer) return { bytes: new Uint8Array(source), name: what };
  const name = source instanceof URL ? source.href : source;
  try {
    return { bytes: await platform.readBytes(source), name };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    const known = code === 'ENOENT' ? 'does not exist' : code === 'EISDIR' ? 'is a folder' : undefined;
    const why = known ?? `cannot be read: ${error instanceof Error ? error.message : error}`;
    throw new Error(`${name} ${why}`, { cause: error });
  }
}
