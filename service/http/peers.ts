import { BlockList, isIP } from "node:net";
import type { Request } from "express";

/** Names for ranges that a deployment's own proxies usually have. */
const RANGES: Record<string, readonly string[]> = {
  loopback: ["127.0.0.0/8", "::1/128"],
  linklocal: ["169.254.0.0/16", "fe80::/10"],
  private: ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"],
};

/** @returns whether a text names proxies: an address, a range such as 10.0.0.0/8, or loopback, linklocal, private */
export function isPeerRange(text: string): boolean {
  if (Object.hasOwn(RANGES, text)) return true;
  const [address = "", prefix, ...rest] = text.split("/");
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128));
}

/** Who is at the other end of a request. What a request says of itself counts only when a proxy of this deployment says it. */
export interface Peers {
  /** Whether the connection comes from a proxy of this deployment. */
  isFromProxy(request: Pick<Request, "socket">): boolean;
  /** The address of the client that the last proxy of this deployment saw; the connection's own without proxies. */
  clientAddress(request: Pick<Request, "socket" | "headers">): string;
  /** The host that the client asked for, as the proxy passes it on; undefined without a proxy. */
  forwardedHost(request: Pick<Request, "socket" | "headers">): string | undefined;
}

/** @param trusted what `isPeerRange` takes; none: no request comes through a proxy */
export function createPeers(trusted: readonly string[]): Peers {
  const proxies = new BlockList();
  for (const text of trusted.flatMap((name) => RANGES[name] ?? [name])) {
    const [address, prefix] = text.split("/") as [string, string?];
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    if (prefix === undefined) proxies.addAddress(address, family);
    else proxies.addSubnet(address, Number(prefix), family);
  }
  const isProxy = (address: string) => isIP(address) > 0 && proxies.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
  const peerOf = ({ socket }: Pick<Request, "socket">) => plainAddress(socket.remoteAddress ?? "");
  return {
    isFromProxy: (request) => isProxy(peerOf(request)),
    clientAddress: (request) => {
      let address = peerOf(request);
      // Each proxy adds the peer that it saw at the end; what stands before the first stranger anybody may have written.
      const seen = listOf(request.headers["x-forwarded-for"]);
      for (let next = seen.pop(); next !== undefined && isProxy(address); next = seen.pop()) {
        const plain = plainAddress(next);
        if (isIP(plain) === 0) break;
        address = plain;
      }
      return address;
    },
    forwardedHost: (request) => (isProxy(peerOf(request)) ? listOf(request.headers["x-forwarded-host"]).at(-1) : undefined),
  };
}

/**
 * @returns what stands for a client when requests are counted: an IPv4 address, or the first 64 bits of an IPv6 one, which are
 *   what a provider gives to one customer
 */
export function clientKey(address: string): string {
  if (isIP(address) !== 6) return address;
  const [head = "", tail] = address.split("%")[0]!.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const groups =
    tail === undefined ? left : [...left, ...Array<string>(Math.max(0, 8 - left.length - right.length)).fill("0"), ...right];
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":")}::/64`;
}

const listOf = (header: string | string[] | undefined): string[] =>
  [header ?? []]
    .flat()
    .join(",")
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");

const plainAddress = (address: string) => address.replace(/^::ffff:(?=\d+\.)/i, "").replace(/^\[(.+)\]$/, "$1");
