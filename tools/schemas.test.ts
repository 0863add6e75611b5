import { expect, test } from "vitest";
import { staleSchemas } from "./schemas.ts";

test("the committed JSON Schemas are those of the code (npm run schemas)", async () => {
  expect(await staleSchemas()).toEqual([]);
});
