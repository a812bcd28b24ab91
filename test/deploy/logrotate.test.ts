import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { connect, homeWithKey, startDaemon } from "../signerd/support.js";
import { eventually } from "../support/eventually.js";
import { read } from "../support/pages.js";
import { parseUnit } from "./unit-file.js";

const text = read("deploy/logrotate/tapstake");
const unit = parseUnit(read("deploy/systemd/tapstake.service"));
const folder = mkdtempSync(join(tmpdir(), "tapstake-logrotate-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const logrotate = process.env["LOGROTATE"] ?? "logrotate";
const hasLogrotate = spawnSync(logrotate, ["--version"]).status === 0;

describe("the file for logrotate", () => {
  it("rotates a log that the unit may write, as the unit's user", () => {
    const [, path] = /^(\/\S+) \{$/m.exec(text)!;
    expect(path).toBe(`/var/log/${unit.get("LogsDirectory")!.at(-1)}/signer.log`);
    expect(read("deploy/README.md")).toContain(`--log-file ${path}`);
    expect(text).toContain(`su ${unit.get("User")!.at(-1)} `);
    expect(text).not.toMatch(/^\s*(?:copytruncate|create)\b/m);
  });

  it("sends SIGHUP by the reload of the unit, and only to a signer that runs", () => {
    const [, script] = /postrotate\n([\s\S]*?)\n\s*endscript/.exec(text)!;
    const commands = script!.split("\n").map((line) => line.trim());
    expect(commands.filter((line) => !line.startsWith("#"))).toEqual([
      "if systemctl is-active --quiet tapstake.service; then systemctl reload tapstake.service; fi",
    ]);
    expect(unit.get("ExecReload")).toEqual(["kill -HUP $MAINPID"]);
  });

  it.skipIf(!hasLogrotate)("loses no line of a signer that runs, which goes on in a new file", async () => {
    const made = homeWithKey();
    const logs = join(folder, "logs");
    mkdirSync(logs, { mode: 0o700 });
    const path = join(logs, "signer.log");
    const daemon = await startDaemon(made, ["--log-file", path, "--log-level", "debug"]);
    const client = connect(daemon.address);
    await client.ping();
    await eventually(() => expect(readFileSync(path, "utf8")).toContain('"Ping"'));
    const before = readFileSync(path, "utf8");

    const pid = (JSON.parse(before.split("\n")[0]!) as { pid: number }).pid;
    const own = text
      .replaceAll("/var/log/tapstake/signer.log", path)
      .replace(/^\s*su .*\n/m, "")
      .replace(/^.*systemctl.*$/m, `kill -HUP ${pid}`);
    const config = join(folder, "logrotate.conf");
    writeFileSync(config, own);
    chmodSync(config, 0o644);
    const { status, stderr } = spawnSync(logrotate, ["--force", "--state", join(folder, "state"), config], {
      encoding: "utf8",
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    await eventually(() => expect(existsSync(path)).toBe(true));
    await client.ping();
    await eventually(() => expect(readFileSync(path, "utf8")).toContain('"Ping"'));
    expect(readFileSync(`${path}.1`, "utf8")).toContain(before);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });
});
