import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["{actions,service,test,tools,bench,k6,dashboards,docs}/**/*.test.ts"],
    exclude: ["**/dist/**", "**/node_modules/**", "build/**"],
    globalSetup: ["test/global-setup.ts"],
    testTimeout: 30_000,
    hookTimeout: 120_000,
    pool: "forks",
    maxWorkers: 2,
  },
});
