import { trainingPanel } from '../../web/training/training-panel';

const main = document.querySelector('main');
if (main) trainingPanel(main);
