import type { Request } from "express";
import { describe, expect, test } from "vitest";
import { clientKey, createPeers, isPeerRange } from "./peers.ts";

const request = (remoteAddress: string, headers: Record<string, string> = {}) =>
  ({ socket: { remoteAddress }, headers }) as unknown as Pick<Request, "socket" | "headers">;

describe("the client's address", () => {
  test("is the connection's own when nobody is trusted, whatever the request says", () => {
    const peers = createPeers([]);
    expect(peers.clientAddress(request("127.0.0.1", { "x-forwarded-for": "8.8.8.8" }))).toBe("127.0.0.1");
    expect(peers.clientAddress(request("::ffff:10.0.0.7"))).toBe("10.0.0.7");
    expect(peers.isFromProxy(request("127.0.0.1"))).toBe(false);
    expect(peers.forwardedHost(request("127.0.0.1", { "x-forwarded-host": "evil.example" }))).toBeUndefined();
  });

  test("is the last one that no trusted proxy has, so a client can't write its own", () => {
    const peers = createPeers(["loopback", "10.0.0.0/8"]);
    const from = (peer: string, forwarded?: string) =>
      peers.clientAddress(request(peer, forwarded === undefined ? {} : { "x-forwarded-for": forwarded }));
    expect(from("127.0.0.1", "203.0.113.9")).toBe("203.0.113.9");
    expect(from("127.0.0.1", "1.1.1.1, 203.0.113.9, 10.1.2.3")).toBe("203.0.113.9");
    expect(from("::1", "[2001:db8::1]")).toBe("2001:db8::1");
    expect(from("203.0.113.9", "1.1.1.1")).toBe("203.0.113.9");
    expect(from("127.0.0.1", "nonsense")).toBe("127.0.0.1");
    expect(from("127.0.0.1", "1.1.1.1, nonsense")).toBe("127.0.0.1");
    expect(from("127.0.0.1")).toBe("127.0.0.1");
    expect(peers.forwardedHost(request("127.0.0.1", { "x-forwarded-host": "chat.hotel.example" }))).toBe("chat.hotel.example");
  });
});

test("ranges are addresses, prefixes and three names", () => {
  for (const text of ["loopback", "private", "linklocal", "10.0.0.1", "10.0.0.0/8", "::1", "fd00::/8"]) {
    expect(isPeerRange(text), text).toBe(true);
  }
  for (const text of ["", "all", "10.0.0.0/33", "10.0.0", "::1/129", "10.0.0.0/8/8", "toString", "localhost"]) {
    expect(isPeerRange(text), text).toBe(false);
  }
});

test("the 64 bits of one customer count as one client", () => {
  expect(clientKey("203.0.113.9")).toBe("203.0.113.9");
  expect(clientKey("2001:db8:1:2:aaaa::1")).toBe("2001:db8:1:2::/64");
  expect(clientKey("2001:0db8:1:2:ffff:ffff:ffff:ffff")).toBe("2001:db8:1:2::/64");
  expect(clientKey("2001:db8::1")).toBe("2001:db8:0:0::/64");
  expect(clientKey("::1")).toBe("0:0:0:0::/64");
  expect(clientKey("fe80::1%eth0")).toBe("fe80:0:0:0::/64");
});
