import { expose } from 'comlink';
import { median } from '../../src/bench/measure';
import { DLIB_TEMPLATE } from '../../src/face/align';
import { PretrainedEmbedder } from '../../src/face/embed';
import { syntheticPerson, syntheticPhoto } from '../../src/face/synthetic';
import { type Device, openDevice } from '../../src/tensor/device';
import { random } from '../../src/tensor/random';

/** Milliseconds that each of the two figures may take. */
const PATIENCE = 2500;

const methods = {
  /** The median time of a face on a device, alone and among eight; the latter not where one takes too long already. */
  async measure(device: Device): Promise<{ one: number; eight?: number; description: string }> {
    const { backend } = await openDevice(device);
    const embedder = await PretrainedEmbedder.open(backend);
    try {
      const { side } = DLIB_TEMPLATE;
      const size = { width: side, height: side, framing: DLIB_TEMPLATE };
      const { image } = syntheticPhoto(syntheticPerson(random(1)), random(2), size);
      const timeOf = async (count: number): Promise<number> => {
        const chips = Array.from({ length: count }, () => image);
        const once = async () => {
          const started = performance.now();
          await embedder.embedChips(chips, false);
          return (performance.now() - started) / count;
        };
        await once();
        const times = [await once()];
        for (let spent = times[0] * count; spent < PATIENCE && times.length < 15; ) {
          const time = await once();
          times.push(time);
          spent += time * count;
        }
        return median(times);
      };
      const one = await timeOf(1);
      const eight = one < PATIENCE / 8 ? await timeOf(8) : undefined;
      return { one, ...(eight !== undefined && { eight }), description: backend.description };
    } finally {
      await embedder.dispose();
      await backend.close();
    }
  },

  /** Ends the worker. */
  async stop(): Promise<void> {
    self.close();
  },
};

export type Speed = typeof methods;
expose(methods);
