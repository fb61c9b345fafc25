import type { Test } from 'uvu';
import type { Backend } from '../../src/kernels/backend';
import { testOnEachDevice } from '../helpers/devices';

/**
 * A test of training a network, on each device but a GPU in software: that one compiles the kernels of a backward pass
 * for minutes. A real GPU takes part.
 */
export function testTraining(test: Test, title: string, check: (backend: Backend) => Promise<void>): void {
  testOnEachDevice(test, title, async (backend) => {
    if ('isSoftware' in backend && backend.isSoftware) return;
    await check(backend);
  });
}
