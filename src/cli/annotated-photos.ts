import { annotate } from '../face/draw';
import { encodePng, type RawImage } from '../face/image';
import type { Face } from '../face/pipeline';
import { OutputFolder, writeFileAtomically } from './files';

/** The photos of a run with their faces marked, written where --out says. */
export class AnnotatedPhotos {
  readonly written: string[] = [];
  readonly #folder: OutputFolder;

  private constructor(folder: OutputFolder) {
    this.#folder = folder;
  }

  /** @throws UserError when `out` is no place for pictures */
  static async open(out: string, photos: readonly string[]): Promise<AnnotatedPhotos> {
    return new AnnotatedPhotos(await OutputFolder.open(out, photos));
  }

  /** Undefined where --out is not given. */
  static async openIf(out: string | undefined, photos: readonly string[]): Promise<AnnotatedPhotos | undefined> {
    return out === undefined ? undefined : AnnotatedPhotos.open(out, photos);
  }

  /** @param labelOf by default the face's number and score */
  async write(photo: RawImage, file: string, faces: readonly Face[], labelOf = defaultLabel): Promise<void> {
    const path = await this.#folder.pathFor(file, '-faces');
    const marks = faces.map((face, index) => ({ box: face.box, points: face.landmarks, label: labelOf(face, index) }));
    await writeFileAtomically(path, await encodePng(annotate(photo, marks)));
    this.written.push(path);
  }
}

const defaultLabel = ({ score }: Face, index: number) => `${index + 1}: ${score.toFixed(2)}`;
