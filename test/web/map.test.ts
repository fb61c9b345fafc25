import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { euclideanDistance } from '../../src/face/verify';
import { stream } from '../../src/tensor/random';
import { fitted, nextTowards } from '../../web/map/face-map';
import { groupFaces, nearest } from '../../web/map/neighbours';
import { FEWEST_FOR_UMAP, type Place, principalPlaces } from '../../web/map/places';
import { eigenOfSymmetric, explained, principalComponents, project } from '../../web/map/principal-components';
import { umapPlaces } from '../../web/map/umap';

const test = suite('the map of faces');

const near = (actual: number, expected: number, what = '', tolerance = 1e-9) =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${what} ${actual}, expected ${expected}`);

const dot = (a: ArrayLike<number>, b: ArrayLike<number>) => Array.from(a).reduce((sum, x, k) => sum + x * b[k], 0);

/** Points that vary differently along each number, and along sums of them. */
function cloud(count: number, dimension: number, seed = 1): Float32Array[] {
  const { next } = stream(seed, 0);
  return Array.from({ length: count }, () => {
    const shared = next();
    return Float32Array.from({ length: dimension }, (_, j) => (next() - 0.5) / (1 + j) + (j % 3) * shared);
  });
}

/** Of length 1, `each` around each of some directions. */
function heaps(people: number, each: number): Float32Array[] {
  const { next } = stream(5, 0);
  return Array.from({ length: people * each }, (_, k) => {
    const point = Float32Array.from(
      { length: 16 },
      (_, j) => Number(j === Math.floor(k / each)) + 0.1 * (next() - 0.5),
    );
    const length = Math.sqrt(dot(point, point));
    return point.map((value) => value / length);
  });
}

test('principal components by hand: C = [[20, 16], [16, 20]] / 3 has 12 along (1, 1) and 4/3 along (1, -1)', () => {
  const points = [
    [13, 3],
    [7, -3],
    [11, -1],
    [9, 1],
  ];
  const components = principalComponents(points, 2);
  assert.equal([...components.mean], [10, 0]);
  near(components.variances[0], 12);
  near(components.variances[1], 4 / 3);
  near(explained(components, 1), 0.9);
  const half = Math.SQRT1_2;
  for (const [k, expected] of [
    [half, half],
    [half, -half],
  ].entries())
    for (const [j, value] of expected.entries()) near(Math.abs(components.directions[k][j]), Math.abs(value));
  near(project([13, 3], components)[0], 6 * half);
  near(Math.abs(project([11, -1], components)[1]), 2 * half);
});

test('directions are at right angles and of length 1, coordinates uncorrelated, and the variances those of the points', () => {
  const points = cloud(60, 12);
  const components = principalComponents(points, 12);
  for (const [a, one] of components.directions.entries())
    for (const [b, other] of components.directions.entries()) near(dot(one, other), Number(a === b), `${a} ${b}`);
  const coordinates = points.map((point) => project(point, components));
  for (let a = 0; a < 12; a++)
    for (let b = 0; b < 12; b++) {
      const covariance = coordinates.reduce((sum, place) => sum + place[a] * place[b], 0) / (points.length - 1);
      near(covariance, a === b ? components.variances[a] : 0, `${a} ${b}`);
    }
  assert.equal(
    components.variances,
    components.variances.toSorted((a, b) => b - a),
  );
  near(explained(components, 12), 1);
  const [a, b] = [points[3], points[40]];
  near(euclideanDistance(project(a, components), project(b, components)), euclideanDistance(a, b), 'all directions');
  const two = principalComponents(points, 2);
  assert.ok(euclideanDistance(project(a, two), project(b, two)) <= euclideanDistance(a, b), 'a plane only loses');
});

test('Jacobi: A v = l v, at the size of an embedding', () => {
  const size = 128;
  const { next } = stream(2, 0);
  const matrix = new Float64Array(size * size);
  for (let p = 0; p < size; p++)
    for (let q = 0; q <= p; q++) matrix[p * size + q] = matrix[q * size + p] = next() - 0.5;
  const before = matrix.slice();
  const { values, vectors } = eigenOfSymmetric(matrix, size);
  assert.equal(matrix, before);
  for (let k = 0; k < size; k++) {
    const vector = Array.from({ length: size }, (_, j) => vectors[j * size + k]);
    near(dot(vector, vector), 1);
    for (let row = 0; row < size; row++)
      near(dot(matrix.subarray(row * size, (row + 1) * size), vector), values[k] * vector[row], `${k} ${row}`);
  }
});

test('a single face, and faces that are all the same, lie in the middle', () => {
  for (const count of [1, 3]) {
    const { places, explained: shares } = principalPlaces(
      Array.from({ length: count }, () => new Float32Array([1, 0])),
    );
    assert.is(shares, undefined);
    assert.equal(
      fitted(places),
      Array.from({ length: count }, () => [0.5, 0.5]),
    );
  }
});

test('UMAP keeps people together, and the same faces give the same map', async () => {
  const embeddings = heaps(3, 8);
  const places = (await umapPlaces(embeddings))?.places ?? [];
  assert.is(places.length, 24);
  for (const [face, place] of places.entries()) {
    const others = places.map((other, k) => (k === face ? Number.POSITIVE_INFINITY : euclideanDistance(place, other)));
    const closest = others.indexOf(Math.min(...others));
    assert.is(Math.floor(closest / 8), Math.floor(face / 8), `the face nearest to ${face}`);
  }
  assert.equal((await umapPlaces(embeddings))?.places, places);
  assert.not.equal((await umapPlaces(embeddings, { seed: 2 }))?.places, places);
  assert.is((await umapPlaces(heaps(1, FEWEST_FOR_UMAP)))?.places.length, FEWEST_FOR_UMAP);
  let message = '';
  await umapPlaces(heaps(1, FEWEST_FOR_UMAP - 1)).catch((error: Error) => {
    message = error.message;
  });
  assert.match(message, /UMAP needs 4 faces/);
});

test('neighbours are the nearest of the others', () => {
  const embeddings = [
    [0, 0],
    [3, 4],
    [0, 1],
    [0, -2],
  ];
  assert.equal(nearest(embeddings, 0, 2), [
    { face: 2, distance: 1 },
    { face: 3, distance: 2 },
  ]);
  assert.equal(nearest(embeddings, 1, 9).length, 3);
  assert.equal(nearest([[1]], 0, 3), []);
});

test('groups are the heaps at a threshold between their width and their distance, and each face knows its nearest', () => {
  const embeddings = heaps(4, 6);
  const { groups, nearest: closest } = groupFaces(embeddings, 0.7);
  assert.equal(
    groups,
    embeddings.map((_, k) => Math.floor(k / 6)),
  );
  for (const [face, found] of closest.entries()) assert.equal(found, nearest(embeddings, face, 1)[0]);
  assert.is(new Set(groupFaces(embeddings, 0.01).groups).size, 24, 'nobody is that near');
  assert.is(new Set(groupFaces(embeddings, 2).groups).size, 1);
  assert.equal(groupFaces([[1]], 0.5), { groups: [0], nearest: [undefined] });
});

test('a map fills its square, stretched only where that is asked for', () => {
  const places: Place[] = [
    [10, 1],
    [14, 1],
    [12, 3],
  ];
  assert.equal(fitted(places), [
    [0, 0.25],
    [1, 0.25],
    [0.5, 0.75],
  ]);
  assert.equal(fitted(places, true), [
    [0, 0],
    [1, 0],
    [0.5, 1],
  ]);
});

test('arrow keys go to the nearest face of that direction, and nowhere at the edge', () => {
  const places: Place[] = [
    [0, 0],
    [1, 0.2],
    [3, 0],
    [0.2, 1],
  ];
  assert.is(nextTowards(places, 0, [1, 0]), 1);
  assert.is(nextTowards(places, 1, [1, 0]), 2);
  assert.is(nextTowards(places, 0, [0, 1]), 3);
  assert.is(nextTowards(places, 2, [1, 0]), undefined);
  assert.is(nextTowards(places, 2, [-1, 0]), 1);
});

test.run();
