import { expect, test } from "vitest";
import { secretValues } from "./secrets.ts";

test("variables are secret by their names", () => {
  const secret = { MESSAGES_SECRET: "aaaa", API_TOKEN: "bbbb", password: "cccc", SIGNING_KEY: "dddd", AUTHORIZATION: "eeee" };
  expect(secretValues({ ...secret, GUESTS: "many", KEYWORD: "beach", AUTHOR: "Borges" })).toEqual(Object.values(secret));
});

test("the forms that a URL holds are hidden too, the longest first", () => {
  expect(secretValues({ API_KEY: "a b+c/d" })).toEqual(["a%20b%2Bc%2Fd", "a+b%2Bc%2Fd", "a b+c/d"]);
  expect(secretValues({ TOKEN: "short-one", TOKEN_2: "short-one-longer" })).toEqual(["short-one-longer", "short-one"]);
});

test("a value that is too short to be told from other text isn't hidden", () => {
  expect(secretValues({ TOKEN: "1", SECRET: "" })).toEqual([]);
});
