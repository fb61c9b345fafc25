import type { Numbers } from '../../src/kernels/backend';

/**
 * Grad-CAM (Selvaraju et al. 2017, section 3): how much a number y rests on each place of a layer's maps A.
 *   weight(c) = mean over i, j of dy/dA(i, j, c)      equation 1
 *   map(i, j) = max(0, sum over c of weight(c) * A(i, j, c))      equation 2
 *
 * @param maps A, [height, width, channels]
 * @param gradient dy/dA, in the same shape
 * @returns [height, width]
 */
export function gradCam(maps: Numbers, gradient: Numbers, channels: number): number[] {
  const positions = maps.length / channels;
  const weights = new Float64Array(channels);
  for (let k = 0; k < gradient.length; k++) weights[k % channels] += gradient[k] / positions;
  return Array.from({ length: positions }, (_, position) => {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += weights[c] * maps[position * channels + c];
    return Math.max(0, sum);
  });
}
