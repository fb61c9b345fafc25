/** What only Node can do, for it reads folders: `import { loadFolder } from 'likeness/node'`. */
export { type FolderDataset, type FolderOptions, loadFolder } from './face/dataset-folder';
export { type EmbedFilesOptions, embedFiles } from './face/embedding-cache';
export { readLabelledFaces } from './face/landmark-data';
export { type PairProtocol, ProtocolError, readCfp, readLfw, readPairs } from './face/protocols';
export { clusterFaces, type FaceGroup } from './gallery/cluster';
export { GalleryError } from './gallery/embedders';
export { findPhotos } from './gallery/find';
export { FolderInUse } from './gallery/folder-lock';
export { type FoundFace, Gallery, type PersonSummary, type Template } from './gallery/gallery';
export { type GalleryAnswer, Identifier } from './gallery/identify';
export { exportLines, importLines } from './gallery/json-lines';
export { buildNearestIndex } from './gallery/nearest-index';
export { listPhotos, readPhotoFile } from './gallery/photo-files';
export { PhotoQueue } from './gallery/photo-queue';
export { type LookAtPhotos, tasksToDo, workOnPhotos } from './gallery/photo-work';
export { reEmbed } from './gallery/re-embed';
export { folderOf } from './platform/model-folder';
