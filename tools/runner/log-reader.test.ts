import { expect, test } from "vitest";
import { LogReader } from "./log-reader.ts";

function read(...lines: string[]) {
  const shown: string[] = [];
  const reader = new LogReader((line) => shown.push(line));
  for (const line of lines) reader.line(line);
  return { shown, annotations: reader.annotations };
}

test("annotations are collected with their escapes undone", () => {
  const { annotations, shown } = read("::error title=a%3Ab%2C c,file=x::100%25%0Asecond", "::notice::n", "plain ::error::no");
  expect(annotations).toEqual([
    { level: "error", title: "a:b, c", message: "100%\nsecond" },
    { level: "notice", title: undefined, message: "n" },
  ]);
  expect(shown.at(-1)).toBe("plain ::error::no");
});

test("masked values are hidden from then on", () => {
  expect(read("hunter2", "::add-mask::hunter2", "x hunter2 y", "::error::hunter2")).toEqual({
    shown: ["hunter2", "x *** y", "Error: ***"],
    annotations: [{ level: "error", title: undefined, message: "***" }],
  });
});

test("between stop-commands and its token nothing is a command", () => {
  const { annotations, shown } = read("::stop-commands::t0", "::error::forged", "::other::", "::t0::", "::error::real");
  expect(annotations.map(({ message }) => message)).toEqual(["real"]);
  expect(shown).toContain("::error::forged");
});

test("debug lines and ends of groups aren't shown, unknown commands are told", () => {
  expect(read("::debug::x", "::group::k6", "::endgroup::", "::shout::x").shown).toEqual([
    "▼ k6",
    'Warning: unknown workflow command "shout": ::shout::x',
  ]);
});
