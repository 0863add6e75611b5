/**
 * Gives up waiting for work that may never end. The work itself goes on, so what it does must be safe to do again.
 *
 * @param late makes the error for the case that `milliseconds` pass first
 */
export async function within<Result>(milliseconds: number, work: Promise<Result>, late: () => Error): Promise<Result> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(late()), milliseconds);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
