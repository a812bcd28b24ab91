import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { callsIn, parse } from "../cli/calls.js";
import { parsePage, read } from "../support/pages.js";
import { parseUnit, PROGRAM, serviceArguments } from "./unit-file.js";

const UNITS = ["tapstake", "tapstake-watch"] as const;
const textOf = (name: string) => read(`deploy/systemd/${name}.service`);
const folder = mkdtempSync(join(tmpdir(), "tapstake-units-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(UNITS)("the unit %s.service", (name) => {
  const text = textOf(name);
  const unit = parseUnit(text);
  const one = (setting: string) => unit.get(setting)?.at(-1);

  it("starts a command that exists, with options that it has", async () => {
    const args = serviceArguments(text);
    expect(args.slice(0, 2)).toEqual(name === "tapstake" ? ["fp", "serve"] : ["watch", "run"]);
    await parse(args);
    await expect(parse([...args, "--unknown"])).rejects.toThrow("unknown option");
  });

  it("gives it each credential, from a file that the pages make", () => {
    const given = unit.get("LoadCredential")!.map((each) => each.split(":"));
    const used = [...one("ExecStart")!.matchAll(/%d\/(\S+)/g)].map(([, credential]) => credential);
    expect(given.map(([credential]) => credential)).toEqual(used);
    const pages = read("docs/operators.md") + read("deploy/README.md");
    for (const [, path] of given) expect(pages).toContain(`install --mode 600 /dev/stdin ${path}\n`);
  });

  it("tells systemd when it is ready and that it lives, and starts again after a failure of its store", () => {
    expect(unit.get("Type")).toEqual(["notify"]);
    expect(one("NotifyAccess")).toBe("all");
    expect(Number(one("WatchdogSec"))).toBeGreaterThan(0);
    expect(one("Restart")).toBe("on-failure");
    // 1 is the exit code of a failed store (test/signerd/supervised.test.ts), 2 that of wrong usage.
    expect(one("RestartPreventExitStatus")).toBe("2");
    expect(unit.has("SuccessExitStatus")).toBe(false);
    // Without a limit of starts: with 5 seconds between them, the usual one of 5 in 10 seconds is never reached.
    expect(Number(one("RestartSec")) * 5).toBeGreaterThan(10);
  });

  it("writes below its own folders only, and makes files for its user alone", () => {
    expect(one("UMask")).toBe("0077");
    expect(one("StateDirectory")!.split(" ")[0]).toBe(name);
    expect(one("User")).toBe(name);
    expect(one("StateDirectoryMode")).toBe("0700");
    const paths = [...one("ExecStart")!.matchAll(/\/var\/\S+/g)].map(([path]) => path);
    expect(paths.filter((path) => !path.startsWith(`/var/lib/${name}/`))).toEqual([]);
  });

  it("has its rating, which two pages repeat", () => {
    const [, rating] = /rates it (\d\.\d) of 10/.exec(text)!;
    expect(Number(rating)).toBeLessThan(3);
    const page = read(name === "tapstake" ? "docs/service.md" : "docs/watching.md").replace(/\s+/g, " ");
    expect(page).toMatch(new RegExp(`rates (?:the unit|it) ${rating!.replace(".", "\\.")} of 10`));
    expect(read("deploy/README.md")).toContain(rating!);
  });
});

describe("the unit of the signer", () => {
  it("is the one that the pages install, and the only one that they show", () => {
    const path = "/opt/tapstake/lib/node_modules/tapstake/deploy/systemd/tapstake.service";
    for (const page of ["docs/service.md", "docs/operators.md"])
      expect(read(page)).toContain(`sudo cp ${path} `);
    for (const page of ["docs/service.md", "docs/operators.md", "docs/watching.md", "docs/daemon.md"]) {
      expect(parsePage(read(page)).blocks.filter(({ language }) => language === "ini")).toEqual([]);
    }
    expect(JSON.parse(read("package.json"))).toMatchObject({ files: expect.arrayContaining(["deploy"]) });
  });

  it("has every setting that docs/service.md explains", () => {
    const unit = parseUnit(textOf("tapstake"));
    const [, section] = read("docs/service.md").split("## The systemd unit\n");
    const named = [...section!.split("\n## ")[0]!.matchAll(/^\| (`.*?) \|/gm)].flatMap(([, cell]) =>
      [...cell!.matchAll(/`(\w+)=([^`]*)`/g)].map(([, setting, value]) => [setting!, value!] as const),
    );
    expect(named.length).toBeGreaterThan(8);
    const wrong = named.filter(([setting, value]) => {
      const values = unit.get(setting);
      return !values || (value !== "" && !values.includes(value));
    });
    expect(wrong).toEqual([]);
    expect(unit.has("MemoryDenyWriteExecute")).toBe(false);
  });
});

describe("the commands of deploy/README.md", () => {
  it("exist, with their options", async () => {
    // `docker compose run` names the service, then what the image's command gets.
    const lines = read("deploy/README.md").replace(/docker compose run --rm \w+ /g, "tapstake ");
    const calls = parsePage(lines).blocks.flatMap(({ code }) => callsIn(code));
    expect(calls.length).toBeGreaterThan(3);
    for (const call of calls) await parse(call);
  });
});

const analyze = (...args: string[]) => spawnSync("systemd-analyze", args, { encoding: "utf8" });
const version = Number(/^systemd (\d+)/.exec(analyze("--version").stdout ?? "")?.[1] ?? 0);

// From 250 on it rates files that are not installed.
describe.skipIf(version < 250)("systemd-analyze", () => {
  const write = (name: string, text: string) => {
    const path = join(folder, `${name}.service`);
    writeFileSync(path, text.replaceAll(PROGRAM, process.execPath));
    return path;
  };

  it.each(UNITS)("verifies %s.service", (name) => {
    const { status, stdout, stderr } = analyze("verify", write(name, textOf(name)));
    expect({ status, said: stdout + stderr }).toEqual({ status: 0, said: "" });
    const wrong = write(name, textOf(name).replace("Restart=on-failure", "Restart=perhaps"));
    expect(analyze("verify", wrong).stderr).toMatch(/parse service restart specifier/);
  });

  it.each(UNITS)("rates %s.service under 3, as the file says", (name) => {
    const text = textOf(name);
    const rate = (given: string) => {
      const { stdout } = analyze("security", "--offline=true", "--no-pager", write(name, given));
      return Number(/Overall exposure level for \S+ (\d+\.\d+)/.exec(stdout)?.[1]);
    };
    const rating = rate(text);
    expect(rating).toBeLessThan(3);
    const [, measuredWith, said] = /systemd (\d+) rates it (\d\.\d)/.exec(text)!;
    if (version === Number(measuredWith)) expect(rating).toBe(Number(said));
    expect(
      rate(text.replace(/^(?:SystemCallFilter|CapabilityBoundingSet|Protect\w+|Private\w+)=.*$/gm, "")),
    ).toBeGreaterThan(5);
  });
});
