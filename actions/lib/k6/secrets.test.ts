import { expect, test } from "vitest";
import { secretValues } from "./secrets.ts";

test("every value is secret, whatever its name is", () => {
  const given = { USER_PASS: "hunter22", JWT: "aaaa.bbbb.cccc", DSN: "postgres://u:p@h/d", GUEST: "many" };
  expect(secretValues(given)).toEqual(expect.arrayContaining(Object.values(given)));
});

test("the forms that a URL, JSON or a header holds are hidden too, the longest first", () => {
  const forms = secretValues({ API_KEY: 'a b+c/"d' });
  expect(forms).toEqual(expect.arrayContaining(["a%20b%2Bc%2F%22d", "a+b%2Bc%2F%22d", 'a b+c/"d', 'a b+c/\\"d', "YSBiK2MvImQ"]));
  expect(forms.map(({ length }) => length)).toEqual(forms.map(({ length }) => length).toSorted((a, b) => b - a));
  expect(secretValues({ Authorization: "Bearer abcd1234" })).toContain("abcd1234");
});

test("values that tell nothing, and headers that everybody knows, aren't hidden", () => {
  expect(secretValues({ TOKEN: "1", SECRET: "", PAGES: "1234567", DEBUG: "true", Accept: "application/json" })).toEqual([]);
});
