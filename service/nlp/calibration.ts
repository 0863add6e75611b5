/** What the calibration looks at: how far the best intent stands above the others, and how much of the message is known. */
export interface Evidence {
  /** Log-odds of the best intent against everything else, the out-of-scope class included. */
  logOdds: number;
  /** Logit of the best intent. */
  top: number;
  /** Best logit − second best intent's logit. */
  gap: number;
  /** Best logit − logit of the out-of-scope class; 0 when there is none. */
  aboveOutOfScope: number;
  /** Length of the message's vector: 1 when every n-gram was seen in training, 0 when none was. */
  known: number;
}

/** Weights of `1, logOdds, top, gap, aboveOutOfScope, known`. */
export type Calibration = readonly number[];

/** One message whose right answer is known. */
export interface Outcome {
  evidence: Evidence;
  /** The best intent is the right one; never for an out-of-scope message. */
  right: boolean;
  outOfScope: boolean;
}

const TERMS = 6;
const ROUNDS = 25;
const RIDGE = 1;

function terms({ logOdds, top, gap, aboveOutOfScope, known }: Evidence): number[] {
  return [1, logOdds, top, gap, aboveOutOfScope, known];
}

/**
 * Probability that the best intent is right.
 *
 * @returns 0–1
 */
export function confidenceOf(calibration: Calibration, evidence: Evidence): number {
  const values = terms(evidence);
  let sum = 0;
  for (let i = 0; i < TERMS; i++) sum += calibration[i]! * values[i]!;
  return 1 / (1 + Math.exp(-sum));
}

/**
 * Logistic regression of "right" on the evidence, by Newton's method with a small ridge, with the out-of-scope messages weighted
 * to the share that they have in real traffic.
 *
 * @param outcomes  from messages that the classifier was not trained on
 * @param share     share of out-of-scope messages in real traffic, 0–1; without any such message it has no effect
 * @see Platt, Probabilistic Outputs for Support Vector Machines (1999), for the idea
 */
export function calibrate(outcomes: readonly Outcome[], share: number): Calibration {
  const negatives = outcomes.filter((outcome) => outcome.outOfScope).length;
  const positives = outcomes.length - negatives;
  const negativeWeight = negatives > 0 && positives > 0 ? (share / (1 - share)) * (positives / negatives) : 1;
  const rows = outcomes.map((outcome) => terms(outcome.evidence));
  let weights = new Array<number>(TERMS).fill(0);
  for (let round = 0; round < ROUNDS; round++) {
    const gradient = weights.map((weight, i) => (i === 0 ? 0 : RIDGE * weight));
    const hessian = weights.map((_, i) => weights.map((_, j) => (i === j ? (i === 0 ? 1e-9 : RIDGE) : 0)));
    rows.forEach((row, at) => {
      const { right, outOfScope } = outcomes[at]!;
      const weight = outOfScope ? negativeWeight : 1;
      let sum = 0;
      for (let i = 0; i < TERMS; i++) sum += weights[i]! * row[i]!;
      const p = 1 / (1 + Math.exp(-sum));
      const slope = weight * Math.max(p * (1 - p), 1e-6);
      for (let i = 0; i < TERMS; i++) {
        gradient[i]! += weight * (p - (right ? 1 : 0)) * row[i]!;
        for (let j = 0; j < TERMS; j++) hessian[i]![j]! += slope * row[i]! * row[j]!;
      }
    });
    const change = solve(hessian, gradient);
    weights = weights.map((weight, i) => weight - Math.max(-5, Math.min(5, change[i]!)));
    if (change.every((value) => Math.abs(value) < 1e-7)) break;
  }
  return weights;
}

/** Solves a symmetric positive definite system by Gaussian elimination with pivoting. */
function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const size = right.length;
  const rows = matrix.map((row, i) => [...row, right[i]!]);
  for (let column = 0; column < size; column++) {
    let pivot = column;
    for (let row = column + 1; row < size; row++) {
      if (Math.abs(rows[row]![column]!) > Math.abs(rows[pivot]![column]!)) pivot = row;
    }
    [rows[column], rows[pivot]] = [rows[pivot]!, rows[column]!];
    for (let row = column + 1; row < size; row++) {
      const factor = rows[row]![column]! / rows[column]![column]!;
      for (let k = column; k <= size; k++) rows[row]![k]! -= factor * rows[column]![k]!;
    }
  }
  const solution = new Array<number>(size).fill(0);
  for (let row = size - 1; row >= 0; row--) {
    let sum = rows[row]![size]!;
    for (let k = row + 1; k < size; k++) sum -= rows[row]![k]! * solution[k]!;
    solution[row] = sum / rows[row]![row]!;
  }
  return solution;
}
