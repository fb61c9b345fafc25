/** What only Node can do, for it reads folders: `import { loadFolder } from 'likeness/node'`. */
export { type FolderDataset, type FolderOptions, loadFolder } from './face/dataset-folder';
