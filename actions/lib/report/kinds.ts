import type { z } from "zod";
import { canaryReportSchema } from "./canary-report.ts";
import { errorBudgetSchema } from "./error-budget.ts";
import { historySchema } from "./history.ts";
import { smokeSummarySchema } from "./smoke-summary.ts";

/** Every kind of report by its name. `npm run schemas` writes `schemas/<kind>.schema.json` of each. */
export const reportKinds: Readonly<Record<string, z.ZodType>> = {
  "smoke-summary": smokeSummarySchema,
  "error-budget": errorBudgetSchema,
  "performance-history": historySchema,
  "canary-report": canaryReportSchema,
};
