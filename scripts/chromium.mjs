// A Chromium that playwright-core can start, with WebGPU on SwiftShader.
import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress } from 'node:zlib';
import { chromiumPackage, swiftShaderFolder } from './software-gpu.mjs';

const args = ['--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', '--enable-features=Vulkan'];

/** `{ executablePath, args }` for playwright's chromium.launch(). Throws where there is no Chromium. */
export async function chromium() {
  const installed = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
  try {
    return { executablePath: await unpackedChromium(), args };
  } catch (error) {
    if (installed) return { executablePath: installed, args };
    throw new Error(`no Chromium on this machine, and ${error.message}`);
  }
}

/** The package's Chromium, unpacked beside SwiftShader, where it looks for its drivers. */
async function unpackedChromium() {
  const executable = join(swiftShaderFolder(), 'chromium');
  if (existsSync(executable)) return executable;
  const unfinished = `${executable}.${process.pid}`;
  await pipeline(
    createReadStream(join(chromiumPackage().bin, 'chromium.br')),
    createBrotliDecompress(),
    createWriteStream(unfinished, { mode: 0o755 }),
  );
  await rename(unfinished, executable);
  return executable;
}
