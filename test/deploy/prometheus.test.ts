import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { anchorsOf, parsePage, read, root } from "../support/pages.js";
import { type Exposition, parseExposition, signerExposition, watchExposition } from "./exposition.js";
import { labelsIn, labelsOfResult, metricsIn, wrongInQuery } from "./promql.js";

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

const textOf = (name: string) => read(`deploy/prometheus/${name}`);
const rulesOf = (name: string): Rule[] =>
  (parse(textOf(name)) as { groups: { rules: Rule[] }[] }).groups.flatMap(({ rules }) => rules);

/** Every kind of alarm that the watch raises, as its code has them. */
const KINDS = [
  ...new Set(
    readdirSync(`${root}src/watch`, { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts"))
      .flatMap((path) => [
        ...readFileSync(`${root}src/watch/${path}`, "utf8").matchAll(/kind: "([a-z-]+)",\s*facts/g),
      ])
      .map(([, kind]) => kind!),
  ),
].sort();

const signer = await signerExposition();
const watch = await watchExposition(KINDS);
const FILES: readonly (readonly [string, Exposition])[] = [
  ["signer.rules.yml", signer],
  ["watch.rules.yml", watch],
];
const RULES = FILES.flatMap(([file, shown]) =>
  rulesOf(file).map((rule) => [`${file} ${rule.alert}`, rule, shown] as const),
);

describe.each(RULES)("the alert of %s", (_name, { alert, expr, labels, annotations }, shown) => {
  it("asks for metrics, labels and values that the program shows", () => {
    expect(wrongInQuery(expr, shown)).toEqual([]);
  });

  it("has a severity, and says what is wrong", () => {
    expect(alert).toMatch(/^Tapstake[A-Z]\w+$/);
    expect(["page", "ticket"]).toContain(labels["severity"]);
    expect(Object.keys(annotations).sort()).toEqual(["description", "runbook", "summary"]);
    expect(annotations["summary"]).not.toMatch(/\.$/);
    expect(annotations["description"]).toMatch(/\.$/);
    const known = labelsOfResult(expr, shown);
    const used = labelsIn(`${annotations["summary"]} ${annotations["description"]}`);
    expect(used.filter((label) => !known.has(label))).toEqual([]);
  });

  it("links to a section that says what to do", () => {
    const [page, anchor] = annotations["runbook"]!.split("#");
    expect(page).toMatch(/^docs\/[a-z]+\.md$/);
    expect([...anchorsOf(parsePage(read(page!)))]).toContain(anchor);
  });
});

describe("the alert rules", () => {
  it("have each name once", () => {
    const names = RULES.map(([, { alert }]) => alert);
    expect(new Set(names).size).toBe(names.length);
  });

  it("ask for the jobs that prometheus.yml reads, at the addresses that the programs have", () => {
    const config = parse(textOf("prometheus.yml")) as {
      rule_files: string[];
      scrape_configs: { job_name: string; static_configs: { targets: string[] }[] }[];
    };
    const jobs = new Set(
      RULES.flatMap(([, { expr }]) => [...expr.matchAll(/job="([^"]*)"/g)].map(([, job]) => job)),
    );
    expect(config.scrape_configs.map((each) => each.job_name).sort()).toEqual([...jobs].sort());
    expect(config.rule_files).toEqual(FILES.map(([file]) => file));
    const targets = config.scrape_configs.flatMap((each) =>
      each.static_configs.flatMap((one) => one.targets),
    );
    expect(targets).toEqual(["127.0.0.1:2113", "127.0.0.1:2114"]);
  });

  it("are the table of docs/recipes.md, for the signer", () => {
    const rows = [...read("docs/recipes.md").matchAll(/^\| `(Tapstake\w+)` +\| (\w+) +\|/gm)];
    const rules = rulesOf("signer.rules.yml");
    expect(rows.map(([, alert, severity]) => [alert, severity])).toEqual(
      rules.map(({ alert, labels }) => [alert, labels["severity"]]),
    );
  });

  it("name every alarm of the watch once", () => {
    const named = rulesOf("watch.rules.yml").flatMap(({ expr }) =>
      [...expr.matchAll(/kind=~?"([^"]*)"/g)].flatMap(([, kinds]) => kinds!.split("|")),
    );
    expect(named.sort()).toEqual(KINDS);
  });

  it("cover every code with which the signer refuses", () => {
    const matchers = rulesOf("signer.rules.yml").flatMap(({ expr }) => [
      ...expr.matchAll(/code(=~|!~|!=|=)"([^"]*)"/g),
    ]);
    const isIn = (code: string, [, operator, list]: RegExpMatchArray) =>
      list!.split("|").includes(code) !== operator!.startsWith("!");
    const codes = [...signer.get("tapstake_signatures_total")!.labels.get("code")!].filter(
      (code) => code !== "",
    );
    const times = codes.map((code) => [code, matchers.filter((each) => isIn(code, each)).length]);
    expect(times).toEqual(codes.map((code) => [code, 1]));
  });

  it("ask for all metrics but those that only a picture shows", () => {
    const asked = new Set(RULES.flatMap(([, { expr }]) => metricsIn(expr)));
    const quiet = [...signer.keys(), ...watch.keys()].filter((name) => !asked.has(name));
    expect(quiet.sort()).toEqual([
      "tapstake_arbiter_claims_total",
      "tapstake_arbiter_pending",
      "tapstake_randomness_derived_total",
      "tapstake_request_seconds_count",
      "tapstake_request_seconds_sum",
      "tapstake_watch_height",
      "tapstake_watch_stakes",
    ]);
  });
});

describe("the check of queries", () => {
  const shown = parseExposition(
    '# TYPE tapstake_a counter\ntapstake_a{code="x",b=""} 0\n# TYPE tapstake_b gauge\n',
  );

  it.each([
    ['sum by (code) (increase(tapstake_a{code=~"x"}[5m])) > 0', []],
    ["absent(tapstake_b) or tapstake_b offset 1h == 0", []],
    ["tapstake_c > 0", ["no metric tapstake_c", "unknown word tapstake_c"].slice(0, 1)],
    ['tapstake_a{kode="x"}', ["tapstake_a has no label kode"]],
    ['tapstake_a{code=~"x|y"}', ['tapstake_a has no code="y"']],
    ["sum by (kode) (tapstake_a)", ["no metric has the label kode"]],
    ["increse(tapstake_a[5m])", ["unknown word increse"]],
    ["increase(tapstake_a[5m)", ["[ stays open".replace("[", "("), ") closes nothing"].slice(1)],
    ["sum(tapstake_a", ["( stays open"]],
    ["1 > 0", ["asks for no metric"]],
  ])("of %s finds %j", (query, wrong) => {
    expect(wrongInQuery(query, shown)).toEqual(expect.arrayContaining(wrong));
    if (wrong.length === 0) expect(wrongInQuery(query, shown)).toEqual([]);
  });
});

const promtool = process.env["PROMTOOL"] ?? "promtool";
const hasPromtool = spawnSync(promtool, ["--version"]).status === 0;

describe.skipIf(!hasPromtool)("promtool", () => {
  const folder = mkdtempSync(join(tmpdir(), "tapstake-rules-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const run = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(promtool, args, { encoding: "utf8" });
    return { status, said: stdout + stderr };
  };

  it("accepts the rules and what reads them", () => {
    expect(run("check", "config", `${root}deploy/prometheus/prometheus.yml`)).toMatchObject({ status: 0 });
    for (const [file] of FILES) expect(existsSync(`${root}deploy/prometheus/${file}`)).toBe(true);
  });

  it("fires the alerts when it must, and not before", () => {
    const series = (name: string, values: string) => ({ series: `${name}`, values });
    const quiet = (name: string) => ({ eval_time: "20m", alertname: name, exp_alerts: [] });
    const healthy = [
      series('tapstake_up{job="tapstake-signer"}', "1x40"),
      series('up{job="tapstake-signer"}', "1x40"),
      series("tapstake_unlocked_keys", "1x40"),
      series('tapstake_signatures_total{outcome="new",code=""}', "0+6x40"),
      series('tapstake_signatures_total{outcome="refused",code="double-vote"}', "0x40"),
      series('tapstake_last_signed_height{key="k",chain="c"}', "1+6x40"),
    ];
    const fires = (input: object[], alertname: string, eval_time: string, exp_labels: object) => ({
      interval: "1m",
      input_series: input,
      alert_rule_test: [{ eval_time, alertname, exp_alerts: [{ exp_labels }] }],
    });
    const page = { severity: "page" };
    const tests = [
      {
        interval: "1m",
        input_series: healthy,
        alert_rule_test: rulesOf("signer.rules.yml").map(({ alert }) => quiet(alert)),
      },
      fires(
        [series('tapstake_signatures_total{outcome="refused",code="double-vote"}', "0x10 1x10")],
        "TapstakeDoubleVote",
        "15m",
        { ...page, outcome: "refused", code: "double-vote" },
      ),
      fires([series("tapstake_unlocked_keys", "1x40")], "TapstakeDown", "5m", page),
      fires([series('tapstake_up{instance="a"}', "1x5 0x40")], "TapstakeDown", "10m", {
        ...page,
        instance: "a",
      }),
      fires(
        [series('tapstake_signatures_total{outcome="new"}', "0+6x10 66x40")],
        "TapstakeNotSigning",
        "30m",
        page,
      ),
      fires(
        [series('tapstake_watch_alarms{kind="deep-reorganisation"}', "_x5 1x200")],
        "TapstakeWatchEvent",
        "10m",
        {
          severity: "ticket",
          kind: "deep-reorganisation",
        },
      ),
      {
        interval: "1m",
        input_series: [series('tapstake_watch_alarms{kind="deep-reorganisation"}', "_x5 1x200")],
        alert_rule_test: [{ eval_time: "90m", alertname: "TapstakeWatchEvent", exp_alerts: [] }],
      },
      fires(
        [series('tapstake_watch_duties{state="impossible"}', "0x5 1x40")],
        "TapstakeWatchSlashingImpossible",
        "8m",
        {
          severity: "ticket",
          state: "impossible",
        },
      ),
    ];
    // Labels decide here; the texts are tested above.
    const bare = FILES.map(([file]) => {
      const path = join(folder, file);
      const { groups } = parse(textOf(file)) as { groups: { rules: object[] }[] };
      const rules = groups.map((group) => ({
        ...group,
        rules: group.rules.map((rule) => ({ ...rule, annotations: {} })),
      }));
      writeFileSync(path, JSON.stringify({ groups: rules }));
      return path;
    });
    const path = join(folder, "tests.yml");
    writeFileSync(path, JSON.stringify({ rule_files: bare, evaluation_interval: "1m", tests }));
    expect(run("test", "rules", path)).toEqual({ status: 0, said: expect.stringContaining("SUCCESS") });
  });
});
