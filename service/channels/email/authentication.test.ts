import { expect, test } from "vitest";
import { isSenderProven } from "./authentication.ts";

const FROM = "ana@example.com";
const TRUSTED = ["mx.hotel.example"];

test.each([
  "mx.hotel.example; dmarc=pass header.from=example.com",
  "mx.hotel.example; spf=pass smtp.mailfrom=example.com; dkim=pass header.d=example.com; dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=example.com",
  "MX.hotel.example 1; DMARC=Pass header.from=EXAMPLE.com",
  "mx.hotel.example; dmarc/1 = pass",
  "relay.elsewhere.example; dmarc=fail header.from=example.com\nmx.hotel.example; dmarc=pass header.from=example.com",
])("proven: %s", (fields) => {
  expect(isSenderProven(fields, FROM, TRUSTED)).toBe(true);
});

test.each([
  "",
  "mx.hotel.example; none",
  "mx.hotel.example; spf=pass; dkim=pass",
  "mx.hotel.example; dmarc=fail header.from=example.com",
  "mx.hotel.example; dmarc=none header.from=example.com",
  "mx.hotel.example; dmarc=bestguesspass header.from=example.com",
  "mx.evil.example; dmarc=pass header.from=example.com",
  "mx.hotel.example.evil.example; dmarc=pass header.from=example.com",
  "mx.hotel.example; dmarc=pass header.from=other.example",
  "mx.hotel.example; dmarc=pass header.from=notexample.com",
  'mx.hotel.example; spf=fail reason="; dmarc=pass header.from=example.com"',
  "mx.hotel.example; spf=fail (; dmarc=pass (x) header.from=example.com)",
  'mx.hotel.example; spf=fail reason="\\"; dmarc=pass"',
  "mx.hotel.example; dmarc=pass header.from=example.com\nmx.hotel.example; dmarc=fail header.from=example.com",
  "mx.hotel.example; x-dmarc=pass",
  "(mx.hotel.example; dmarc=pass)",
])("not proven: %s", (fields) => {
  expect(isSenderProven(fields, FROM, TRUSTED)).toBe(false);
});

test("without a trusted server nothing is proven, and a hostile field costs little", () => {
  expect(isSenderProven("mx.hotel.example; dmarc=pass", FROM, [])).toBe(false);
  expect(isSenderProven(`mx.hotel.example; ${"(".repeat(200_000)}`, FROM, TRUSTED)).toBe(false);
});
