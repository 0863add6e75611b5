import { OpenFeature, ProviderEvents } from "@openfeature/server-sdk";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeDatabase, type TestDatabase } from "../../test/database.ts";
import { makeFlags, toggle } from "../../test/flags.ts";
import { startRedis, until } from "../../test/servers.ts";
import { openRedis } from "../storage/shared-redis.ts";
import { createProvider } from "./provider.ts";

let data: TestDatabase;
beforeAll(async () => {
  data = await makeDatabase("embedded");
});
afterAll(async () => {
  await OpenFeature.close();
  await data.close();
});

test("an OpenFeature client reads the flags, and hears of changes, of staleness and of its end", async () => {
  const redis = await startRedis();
  const shared = await openRedis({ url: redis.url, onError: () => undefined });
  const registry = {
    a: toggle(true),
    top: toggle(true, { prerequisites: [{ flag: "a", value: true }] }),
    left: toggle(true, { state: "DISABLED" }),
    text: { ...toggle(true), type: "string" as const, variants: { on: "x", off: "y" } },
  };
  const { flags } = makeFlags({ database: data.database, shared, registry });
  await flags.start();
  await OpenFeature.setProviderAndWait("in-process", createProvider(flags));
  const client = OpenFeature.getClient("in-process");
  const heard: [string, string[] | undefined][] = [];
  for (const event of [ProviderEvents.ConfigurationChanged, ProviderEvents.Stale]) {
    client.addHandler(event, (details) =>
      heard.push([event, (details as { flagsChanged?: string[] } | undefined)?.flagsChanged]),
    );
  }

  expect(await client.getBooleanDetails("a", false)).toMatchObject({ value: true, variant: "on", reason: "STATIC" });
  expect(await client.getBooleanDetails("left", false)).toMatchObject({ value: false, reason: "DISABLED" });
  expect(await client.getBooleanDetails("text", false)).toMatchObject({ value: false, errorCode: "TYPE_MISMATCH" });
  expect(await client.getBooleanDetails("nobody", true)).toMatchObject({ value: true, errorCode: "FLAG_NOT_FOUND" });

  await flags.change({ flag: "a", text: "off", by: "ana" });
  expect(await client.getBooleanValue("top", true)).toBe(false);
  await until(async () => expect(heard).toContainEqual([ProviderEvents.ConfigurationChanged, ["a", "top"]]));

  await redis.stop();
  await until(async () => expect(heard.at(-1)![0]).toBe(ProviderEvents.Stale));
  expect(await client.getBooleanDetails("a", true)).toMatchObject({ value: false, reason: "STALE" });
  let readyAgain = false;
  const back = await startRedis(redis.port);
  client.addHandler(ProviderEvents.Ready, () => {
    readyAgain = true;
  });
  await until(async () => expect([readyAgain, flags.isStale]).toEqual([true, false]));
  expect(await client.getBooleanDetails("a", true)).toMatchObject({ value: false, reason: "DISABLED" });

  await flags.close();
  await shared.close();
  await back.stop();
});
