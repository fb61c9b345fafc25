import type { Face } from '../face/pipeline';
import { printTable } from './output';
import { type Failure, isFailure } from './photos';

/** A table of the faces found, with more columns where `more` gives them, or where it is known how alive they are. */
export function printFaces<F extends Face>(
  results: readonly ({ file: string; faces: F[] } | Failure)[],
  more: { headings: string[]; cells(face: F): string[] } = { headings: [], cells: () => [] },
) {
  const isJudged = results.some(
    (result) => !isFailure(result) && result.faces.some(({ liveness }) => liveness !== undefined),
  );
  const rows = results.flatMap((result) => {
    if (isFailure(result)) return [];
    if (result.faces.length === 0) return [[result.file, 'none']];
    return result.faces.map((face, index) => {
      const [x, y, width, height] = face.box.map((length) => length.toFixed(0));
      const file = index === 0 ? result.file : '';
      return [
        file,
        index + 1,
        face.score.toFixed(3),
        `${x}, ${y}`,
        `${width} x ${height}`,
        ...more.cells(face),
        ...alive(face),
      ];
    });
  });
  const headings = ['Photo', 'Face', 'Score', 'Left, top', 'Size', ...more.headings, ...(isJudged ? ['Alive'] : [])];
  if (rows.length > 0) printTable(headings, rows);
}

const alive = ({ liveness }: Face): string[] => (liveness === undefined ? [] : [liveness.toFixed(3)]);
