/**
 * What differs between Node and a browser, in one place. `import { platform } from '#platform'` gets the
 * right one: package.json maps it by condition, so a browser bundle holds no Node code.
 */
export interface Platform {
  readonly name: 'node' | 'browser';
  /** Cores that threads can run on; 1 where shared memory is not allowed. */
  readonly hardwareThreads: number;
  /**
   * Asks the engine for what it has for WebAssembly but keeps locked: vectors of 256 bits where the code names two of
   * 128, or multiply-add in one instruction. Holds for the whole process, and for modules that are compiled later only.
   * False where there is nothing to unlock.
   */
  unlockFastVectors(): boolean;
  /** Takes back what unlockFastVectors() has asked for. */
  lockFastVectors(): void;
  /**
   * Runs work during which WebAssembly functions that are called for the first time are optimised at once, instead of
   * after a while; undefined, and nothing is run, where the engine cannot be told to.
   */
  optimizing<T>(work: () => T): T | undefined;
  /** Starts a worker that runs `source` (a bundled script) and hands it `message`; it does not keep the process alive. */
  startWorker(source: string, message: unknown): PlatformWorker;
  /** The entry point of WebGPU, or a sentence that says why there is none. */
  gpu(): Promise<{ gpu: GPU; reason?: undefined } | { gpu?: undefined; reason: string }>;
  /** The bytes of a file (Node only), URL or path relative to the page (browser). */
  readBytes(location: string | URL): Promise<Uint8Array>;
  /**
   * The bytes of a file that another one names, relative to its own folder.
   * @throws Error when it is not there, or (Node only) leads out of that folder
   */
  readBeside(location: string | URL, path: string): Promise<Uint8Array>;
  /** The types of image file that decodeImage() reads, by the names of the package image-size. */
  readonly imageTypes: readonly string[];
  /** The pixels of an image file, turned upright as its EXIF says. Rejects with what the decoder says. */
  decodeImage(file: Uint8Array, type: string): Promise<RawImage>;
  /** The bytes of a PNG file. */
  encodePng(image: RawImage): Promise<Uint8Array>;
  /** The outermost element of an XML document; of what is none, nothing or an element that nobody looked for. */
  parseXml(text: string): Promise<XmlElement | null>;
  /** Where the weight files of @vladmandic/face-api lie; a directory URL ending in '/'. */
  weightsDirectory(): URL;
  /** Where this project's own networks lie, likewise. */
  modelsDirectory(): URL;
}

/** An element of XML: what both platforms' have in common, and readers need. */
export interface XmlElement {
  readonly nodeName: string;
  readonly textContent: string | null;
  readonly children: ArrayLike<XmlElement>;
  getAttribute(name: string): string | null;
}

/** A picture: red, green, blue and alpha, a byte each, row by row from the top. */
export interface RawImage {
  width: number;
  height: number;
  data: Uint8Array | Uint8ClampedArray;
  /** What errors call it: the file that it was read from. */
  name?: string;
}

export interface PlatformWorker {
  /** Hands it another message and waits for what it posts back; one at a time. Rejects when the worker fails. */
  ask(message: unknown): Promise<unknown>;
  onError(listener: (error: Error) => void): void;
  terminate(): void;
}
