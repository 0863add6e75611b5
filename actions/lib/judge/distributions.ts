/** Coefficients of the rational approximation, relative error below 1.2e-9 before the correction step. */
const A = [-39.69683028665376, 220.9460984245205, -275.9285104469687, 138.357751867269, -30.66479806614716, 2.506628277459239];
const B = [-54.47609879822406, 161.5858368580409, -155.6989798598866, 66.80131188771972, -13.28068155288572];
const C = [
  -0.007784894002430293, -0.3223964580411365, -2.400758277161838, -2.549732539343734, 4.374664141464968, 2.938163982698783,
];
const D = [0.007784695709041462, 0.3224671290700398, 2.445134137142996, 3.754408661907416];

const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059, 12.507343278686905,
  -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];

/** Natural logarithm of the gamma function for x > 0 (Lanczos, g = 7). */
function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
  const shifted = x - 1;
  let sum = LANCZOS[0]!;
  for (let i = 1; i < LANCZOS.length; i++) sum += LANCZOS[i]! / (shifted + i);
  const base = shifted + 7.5;
  return 0.5 * Math.log(2 * Math.PI) + (shifted + 0.5) * Math.log(base) - base + Math.log(sum);
}

/** Continued fraction of the incomplete beta function, by Lentz's method (DLMF 8.17.22). */
function betaFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300;
  let c = 1;
  let d = 1 - ((a + b) * x) / (a + 1);
  d = 1 / (Math.abs(d) < tiny ? tiny : d);
  let fraction = d;
  for (let m = 1; m <= 500; m++) {
    for (const numerator of [
      (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m)),
      (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1)),
    ]) {
      d = 1 + numerator * d;
      d = 1 / (Math.abs(d) < tiny ? tiny : d);
      c = 1 + numerator / c;
      c = Math.abs(c) < tiny ? tiny : c;
      fraction *= d * c;
    }
    if (Math.abs(d * c - 1) < 1e-15) break;
  }
  return fraction;
}

/** Regularised incomplete beta function I_x(a, b), 0 ≤ x ≤ 1. */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x));
  return x < (a + 1) / (a + b + 2) ? (front * betaFraction(x, a, b)) / a : 1 - (front * betaFraction(1 - x, b, a)) / b;
}

/** Regularised upper incomplete gamma function Q(1/2, x) by its continued fraction, x > 1 (DLMF 8.9.2). */
function upperGammaHalf(x: number): number {
  let b = x + 0.5;
  let c = 1e300;
  let d = 1 / b;
  let fraction = d;
  for (let i = 1; i <= 500; i++) {
    const numerator = -i * (i - 0.5);
    b += 2;
    d = 1 / (numerator * d + b);
    c = b + numerator / c;
    fraction *= d * c;
    if (Math.abs(d * c - 1) < 1e-16) break;
  }
  return (Math.exp(-x) * Math.sqrt(x) * fraction) / Math.sqrt(Math.PI);
}

/** P(Z > z) of a standard normal, with full relative precision in the upper tail. */
export function normalUpperTail(z: number): number {
  if (z < 0) return 1 - normalUpperTail(-z);
  const x = (z * z) / 2;
  if (x > 1) return upperGammaHalf(x) / 2;
  let term = z;
  let sum = z;
  for (let i = 1; i < 100 && Math.abs(term) > 1e-18; i++) {
    term *= -x / i;
    sum += term / (2 * i + 1);
  }
  return 0.5 - sum / Math.sqrt(2 * Math.PI);
}

function evaluate(coefficients: readonly number[], x: number): number {
  return coefficients.reduce((sum, coefficient) => sum * x + coefficient, 0);
}

/**
 * The z with P(Z > z) = alpha for a standard normal.
 *
 * @param alpha upper-tail probability, 0 < alpha < 1
 * @throws RangeError outside that range
 * @see Acklam's rational approximation, then one step of Halley's method.
 */
export function normalQuantile(alpha: number): number {
  if (!(alpha > 0 && alpha < 1)) throw new RangeError(`normal quantile: expected 0 < alpha < 1, got ${alpha}`);
  if (alpha > 0.5) return -normalQuantile(1 - alpha);
  let z: number;
  if (alpha < 0.02425) {
    const q = Math.sqrt(-2 * Math.log(alpha));
    z = -evaluate(C, q) / (evaluate(D, q) * q + 1);
  } else {
    const q = 0.5 - alpha;
    z = (evaluate(A, q * q) * q) / (evaluate(B, q * q) * q * q + 1);
  }
  const error = (alpha - normalUpperTail(z)) * Math.sqrt(2 * Math.PI) * Math.exp((z * z) / 2);
  return z - error / (1 + (z * error) / 2);
}

/** P(T > t) of Student's t with df > 0 degrees of freedom. */
export function studentUpperTail(t: number, df: number): number {
  if (t < 0) return 1 - studentUpperTail(-t, df);
  return incompleteBeta(df / (df + t * t), df / 2, 0.5) / 2;
}

/**
 * The t with P(T > t) = alpha for Student's t with df degrees of freedom, by bisection of its tail.
 *
 * @param alpha upper-tail probability, 0 < alpha ≤ 0.5
 * @param df degrees of freedom, > 0
 * @throws RangeError outside these ranges
 */
export function studentQuantile(alpha: number, df: number): number {
  if (!(alpha > 0 && alpha <= 0.5)) throw new RangeError(`Student quantile: expected 0 < alpha ≤ 0.5, got ${alpha}`);
  if (!(df > 0)) throw new RangeError(`Student quantile: expected df > 0, got ${df}`);
  let low = 0;
  let high = 1;
  while (studentUpperTail(high, df) > alpha) high *= 2;
  for (let i = 0; i < 200 && high - low > 1e-13 * high; i++) {
    const middle = (low + high) / 2;
    if (studentUpperTail(middle, df) > alpha) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
