/**
 * CPU time in milliseconds that synchronous work takes. What else the machine does at the same time doesn't count, as it would on
 * a clock; the compiler's and the collector's threads do.
 */
export function cpuMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
