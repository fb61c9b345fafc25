import type { RawImage } from '../../src/face/image';
import { contextOf, html, messageOf, paint } from '../dom';
import { faces, findFaces } from '../faces';

/** A face on the map. */
export interface MappedFace {
  name: string;
  /** A small picture of it, as an address that holds its data. */
  picture: string;
  embedding: Float32Array;
}

/** What comes of one photo. */
export interface Look {
  faces: MappedFace[];
  /** A sentence, where there is none. */
  problem?: string;
}

/** Photos that are looked at one after the other, as fast as they are asked for. */
export interface Source {
  photos: number;
  looks: AsyncIterable<Look>;
}

/** Pixels of a small picture's side: twice as many as it has on the page, for fine screens. */
const PICTURE = 92;

/** People who do not exist. Their chips are drawn as alignment would cut them out, so that none has to be found. */
export function drawnFaces(people: readonly number[], shots: number): Source {
  async function* looks(): AsyncGenerator<Look> {
    for (const person of people)
      for (let shot = 1; shot <= shots; shot++) {
        const chip = await faces().drawnChip(person, shot);
        yield { faces: [await mapped(`drawn person ${person}, photo ${shot}`, chip)] };
      }
  }
  return { photos: people.length * shots, looks: looks() };
}

/** All faces of some photos. What is no picture is left out. */
export function facesOf(files: readonly File[]): Source {
  const photos = files.filter(({ type }) => type.startsWith('image/'));
  async function* looks(): AsyncGenerator<Look> {
    for (const photo of photos) yield await look(photo);
  }
  return { photos: photos.length, looks: looks() };
}

async function look(file: File): Promise<Look> {
  const [, ...path] = file.webkitRelativePath.split('/');
  const name = path.length > 0 ? path.join('/') : file.name;
  try {
    const { faces: found } = await findFaces(name, file);
    if (found.length === 0) return { faces: [], problem: `${name}: no face was found in it.` };
    const all: MappedFace[] = [];
    for (const [k, { chip }] of found.entries())
      all.push(await mapped(found.length > 1 ? `${name}, face ${k + 1}` : name, chip));
    return { faces: all };
  } catch (error) {
    return { faces: [], problem: `${name}: ${messageOf(error)}` };
  }
}

async function mapped(name: string, chip: RawImage): Promise<MappedFace> {
  const { embedding } = await faces().embed(chip);
  return { name, picture: pictureOf(chip), embedding };
}

function pictureOf(chip: RawImage): string {
  const whole = html('canvas');
  paint(whole, chip);
  const small = html('canvas', { width: PICTURE, height: PICTURE });
  contextOf(small).drawImage(whole, 0, 0, PICTURE, PICTURE);
  return small.toDataURL('image/jpeg', 0.85);
}

/** What was dropped: files, and those in folders, however deep. */
export async function droppedFiles({ items }: DataTransfer): Promise<File[]> {
  // To be asked at once: after the event there is nothing in it.
  const entries = [...items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  return (await Promise.all(entries.map(filesIn))).flat();
}

async function filesIn(entry: FileSystemEntry): Promise<File[]> {
  if (entry instanceof FileSystemFileEntry) return [await new Promise<File>((done, fail) => entry.file(done, fail))];
  if (!(entry instanceof FileSystemDirectoryEntry)) return [];
  const reader = entry.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    // It gives some hundreds at a time, and none when it is done.
    const some = await new Promise<FileSystemEntry[]>((done, fail) => reader.readEntries(done, fail));
    if (some.length === 0) break;
    all.push(...some);
  }
  return (await Promise.all(all.map(filesIn))).flat();
}
