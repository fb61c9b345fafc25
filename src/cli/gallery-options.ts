import { homedir } from 'node:os';
import { join } from 'node:path';
import { Option } from 'commander';
import { type CommonOptions, type EmbedOptions, number } from './options';

export interface GalleryOptions extends CommonOptions {
  gallery: string;
}

export interface GalleryPhotoOptions extends EmbedOptions {
  gallery: string;
}

/** Where people are kept who say nothing else. */
export const GALLERY_HOME = '~/.local/share/likeness/gallery';

export const galleryFolder = (): string =>
  join(process.env.XDG_DATA_HOME || join(homedir(), '.local', 'share'), 'likeness', 'gallery');

export const galleryOption = () =>
  new Option('--gallery <place>', 'a folder, or postgres://user@host/name')
    .env('LIKENESS_GALLERY')
    .default(galleryFolder(), GALLERY_HOME);

export const falseMatchRateOption = () =>
  new Option(
    '--false-match-rate <share>',
    'of faces nobody knows so many may be given a name, whatever the size of the gallery',
  )
    .argParser(number(1e-12, 0.999))
    .default(0.01)
    .conflicts('threshold');
