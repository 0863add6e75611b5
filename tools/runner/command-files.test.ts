import { expect, test } from "vitest";
import { parseCommandFile } from "./command-files.ts";

test("single lines and blocks are read as the runner reads them", () => {
  const text = "a=1\nb<<X1\nline 1\nX\n\nX1\nc=x<<y=z\nd=\n";
  expect(parseCommandFile(text, "GITHUB_OUTPUT")).toEqual({ a: "1", b: "line 1\nX\n", c: "x<<y=z", d: "" });
  expect(parseCommandFile("", "GITHUB_OUTPUT")).toEqual({});
});

test.each([
  ["nonsense", /Invalid format 'nonsense'/],
  ["=x", /Invalid format/],
  ["a<<", /Invalid format/],
  ["a<<EOF\nx\n", /Matching delimiter not found 'EOF'/],
])("%j is refused", (text, message) => {
  expect(() => parseCommandFile(text, "GITHUB_OUTPUT")).toThrow(message);
});
