import type { Response } from "express";
import { z } from "zod";
import { invalid } from "../http/problem.ts";

/** Where a list goes on: the sort keys of its last row, as the database writes them. Nobody else reads it. */
const parts = z.array(z.string().max(100)).min(1).max(4);
/** What a sort key looks like. */
const KINDS = {
  time: /^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(\.\d+)?[+-]\d{2}(:\d{2})?$/,
  id: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  flag: /^(true|false)$/,
};

/**
 * Reads `?cursor=`.
 *
 * @param kinds of the list's sort keys, in their order
 * @returns the keys to go on after; nulls without a cursor
 * @throws Problem 400 when it isn't one that this service gave
 */
export function readCursor(given: unknown, kinds: readonly (keyof typeof KINDS)[]): (string | null)[] {
  if (given === undefined) return kinds.map(() => null);
  try {
    const read = parts.parse(JSON.parse(Buffer.from(String(given), "base64url").toString()));
    if (read.length === kinds.length && read.every((part, at) => KINDS[kinds[at]!].test(part))) return read;
  } catch {
    // Told below: whatever is wrong with it, the remedy is the same.
  }
  throw invalid(
    [{ field: "cursor", message: "isn't one of this list: take it from the Link header of the page before" }],
    "The request",
  );
}

/**
 * Says in a `Link` header (RFC 8288) where a full page goes on.
 *
 * @param path of the list, with its query but the cursor
 * @param last sort keys of the page's last row; undefined when the page isn't full
 */
export function linkNext(response: Response, path: string, last: readonly string[] | undefined): void {
  if (last === undefined) return;
  const [folder, query = ""] = path.split("?", 2);
  const parameters = new URLSearchParams(query);
  parameters.set("cursor", Buffer.from(JSON.stringify(last)).toString("base64url"));
  response.set("Link", `<${folder}?${parameters}>; rel="next"`);
}
