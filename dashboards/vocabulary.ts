import { readdir, readFile } from "node:fs/promises";
import { parser } from "@prometheus-io/lezer-promql";
import { parse } from "yaml";

const folder = new URL(".", import.meta.url);

/** A PromQL expression and where it stands. */
export interface Query {
  where: string;
  expression: string;
}

interface Rule {
  record?: string;
  alert?: string;
  annotations?: Record<string, string>;
  expr: string;
}

/** Paths of the rule files, in the order of their names. */
export async function ruleFiles(): Promise<string[]> {
  const prometheus = new URL("prometheus/", folder);
  const files = (await readdir(prometheus)).filter((file) => file.endsWith(".rules.yml")).sort();
  return files.map((file) => new URL(file, prometheus).pathname);
}

/** Every rule of every rule file. */
export async function rules(): Promise<(Rule & { where: string })[]> {
  const found: (Rule & { where: string })[] = [];
  for (const path of await ruleFiles()) {
    const { groups } = parse(await readFile(path, "utf8")) as { groups: { name: string; rules: Rule[] }[] };
    for (const group of groups) {
      for (const rule of group.rules) found.push({ ...rule, where: `${group.name}: ${rule.record ?? rule.alert}` });
    }
  }
  return found;
}

/** Every query of every Grafana dashboard, with Grafana's variables filled in so that Prometheus can read it. */
export async function dashboardQueries(): Promise<Query[]> {
  const grafana = new URL("grafana/", folder);
  const queries: Query[] = [];
  for (const file of (await readdir(grafana)).sort()) {
    const board = JSON.parse(await readFile(new URL(file, grafana), "utf8")) as {
      panels: { title: string; targets: { expr: string }[] }[];
    };
    for (const panel of board.panels) {
      for (const { expr } of panel.targets) {
        const expression = expr.replaceAll("$__rate_interval", "5m").replace(/\$\w+/g, ".*");
        queries.push({ where: `${file}: ${panel.title}`, expression });
      }
    }
  }
  return queries;
}

/**
 * Names of the metrics that an expression reads.
 *
 * @throws Error when the expression isn't PromQL
 */
export function metricNames({ where, expression }: Query): string[] {
  const names = new Set<string>();
  parser.parse(expression).iterate({
    enter(node) {
      if (node.type.isError) throw new Error(`${where}: not PromQL at ${node.from}: ${expression}`);
      if (node.name === "VectorSelector") {
        const name = node.node.getChild("Identifier");
        if (name === null) throw new Error(`${where}: a selector without a metric's name: ${expression}`);
        names.add(expression.slice(name.from, name.to));
      }
    },
  });
  return [...names];
}
