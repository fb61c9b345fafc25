import { type OpenedDevice, openDevice } from '../tensor/device';
import type { CommonOptions } from './options';
import { printJson, printLine, printTable } from './output';

interface DeviceReport {
  device: 'webgpu' | 'wasm' | 'reference';
  available: boolean;
  /** The adapter, or the instruction set and the number of threads. */
  adapter?: string;
  /** What the machine has that not every one has, such as half precision; only where the device tells. */
  extras?: readonly string[];
  /** Why it is not available. */
  reason?: string;
}

/** `likeness devices`: what there is to compute on, and what `auto` takes and why. */
export async function devices(options: CommonOptions): Promise<void> {
  const reports: DeviceReport[] = [];
  for (const device of ['webgpu', 'wasm', 'reference'] as const)
    try {
      reports.push({ device, available: true, ...(await describe(await openDevice(device, options))) });
    } catch (error) {
      reports.push({ device, available: false, reason: error instanceof Error ? error.message : String(error) });
    }
  const picked = await openDevice('auto', options);
  const auto = { device: picked.backend.name, reason: picked.reason };
  await picked.backend.close();
  if (options.json) return printJson({ devices: reports, auto });
  printTable(
    ['Device', 'Available', 'What it is'],
    reports.map(({ device, available, adapter, extras, reason }) => [
      device,
      available ? 'yes' : 'no',
      [adapter ?? reason, ...(extras ?? [])].join(', '),
    ]),
  );
  printLine(`auto picks ${auto.device}: ${auto.reason}.`);
}

async function describe({ backend }: OpenedDevice): Promise<Pick<DeviceReport, 'adapter' | 'extras'>> {
  const { description, extras } = backend;
  await backend.close();
  return { adapter: description, ...(extras && { extras }) };
}
