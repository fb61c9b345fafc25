import type { Reply, Request } from './messages';
import { TrainingSession } from './session';

/** A core is left to the page, which draws while it is computed here. */
const threads = crossOriginIsolated ? Math.max(1, navigator.hardwareConcurrency - 1) : 1;

const session = new TrainingSession((reply: Reply) => postMessage(reply), threads);
addEventListener('message', ({ data }: MessageEvent<Request>) => void session.handle(data));
