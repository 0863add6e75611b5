import express, { type RequestHandler } from "express";
import { invalid, Problem } from "./problem.ts";

/**
 * Reads the JSON body of a request that isn't signed into `request.body`; a request without a body counts as `{}`.
 *
 * Answers 415 to a body of another media type, as `curl -d` sends it when it isn't told; 413 to one over the limit; 400 to
 * one that isn't JSON, or that holds the character U+0000, which Postgres can't store in a text.
 *
 * @param limit bytes, such as `"64kb"`
 */
export function readJsonBody(limit: string): RequestHandler {
  const parse = express.json({ limit, type: () => true, strict: false });
  return (request, response, next) => {
    const hasBody = request.headers["transfer-encoding"] !== undefined || Number(request.headers["content-length"] ?? 0) > 0;
    const type = request.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
    if (!hasBody) {
      request.body = {};
      next();
      return;
    }
    if (type !== "application/json" && !type.endsWith("+json")) {
      const got = type === "" ? "none" : `"${type.slice(0, 100)}"`;
      const detail = `Send the body as JSON with the header Content-Type: application/json; got ${got}.`;
      throw new Problem(415, "Unsupported Media Type", detail);
    }
    parse(request, response, (error?: unknown) => {
      if (error !== undefined) {
        next(explained(error, limit));
        return;
      }
      const field = fieldWithNul(request.body);
      if (field === undefined) next();
      else next(invalid([{ field, message: "holds the character U+0000, which can't be stored; leave it out" }]));
    });
  };
}

function explained(error: unknown, limit: string): unknown {
  const type = (error as { type?: unknown }).type;
  if (type === "entity.too.large") return new Problem(413, "Content Too Large", `The body may have ${limit} at most.`);
  if (type === "entity.parse.failed") {
    return new Problem(400, "Bad Request", "The body isn't valid JSON. Send one JSON value in UTF-8.");
  }
  return error;
}

/** @returns the path of a text or name in a JSON value that holds U+0000; a loop, since a body may be nested very deeply */
function fieldWithNul(body: unknown): string | undefined {
  const rest: { path: string; value: unknown }[] = [{ path: "", value: body }];
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    const { path, value } = next;
    if (typeof value === "string" && value.includes("\u0000")) return path || "body";
    if (typeof value !== "object" || value === null) continue;
    for (const [name, member] of Object.entries(value)) {
      if (name.includes("\u0000")) return path || "body";
      rest.push({ path: path === "" ? name : `${path}.${name}`.slice(-200), value: member });
    }
  }
  return undefined;
}
