import type { Effect } from "./world.ts";

const none: [number, number] = [0, 0];

/** The rows of the table in docs/judge.md. */
export const EFFECTS: readonly Effect[] = [
  { name: "identical", p95Factor: 1, shape: "scale", errors: none },
  { name: "+3 %", p95Factor: 1.03, shape: "scale", errors: none },
  { name: "+10 %", p95Factor: 1.1, shape: "scale", errors: none },
  { name: "+15 %", p95Factor: 1.15, shape: "scale", errors: none },
  { name: "+20 %", p95Factor: 1.2, shape: "scale", errors: none },
  { name: "tail +25 %", p95Factor: 1.25, shape: "tail", errors: none },
  { name: "stall +30 %", p95Factor: 1.3, shape: "stall", errors: none },
  { name: "errors 0 to 1 %", p95Factor: 1, shape: "scale", errors: [0, 0.01] },
  { name: "errors 0.5 to 1 %", p95Factor: 1, shape: "scale", errors: [0.005, 0.01] },
];

/** More effects, beyond the table. */
export const MORE_EFFECTS: readonly Effect[] = [
  { name: "x0.9", p95Factor: 0.9, shape: "scale", errors: none },
  { name: "+5 %", p95Factor: 1.05, shape: "scale", errors: none },
  { name: "+30 %", p95Factor: 1.3, shape: "scale", errors: none },
  { name: "+50 %", p95Factor: 1.5, shape: "scale", errors: none },
  { name: "share x3 +25 %", p95Factor: 1.25, shape: "share", errors: none },
  { name: "constant +25 %", p95Factor: 1.25, shape: "constant", errors: none },
  { name: "errors 1 to 1 %", p95Factor: 1, shape: "scale", errors: [0.01, 0.01] },
  { name: "errors 1 to 2 %", p95Factor: 1, shape: "scale", errors: [0.01, 0.02] },
];
