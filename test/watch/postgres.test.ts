import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The folder with the server's programs: Debian keeps them away from PATH. */
function findServer(): string | undefined {
  const debian = "/usr/lib/postgresql";
  const versions = existsSync(debian) ? readdirSync(debian).map((name) => join(debian, name, "bin")) : [];
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), ...versions.toReversed()];
  const server = folders.find((each) => ["postgres", "initdb"].every((name) => existsSync(join(each, name))));
  return server !== undefined && spawnSync("psql", ["--version"]).status === 0 ? server : undefined;
}

const bin = findServer();
if (bin === undefined) {
  process.stderr.write(
    "not tested: examples/watch-postgres.ts, as PostgreSQL (initdb, postgres, psql) is not installed\n",
  );
}

/** The server refuses to run as root: then it runs as the user without rights. */
const WITHOUT_RIGHTS = 65_534;
const owner = process.getuid?.() === 0 ? { uid: WITHOUT_RIGHTS, gid: WITHOUT_RIGHTS } : {};

describe.skipIf(bin === undefined)("examples/watch-postgres.ts", () => {
  let folder = "";
  let environment: NodeJS.ProcessEnv = {};
  const psql = (text: string) =>
    spawnSync("psql", ["-At", "-c", text], { env: environment, encoding: "utf8" }).stdout.trim();
  let server: ChildProcess | undefined;

  beforeAll(async () => {
    // Not below the folder of the tests, which is closed to others.
    const parent = existsSync("/dev/shm") ? "/dev/shm" : dirname(tmpdir());
    folder = mkdtempSync(join(parent, "tapstake-postgres-"));
    environment = { ...process.env, PGHOST: folder, PGUSER: "tapstake", PGDATABASE: "postgres" };
    if (owner.uid !== undefined) chownSync(folder, owner.uid, owner.gid);
    const data = join(folder, "data");
    const options = ["-D", data, "-U", "tapstake", "-A", "trust", "--no-sync", "--no-instructions"];
    const made = spawnSync(join(bin!, "initdb"), options, { ...owner, cwd: folder, encoding: "utf8" });
    if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}`);
    const args = ["-D", data, "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off"];
    server = spawn(join(bin!, "postgres"), args, { ...owner, cwd: folder, stdio: "ignore" });
    while (psql("select 1") !== "1" && server.exitCode === null) await setTimeout(50);
  });
  afterAll(async () => {
    if (server && server.exitCode === null) {
      const ended = once(server, "exit");
      server.kill("SIGINT");
      await ended;
    }
    rmSync(folder, { recursive: true, force: true });
  });

  it("writes the state of a stake into a table of a real server", async () => {
    const child = spawn(process.execPath, ["scripts/example.mjs", "watch-postgres"], {
      cwd: ROOT,
      env: environment,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => (said += text));
    const [code] = (await once(child, "close")) as [number];
    expect(code, said).toBe(0);
    expect(said).toContain("active");
    expect(psql("select outpoint, state from stake")).toMatch(/^[0-9a-f]{64}:\d\|active$/);
  });
});
