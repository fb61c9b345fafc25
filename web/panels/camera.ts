import type { RawImage } from '../../src/face/image';
import { button, contextOf, html, messageOf } from '../dom';

/** Shows the camera in `place` until a photo is taken or the reader closes it; the picture goes nowhere else. */
export async function openCamera(place: HTMLElement, onPhoto: (photo: RawImage) => void): Promise<void> {
  place.replaceChildren(html('p', {}, 'The browser asks whether this page may see the camera.'));
  let stream: MediaStream;
  try {
    if (!navigator.mediaDevices) throw new Error('this browser shows no camera to a page that is not served securely');
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'user', width: 1280 } });
  } catch (error) {
    place.replaceChildren(html('p', { class: 'problem' }, `There is no camera to be had: ${messageOf(error)}.`));
    return;
  }
  const close = () => {
    for (const track of stream.getTracks()) track.stop();
    place.replaceChildren();
  };
  const video = html('video', { autoplay: true, playsinline: true, muted: true });
  video.srcObject = stream;
  const take = () => {
    const { videoWidth: width, videoHeight: height } = video;
    if (width === 0) return; // no frame has come yet
    const canvas = html('canvas', { width, height });
    const context = contextOf(canvas);
    context.drawImage(video, 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    close();
    onPhoto({ width, height, data });
  };
  const controls = html('div', { class: 'controls' }, button('Take the photo', take), button('Close', close));
  place.replaceChildren(video, controls);
}
