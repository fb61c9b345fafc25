// The environment in which Dawn finds SwiftShader, the software Vulkan driver inside @sparticuz/chromium.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';

/**
 * The environment variables under which Node must be started: the loader reads LD_LIBRARY_PATH only then.
 * Empty where SwiftShader is missing or made for another machine; tests that need a GPU then skip.
 */
export async function softwareGpuEnvironment() {
  // Whoever has named a driver means it.
  if (process.env.VK_ICD_FILENAMES || process.env.VK_DRIVER_FILES) return {};
  try {
    const folder = swiftShaderFolder();
    return {
      VK_ICD_FILENAMES: join(folder, 'vk_swiftshader_icd.json'),
      XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? folder,
      LD_LIBRARY_PATH: [folder, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':'),
    };
  } catch (error) {
    console.log(`No software GPU: ${error.message.split('\n')[0]}`);
    return {};
  }
}

/** The folder `bin` of @sparticuz/chromium, which holds the archives, and its version. */
export function chromiumPackage() {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Error(`@sparticuz/chromium is made for linux x64, this is ${process.platform} ${process.arch}`);
  // build/cjs/index.cjs is what the package lets one resolve.
  const root = join(dirname(createRequire(import.meta.url).resolve('@sparticuz/chromium')), '../..');
  return { bin: join(root, 'bin'), version: JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version };
}

/** Where SwiftShader is unpacked, once for each version: renaming is atomic, so no process sees half of it. */
export function swiftShaderFolder() {
  const { bin, version } = chromiumPackage();
  const folder = resolve('.cache/software-gpu', version);
  if (existsSync(folder)) return folder;
  const unfinished = `${folder}.${process.pid}`;
  mkdirSync(unfinished, { recursive: true });
  for (const { name, bytes } of filesInTar(brotliDecompressSync(readFileSync(join(bin, 'swiftshader.tar.br')))))
    writeFileSync(join(unfinished, name), bytes, { mode: 0o755 });
  try {
    renameSync(unfinished, folder);
  } catch (error) {
    // Another process was first.
    rmSync(unfinished, { recursive: true });
    if (!existsSync(folder)) throw error;
  }
  return folder;
}

/** A tar is a sequence of headers of 512 bytes, each followed by its file, padded to a multiple of 512. */
function* filesInTar(tar) {
  const text = (start, length) => tar.toString('latin1', start, start + length).split('\0')[0];
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0; ) {
    const size = Number.parseInt(text(at + 124, 12), 8);
    const isFile = ['0', ''].includes(text(at + 156, 1));
    if (isFile) yield { name: text(at, 100).replace(/^.*\//, ''), bytes: tar.subarray(at + 512, at + 512 + size) };
    at += 512 + Math.ceil(size / 512) * 512;
  }
}
