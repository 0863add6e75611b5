import { readdir } from "node:fs/promises";
import type { Bench } from "./figure.ts";

const folder = new URL(".", import.meta.url);
const files = (await readdir(folder)).filter((file) => file.endsWith(".bench.ts")).sort();
const names = files.map((file) => file.slice(0, -".bench.ts".length));
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const unknown = wanted.filter((name) => !names.includes(name));

if (unknown.length > 0) {
  console.error(`bench: no benchmark named ${unknown.map((name) => `"${name}"`).join(", ")}. There are: ${names.join(", ")}.`);
  process.exit(1);
}

for (const name of wanted.length > 0 ? wanted : names) {
  const { default: bench } = (await import(new URL(`${name}.bench.ts`, folder).href)) as { default: Bench };
  if (process.argv.includes("--list")) {
    console.log(`${name.padEnd(18)} ${bench.compares}`);
  } else {
    await bench.run((figure) => console.log(JSON.stringify({ bench: name, ...figure })));
  }
}
