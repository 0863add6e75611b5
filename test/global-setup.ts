/** Runs once for the whole Vitest run. */
export default function setup(): void {
  process.env["TZ"] = "UTC";
}
