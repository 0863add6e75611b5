import fc from "fast-check";
import { expect, test } from "vitest";
import { parseCsvLine, RecordSplitter } from "./csv.ts";

const quoted = (cell: string) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
/** Cells of the kind that break readers: quotes, commas, line ends, and characters of several bytes. */
const cell = fc.string({ unit: fc.constantFrom('"', ",", "\r", "\n", "\r\n", "a", "é", "語", "😀", " "), maxLength: 8 });

test("records come out as they went in, wherever the pieces of the text end", () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { minLength: 1, maxLength: 6 }),
      fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 40 }),
      fc.constantFrom("\n", "\r\n"),
      (rows, sizes, end) => {
        const bytes = Buffer.from(rows.map((cells) => cells.map(quoted).join(",") + end).join(""));
        const splitter = new RecordSplitter();
        const found: string[][] = [];
        for (let at = 0, i = 0; at < bytes.length; i += 1) {
          const size = sizes[i % sizes.length]!;
          splitter.push(bytes.subarray(at, at + size), (record) => found.push(parseCsvLine(record)));
          at += size;
        }
        expect(found).toEqual(rows);
        expect(splitter.cutOff).toBe(false);
      },
    ),
  );
});

test("a record is told by the line in which it begins, and what is not whole is kept", () => {
  const splitter = new RecordSplitter();
  const found: [string, number][] = [];
  splitter.push(Buffer.from('a,b\n"one\ntwo",c\nlast,"ro'), (record, line) => found.push([record, line]));
  expect(found).toEqual([
    ["a,b", 1],
    ['"one\ntwo",c', 2],
  ]);
  expect([splitter.cutOff, splitter.line, splitter.rest()]).toEqual([true, 4, 'last,"ro']);
});
