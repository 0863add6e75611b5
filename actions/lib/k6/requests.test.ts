import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { readInputs } from "../runner/inputs.ts";
import { parseHar } from "./har.ts";
import { orderOf, parseRequests } from "./requests.ts";
import { readK6Inputs, secretsOf } from "./traffic.ts";

const noFile = (path: string): string => {
  throw new Error(`no file ${path}`);
};
const parse = (text: string) => parseRequests(text, noFile);

describe("lines of requests", () => {
  test("a method and a path, with weight, body and expected codes", () => {
    const { requests, mistakes } = parseRequests(
      `# rooms are asked for most
GET /rooms?guests=2&city=New%20York weight=8

post /book body='{"name": "a \\"b\\""}' expect=201,409
PUT /book/1 body=@book.json expect=200-299
GET ?page=2
DELETE /book/1 body="a \\"quoted\\" word"`,
      (path) => `text of ${path}`,
    );
    expect(mistakes).toEqual([]);
    expect(requests).toEqual([
      { method: "GET", path: "/rooms?guests=2&city=New%20York", weight: 8, headers: {} },
      {
        method: "POST",
        path: "/book",
        weight: 1,
        headers: {},
        body: '{"name": "a \\"b\\""}',
        expect: [
          [201, 201],
          [409, 409],
        ],
      },
      { method: "PUT", path: "/book/1", weight: 1, headers: {}, body: "text of book.json", expect: [[200, 299]] },
      { method: "GET", path: "?page=2", weight: 1, headers: {} },
      { method: "DELETE", path: "/book/1", weight: 1, headers: {}, body: 'a "quoted" word' },
    ]);
  });

  test.each([
    ["FETCH /rooms", 'line 1: expected one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, got "FETCH".'],
    ["/rooms", 'got "/rooms"'],
    ["GET http://other/rooms", 'expected a path that starts with "/", got "http://other/rooms". The host is that of the URL'],
    ["GET", 'expected a path that starts with "/", got ""'],
    ["GET /rooms weight=0", "expected weight to be a whole number from 1 to 1000"],
    ["GET /rooms weight=1.5", "expected weight to be a whole number"],
    ["GET /rooms expect=2xx", "expected status codes such as expect=200-399"],
    ["GET /rooms expect=300-200", "expected status codes"],
    ["GET /rooms body='x'", "expected no body with GET"],
    ["POST /rooms body=@none.json", 'expected body to name a file that can be read, got "@none.json": no file none.json.'],
    ["POST /rooms boddy=x", "expected weight=, body= or expect=, got"],
    ["# nothing", 'expected lines such as "GET /rooms weight=3", got none.'],
  ])("%s is told: %s", (line, message) => {
    expect(parse(line).mistakes.join("\n")).toContain(message);
  });

  test("every wrong line is told with its number", () => {
    const { mistakes } = parse("FETCH /a\nGET /b\nGET c");
    expect(mistakes.map((mistake) => mistake.slice(0, 6))).toEqual(["line 1", "line 3"]);
  });

  test("each comes as often as its weight says, spread evenly", () => {
    expect(orderOf([1])).toEqual([0]);
    expect(orderOf([5, 1, 1])).toEqual([0, 0, 1, 0, 2, 0, 0]);
  });
});

describe("a recorded session", () => {
  const entry = (method: string, url: string, more: object = {}) => ({
    request: {
      method,
      url,
      headers: [
        { name: "Cookie", value: "session=secret" },
        { name: "Authorization", value: "Bearer secret" },
        { name: ":authority", value: "shop.example" },
        { name: "Accept", value: "text/html" },
      ],
      ...more,
    },
  });
  const har = (...entries: object[]) => JSON.stringify({ log: { version: "1.2", entries } });

  test("gives the requests to its own host, without what was its alone; what came twice weighs two", () => {
    const text = har(
      entry("GET", "https://shop.example/rooms?a=1"),
      entry("GET", "https://cdn.example/app.js"),
      entry("GET", "https://shop.example/rooms?a=1"),
      entry("POST", "https://shop.example/book", { postData: { mimeType: "application/json", text: "{}" } }),
      entry("GET", "data:image/png;base64,AA"),
      {},
    );
    expect(parseHar(text, ["GET", "HEAD"])).toEqual([
      { method: "GET", path: "/rooms?a=1", weight: 2, headers: { Accept: "text/html" } },
    ]);
    expect(parseHar(text, ["POST"])).toEqual([
      { method: "POST", path: "/book", weight: 1, headers: { Accept: "text/html" }, body: "{}" },
    ]);
  });

  test.each([
    ["{", "isn't a HAR file"],
    ['{"log": {}}', "isn't a HAR file"],
    [har(), "holds no request with GET or HEAD. Name other methods in har-methods"],
    [har(entry("POST", "http://h/")), "holds no request with GET"],
  ])("%s is told: %s", (text, message) => {
    expect(() => parseHar(text, ["GET", "HEAD"])).toThrow(message);
  });
});

describe("the inputs of what is sent", () => {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-traffic-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "s.js"), "");
  const load = (inputs: Record<string, string>) => {
    const environment = Object.fromEntries(Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value]));
    return readInputs((read) => readK6Inputs(read, folder, { BASE_URL: "base-url" }), environment);
  };

  test("nothing at all is one GET of the URL", () => {
    expect(load({})).toMatchObject({ traffic: { kind: "requests", requests: [{ method: "GET", path: "" }] }, flags: [] });
  });

  test("all mistakes come together, each with its remedy", () => {
    const wrong = {
      script: "s.js",
      requests: "GET rooms",
      headers: "no colon",
      "har-methods": "POST",
      env: "BASE_URL=http://x",
      "k6-version": "latest",
      "k6-path": "none",
      "k6-flags": "--vus=9 --insecure-skip-tls-verify -e",
      "insecure-skip-tls-verify": "yes",
    };
    const message = (() => {
      try {
        load(wrong);
        return "";
      } catch (error) {
        return (error as Error).message;
      }
    })();
    for (const part of [
      "script, requests: expected one of them",
      "headers: expected requests, har or nothing beside it",
      "har-methods: expected har with it",
      "env: expected no line for BASE_URL",
      "k6-version: expected a version",
      "k6-path: expected a file in",
      '"--vus=9"',
      '"-e"',
      "--insecure-skip-tls-verify has an input of its own",
      "insecure-skip-tls-verify: expected one of",
    ]) {
      expect(message).toContain(part);
    }
    expect(() => load({ headers: "no colon\nX-Key: secret" })).toThrow(
      /^1 input is wrong:\n {2}headers: expected "Name: value" in line 1\./,
    );
  });

  test("variables and headers are secret by their values", () => {
    const inputs = load({ env: "USER_PASS=hunter22\nPAGES=12", headers: "Authorization: Bearer abcd1234\nAccept: text/html" });
    expect(secretsOf(inputs)).toEqual(expect.arrayContaining(["hunter22", "abcd1234", "Bearer abcd1234"]));
    expect(secretsOf(inputs).join()).not.toMatch(/12,|text\/html/);
  });

  test("certificates go unchecked by the input of that name alone", () => {
    expect(load({ "insecure-skip-tls-verify": "true", "k6-flags": "--tag=team=web" })).toMatchObject({
      insecure: true,
      flags: ["--tag=team=web", "--insecure-skip-tls-verify"],
    });
  });
});
