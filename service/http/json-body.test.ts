import { Router } from "express";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Served, serve } from "../../test/http.ts";
import { readJsonBody } from "./json-body.ts";

let served: Served;
beforeAll(async () => {
  const router = Router();
  router.post("/", readJsonBody("1kb"), (request, response) => {
    response.json({ body: request.body });
  });
  served = await serve(router);
});
afterAll(() => served.close());

const post = async (body: string | undefined, headers: Record<string, string> = { "content-type": "application/json" }) => {
  const response = await fetch(served.url, { method: "POST", headers, ...(body === undefined ? {} : { body }) });
  return { status: response.status, json: (await response.json()) as Record<string, unknown> };
};

test("a JSON body is read; a request without a body counts as an empty object", async () => {
  expect((await post('{"a":1}')).json).toEqual({ body: { a: 1 } });
  expect((await post("{}", { "content-type": "application/merge-patch+json; charset=utf-8" })).status).toBe(200);
  expect((await post(undefined, {})).json).toEqual({ body: {} });
});

test.each([
  "application/x-www-form-urlencoded", // what `curl -d` says when nobody tells it
  "text/plain",
  "",
])('a body of the media type "%s" is 415, and the answer names the header to send', async (type) => {
  const { status, json } = await post('{"a":1}', { "content-type": type });
  expect(status).toBe(415);
  expect(json.detail).toContain("Content-Type: application/json");
});

test("what isn't JSON, is too long, or can't be stored is told by a status of its own", async () => {
  expect((await post("{")).status).toBe(400);
  expect((await post(JSON.stringify("a".repeat(2000)))).status).toBe(413);
  expect(await post('{"a":[{"b":"x\\u0000y"}]}')).toMatchObject({ status: 400, json: { errors: [{ field: "a.0.b" }] } });
  expect((await post('{"a\\u0000":1}')).status).toBe(400);
  expect((await post("[".repeat(500) + "]".repeat(500))).status).toBe(200);
});
