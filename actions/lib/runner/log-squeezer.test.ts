import { expect, test } from "vitest";
import { LogSqueezer } from "./log-squeezer.ts";

function squeezed(lines: readonly string[]): string[] {
  const written: string[] = [];
  const squeezer = new LogSqueezer((line) => written.push(line));
  for (const line of lines) squeezer.line(line);
  squeezer.end();
  return written;
}

test("warnings that differ in numbers only are shown three times and then counted; other lines are left alone", () => {
  const refused = (second: number) =>
    `time="2026-11-21T07:27:${second}Z" level=warning msg="Request Failed" error="dial tcp 127.0.0.1:${5000 + second}: connection refused"`;
  const said = 'time="2026-11-21T07:27:18Z" level=info msg="hello 1" source=console';
  const other = 'time="2026-11-21T07:27:18Z" level=error msg="no tenant"';
  const lines = Array.from({ length: 906 }, (_, index) => refused(index));
  expect(squeezed([...lines, said, said, said, said, other])).toEqual([
    ...lines.slice(0, 3),
    said,
    said,
    said,
    said,
    other,
    '… and 903 more like level=warning msg="Request Failed" error="dial tcp 127.0.0.1:5905: connection refused"',
  ]);
});

test("ever new lines are shown as they come, in bounded memory", () => {
  const lines = Array.from({ length: 500 }, (_, index) => `level=error msg="${"x".repeat(index)}"`);
  expect(squeezed(lines)).toEqual(lines);
});
