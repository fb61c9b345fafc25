import { openWebgpu, type WebgpuBackend } from '../kernels/webgpu/backend';
import type { Device } from '../tensor/device';
import { UserError } from './output';
import { cachedTiles } from './tiles';

/**
 * The GPU, for what looks closer at it than other devices allow. One in software must be asked for by name.
 *
 * @param usesTiles whether to use the tiles measured on it before
 */
export async function openGpu({ device }: { device: Device }, usesTiles = true): Promise<WebgpuBackend> {
  if (device !== 'auto' && device !== 'webgpu')
    throw new UserError(`this looks at a GPU; leave out --device ${device}, or name webgpu`);
  return openWebgpu({ allowSoftware: device === 'webgpu', tiles: usesTiles ? cachedTiles : undefined });
}
