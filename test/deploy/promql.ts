import type { Exposition } from "./exposition.js";

/** What Prometheus adds to every series of a target. */
const TARGET_LABELS = ["instance", "job"];

/** Functions and words of the queries in deploy/; what else has no braces is a name that no metric has. */
const WORDS = new Set(
  (
    "sum by without increase rate delta changes absent histogram_quantile vector offset and or unless on ignoring " +
    "max min avg count"
  ).split(" "),
);

/**
 * What is wrong with a query: names, labels and fixed values that the program does not show, and brackets that do not
 * close. promtool knows the language; this knows the program.
 */
export function wrongInQuery(query: string, shown: Exposition): string[] {
  const wrong: string[] = [];
  const at: string[] = [];
  const plain = query.replace(/"[^"]*"/g, '""');
  for (const sign of plain) {
    if ("([{".includes(sign)) at.push(sign);
    else if (")]}".includes(sign) && at.pop() !== { ")": "(", "]": "[", "}": "{" }[sign])
      wrong.push(`${sign} closes nothing`);
  }
  if (at.length > 0) wrong.push(`${at.join("")} stays open`);

  const names = new Set<string>();
  for (const [, name, matchers = ""] of query.matchAll(/\b([a-z_]\w*)\b(?:\s*\{([^}]*)\})?/g)) {
    if (/^(?:tapstake_|up$)/.test(name!)) names.add(name!);
    if (name === "up") continue;
    const metric = shown.get(name!);
    if (name!.startsWith("tapstake_") && !metric) wrong.push(`no metric ${name}`);
    if (!metric) continue;
    for (const [, label, operator, text] of matchers.matchAll(/(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"/g)) {
      if (TARGET_LABELS.includes(label!)) continue;
      const values = metric.labels.get(label!);
      if (!values) wrong.push(`${name} has no label ${label}`);
      const asked = operator!.endsWith("~") ? text!.split("|") : [text!];
      wrong.push(
        ...asked.filter((one) => values?.has(one) === false).map((one) => `${name} has no ${label}="${one}"`),
      );
    }
  }
  if (names.size === 0) wrong.push("asks for no metric");

  // Words outside of selectors, ranges and lists of labels.
  const bare = plain
    .replace(/\{[^}]*\}|\[[^\]]*\]/g, "")
    .replace(/\b(by|without|on|ignoring)\s*\([^)]*\)/g, "$1")
    .replace(/\boffset \w+/g, "offset");
  for (const [word] of bare.matchAll(/\b[a-z_][a-z_0-9]*\b/g)) {
    if (!WORDS.has(word) && !names.has(word)) wrong.push(`unknown word ${word}`);
  }
  const known = new Set([
    ...TARGET_LABELS,
    "le",
    ...[...names].flatMap((name) => [...(shown.get(name)?.labels.keys() ?? [])]),
  ]);
  for (const [, list] of plain.matchAll(/\b(?:by|without|on|ignoring)\s*\(([^)]*)\)/g)) {
    const labels = list!.split(",").map((label) => label.trim());
    wrong.push(
      ...labels.filter((label) => !known.has(label)).map((label) => `no metric has the label ${label}`),
    );
  }
  return wrong;
}

/** The metrics that a query asks for. */
export const metricsIn = (query: string): string[] =>
  [...query.matchAll(/\btapstake_\w+/g)].map(([name]) => name);

/** The labels that a text shows, as Grafana (`{{code}}`) or Prometheus (`{{ $labels.code }}`) writes them. */
export const labelsIn = (text: string): string[] =>
  [...text.matchAll(/\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}/g)].map(([, label]) => label!);

/** The labels that the result of a query can have: those of its `by`, else all of its metrics without those of `without`. */
export function labelsOfResult(query: string, shown: Exposition): ReadonlySet<string> {
  const lists = (word: string) =>
    [...query.matchAll(new RegExp(`\\b${word}\\s*\\(([^)]*)\\)`, "g"))].flatMap(([, list]) =>
      list!.split(",").map((label) => label.trim()),
    );
  const by = lists("by");
  if (by.length > 0) return new Set(by);
  if (/\bsum\s*\((?!.*\bwithout\b)/.test(query) && lists("without").length === 0) return new Set();
  const all = metricsIn(query).flatMap((name) => [...(shown.get(name)?.labels.keys() ?? [])]);
  const without = new Set(lists("without"));
  return new Set([...TARGET_LABELS, ...all].filter((label) => !without.has(label)));
}
