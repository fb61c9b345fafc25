import { expose } from 'comlink';
import type { RawImage } from '../../src/face/image';
import { type Device, openDevice } from '../../src/tensor/device';
import type { Place } from '../network/explain';
import { FaceWalk, type Filter, type Layer } from '../network/face-walk';

let opening: Promise<FaceWalk> | undefined;

function walk(): Promise<FaceWalk> {
  if (!opening) throw new Error('look at a face first');
  return opening;
}

const methods = {
  /** Takes a chip through the network; the others ask about the last one. */
  async look(device: Device, chip: RawImage): Promise<readonly Layer[]> {
    // One thread: the layers are looked at one by one, and the other workers have threads enough.
    opening ??= openDevice(device, { threads: 1 }).then(({ backend }) => FaceWalk.open(backend));
    try {
      return (await opening).look(chip);
    } catch (error) {
      opening = undefined;
      throw error;
    }
  },
  maps: async (layer: number) => (await walk()).maps(layer),
  /** Of convolutions of colours all, of others that of the channel: they have thousands of slices. */
  async filters(layer: number, channel: number): Promise<Filter[]> {
    const all = await (await walk()).filters(layer);
    return all[0]?.shape.channels === 3 ? all : all.slice(channel, channel + 1);
  },
  explain: async (layer: number, place: Place) => (await walk()).explain(layer, place),
  gradCam: async (layer: number) => (await walk()).gradCam(layer),
};

export type NetworkWalk = typeof methods;
expose(methods);
