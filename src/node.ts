/** What only Node can do, for it reads folders: `import { loadFolder } from 'likeness/node'`. */
export { type FolderDataset, type FolderOptions, loadFolder } from './face/dataset-folder';
export { type EmbedFilesOptions, embedFiles } from './face/embedding-cache';
export { readLabelledFaces } from './face/landmark-data';
export { type PairProtocol, ProtocolError, readCfp, readLfw, readPairs } from './face/protocols';
export { folderOf } from './platform/model-folder';
