import { FacePipeline } from '../../src/index';

/** Embeds the face of one photo on a device of the browser. */
export async function run({ device, photo }: { device: 'webgpu' | 'wasm'; photo: string }) {
  const weights = new URL('/weights/', location.href);
  await using faces = await FacePipeline.open({ device, weights, flip: false });
  const [face] = await faces.embed(photo, { onlyMostProminent: true });
  return { device: faces.device, box: face.box, landmarks: face.landmarks, embedding: [...face.embedding] };
}
