import type { ReferenceKernel } from './reference-kernel';

// answer[r] = 1 where z[label] > z[k] for every other k, else 0; a NaN is larger than nothing
export const rightAnswers: ReferenceKernel<'rightAnswers'> = ({ inputs, outputs, attributes }, at) => {
  const { rows, columns } = attributes;
  const logits = at(inputs.logits);
  const labels = at(inputs.labels);
  const answers = at(outputs.output);
  for (let r = 0; r < rows; r++) {
    const own = logits[r * columns + labels[r]];
    answers[r] = 1;
    for (let k = 0; k < columns; k++) if (k !== labels[r] && !(own > logits[r * columns + k])) answers[r] = 0;
  }
};
