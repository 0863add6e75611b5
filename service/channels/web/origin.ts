import type { Request, RequestHandler } from "express";
import type { Peers } from "../../http/peers.ts";
import { Problem } from "../../http/problem.ts";
import type { Logger } from "../../telemetry/log.ts";

const LOG_EVERY_MS = 60_000;

export interface OwnPagesOptions {
  peers: Peers;
  /** Address of the service for browsers. */
  publicUrl: string | undefined;
  logger: Logger;
  now?: () => number;
}

/**
 * Refuses what other sites' pages send, whatever cookies the browser would send along.
 *
 * Browsers say in `Sec-Fetch-Site` whether a page is of the address that it asks, and no page can say so itself. One that
 * doesn't (it is old, or the page came over plain HTTP) says in `Origin` where the page is from. That is compared with the
 * address of the service, which a proxy may have changed on the way: PUBLIC_URL has it, or the `X-Forwarded-Host` of a trusted
 * proxy. A refusal is logged, at most once a minute, since behind a proxy it may meet every guest.
 */
export function ownPages({ peers, publicUrl, logger, now = Date.now }: OwnPagesOptions): RequestHandler {
  const publicHost = publicUrl === undefined ? undefined : new URL(publicUrl).host;
  let quietUntil = 0;
  const refuse = (request: Request, origin: string | undefined): never => {
    if (now() >= quietUntil) {
      quietUntil = now() + LOG_EVERY_MS;
      const seen = {
        origin: origin?.slice(0, 200),
        host: request.get("host")?.slice(0, 200),
        site: request.get("sec-fetch-site"),
      };
      logger.warn(
        seen,
        "a message of the web chat is refused as another site's; behind a proxy that changes Host set PUBLIC_URL or TRUST_PROXY",
      );
    }
    throw new Problem(403, "Forbidden", "Messages are taken from the chat's own page only.");
  };
  return (request, _response, next) => {
    const origin = request.get("origin");
    const site = request.get("sec-fetch-site");
    if (site !== undefined) {
      if (site !== "same-origin" && site !== "none") refuse(request, origin);
    } else if (origin !== undefined) {
      const from = URL.canParse(origin) ? new URL(origin).host : origin;
      if (![request.get("host"), publicHost, peers.forwardedHost(request)].includes(from)) refuse(request, origin);
    }
    next();
  };
}
