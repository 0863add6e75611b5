import { seeded, shuffle } from "./random.ts";
import type { SparseVector } from "./vocabulary.ts";

/** How a regression is trained. */
export interface TrainingOptions {
  epochs: number;
  /** AdaGrad's step. */
  step: number;
  /** Pull of every touched weight towards 0, a step. */
  decay: number;
  seed: number;
}

/** Multinomial logistic regression over sparse vectors. */
export interface Regression {
  classes: number;
  /** Row a column of the vocabulary, `classes` weights each. */
  weights: Float32Array;
  bias: Float32Array;
}

/** Gradients smaller than this change nothing that can be measured and cost most of the time. */
const SMALLEST_GRADIENT = 3e-3;

/**
 * Fits by stochastic gradient descent with AdaGrad, the order shuffled by a seed.
 *
 * @param labels class of each vector, 0 … classes−1
 * @see Duchi, Hazan & Singer, Adaptive Subgradient Methods, JMLR 12 (2011)
 */
export function fitRegression(
  vectors: readonly SparseVector[],
  labels: readonly number[],
  columns: number,
  classes: number,
  options: TrainingOptions,
): Regression {
  const weights = new Float32Array(columns * classes);
  const squares = new Float32Array(columns * classes).fill(1e-2);
  const bias = new Float32Array(classes);
  const biasSquares = new Float32Array(classes).fill(1);
  const scores = new Float32Array(classes);
  const random = seeded(options.seed);
  const order = Int32Array.from(vectors.keys());
  const touched = new Int32Array(classes);
  const gradients = new Float32Array(classes);
  const regression = { classes, weights, bias };
  for (let epoch = 0; epoch < options.epochs; epoch++) {
    shuffle(order, random);
    for (const index of order) {
      const vector = vectors[index]!;
      scoresOf(regression, vector, scores);
      softmax(scores);
      let count = 0;
      for (let c = 0; c < classes; c++) {
        const gradient = scores[c]! - (labels[index] === c ? 1 : 0);
        if (gradient > SMALLEST_GRADIENT || gradient < -SMALLEST_GRADIENT) {
          touched[count] = c;
          gradients[count++] = gradient;
        }
      }
      step(regression, squares, vector, touched, gradients, count, options);
      for (let k = 0; k < count; k++) {
        const c = touched[k]!;
        const gradient = gradients[k]!;
        biasSquares[c]! += gradient * gradient;
        bias[c]! -= (options.step * 0.1 * gradient) / Math.sqrt(biasSquares[c]!);
      }
    }
  }
  return regression;
}

function step(
  { weights, classes }: Regression,
  squares: Float32Array,
  { columns, values }: SparseVector,
  touched: Int32Array,
  gradients: Float32Array,
  count: number,
  { step: size, decay }: TrainingOptions,
): void {
  for (let i = 0; i < columns.length; i++) {
    const row = columns[i]! * classes;
    const value = values[i]!;
    for (let k = 0; k < count; k++) {
      const at = row + touched[k]!;
      const weight = weights[at]!;
      const gradient = gradients[k]! * value + decay * weight;
      const square = squares[at]! + gradient * gradient;
      squares[at] = square;
      weights[at] = weight - (size * gradient) / Math.sqrt(square);
    }
  }
}

/** Logits of a vector, written into `scores`. */
export function scoresOf({ weights, bias, classes }: Regression, { columns, values }: SparseVector, scores: Float32Array): void {
  scores.set(bias);
  for (let i = 0; i < columns.length; i++) {
    const row = columns[i]! * classes;
    const value = values[i]!;
    for (let c = 0; c < classes; c++) scores[c]! += value * weights[row + c]!;
  }
}

/** Turns logits into probabilities in place. */
export function softmax(scores: Float32Array): void {
  let highest = -Infinity;
  for (const score of scores) if (score > highest) highest = score;
  let sum = 0;
  for (let c = 0; c < scores.length; c++) {
    const e = Math.exp(scores[c]! - highest);
    scores[c] = e;
    sum += e;
  }
  for (let c = 0; c < scores.length; c++) scores[c]! /= sum;
}
