import { spawnSync } from 'node:child_process';
import { softwareGpuEnvironment } from '../../scripts/software-gpu.mjs';

/** Once more with SwiftShader, which the system's loader must find when a process starts; a real card comes first. */
export async function startOnSoftware(error: unknown): Promise<never> {
  const environment = await softwareGpuEnvironment();
  if (process.env.LIKENESS_BENCH_SOFTWARE || Object.keys(environment).length === 0) throw error;
  const { status } = spawnSync(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    env: { ...process.env, ...environment, LIKENESS_BENCH_SOFTWARE: '1' },
    stdio: 'inherit',
  });
  process.exit(status ?? 1);
}
