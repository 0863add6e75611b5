import { expect, test } from "vitest";
import { createPlaces } from "./places.ts";

test("a hotel alone may have every place, two share", () => {
  let now = 0;
  const places = createPlaces(8, () => now);
  for (let time = 0; time < 5; time += 1) places.take("a");
  expect(places.most()).toBe(8);
  places.take("b");
  expect(places.most()).toBe(4);
  expect(places.free()).toBe(2);
  expect(places.held()).toEqual(["a", "a", "a", "a", "a", "b"]);
  places.giveBack("b");
  now += 9_999;
  places.take("a");
  expect(places.most(), "b was at work a moment ago").toBe(4);
  now += 1;
  expect(places.most()).toBe(8);
});

test("a third hotel keeps the share, whoever of the others was first", () => {
  let now = 0;
  const places = createPlaces(3, () => now);
  places.take("a");
  now += 20_000;
  places.take("b");
  expect(places.most()).toBe(3);
  places.take("c");
  expect(places.most()).toBe(2);
  expect(createPlaces(1).most()).toBe(1);
});

test("nobody gives back what it doesn't have", () => {
  const places = createPlaces(2);
  places.take("a");
  places.giveBack("a");
  expect(() => places.giveBack("a")).toThrow("has none");
  expect(places.free()).toBe(2);
});
