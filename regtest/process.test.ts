import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { failure } from "../test/support/errors.js";
import { findBitcoind, type RegtestNode, startNode, waitFor } from "./index.js";

/** Processes can only be ended where they are ours: with Docker alone these rules do not apply. */
const bitcoind = process.env["TAPSTAKE_REGTEST_URL"] ? undefined : findBitcoind();

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tapstake-process-"));
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(() => {
  vi.unstubAllEnvs();
});

describe.runIf(bitcoind)("a started node", () => {
  test("ends with stop(), which may be called twice, and leaves no datadir", async () => {
    const node = await startNode({ blocks: 0 });
    const { datadir, pid } = await traces(node);
    expect(isAlive(pid)).toBe(true);
    await Promise.all([node.stop(), node.stop()]);
    await node[Symbol.asyncDispose]();
    expect(isAlive(pid)).toBe(false);
    expect(existsSync(datadir)).toBe(false);
  });

  test("starts beside others that start at the same moment", async () => {
    const nodes = await Promise.all(Array.from({ length: 4 }, () => startNode({ blocks: 1 })));
    onTestFinished(async () => {
      await Promise.all(nodes.map((node) => node.stop()));
    });
    expect(new Set(nodes.map(({ rpc }) => rpc.url)).size).toBe(4);
    await nodes[0]!.mine(1);
    expect(await Promise.all(nodes.map((node) => node.height()))).toEqual([2, 1, 1, 1]);
  });

  test.each(["SIGKILL", "SIGTERM", "SIGINT"] as const)(
    "does not outlive a program that ends by %s",
    async (signal) => {
      const program = await startProgram("setInterval(() => {}, 1000);");
      const { datadir, pid } = await program.traces;
      expect(isAlive(pid)).toBe(true);
      program.child.kill(signal);
      await waitFor(() => !isAlive(pid) && !existsSync(datadir), {
        deadline: 600_000,
        what: "bitcoind and its datadir to go",
      });
    },
  );

  test("ends with a program that forgets to stop it", async () => {
    const program = await startProgram("");
    const { datadir, pid } = await program.traces;
    expect(await program.exit).toBe(0);
    await waitFor(() => !isAlive(pid) && !existsSync(datadir), {
      deadline: 600_000,
      what: "bitcoind and its datadir to go",
    });
  });

  test("that crashes keeps its data until it is stopped", async () => {
    const node = await startNode({ blocks: 0 });
    const { datadir, pid } = await traces(node);
    process.kill(pid, "SIGKILL");
    await waitFor(() => !isAlive(pid), { deadline: 600_000, what: "bitcoind to go" });
    await expect(node.height()).rejects.toMatchObject({ code: "node-unreachable" });
    expect(existsSync(datadir)).toBe(true);
    await node.stop();
    expect(existsSync(datadir)).toBe(false);
  });

  test("that crashed does not outlive its program", async () => {
    const program = await startProgram("process.kill(pid, 'SIGKILL');");
    const { datadir } = await program.traces;
    expect(await program.exit).toBe(0);
    await waitFor(() => !existsSync(datadir), { deadline: 600_000, what: "the datadir to go" });
  });

  test("takes another port when the first was taken meanwhile", async () => {
    vi.stubEnv("BITCOIND", await unlucky("Error: Unable to start HTTP server. See debug log for details."));
    const node = await startNode({ blocks: 0 });
    onTestFinished(() => node.stop());
    expect(await node.height()).toBe(0);
  });

  test("recognises bitcoind's error for a taken port, and gives up after several", async () => {
    const blocker = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void blocker.close());
    await once(blocker, "listening");
    const { port } = blocker.address() as AddressInfo;
    const error = await failure(startNode({ args: [`-rpcport=${port}`] }), "node-start-failed");
    expect(error.message).toMatch(/unable to (bind|start http server)/i);
  });

  test("that fails to start reports the reason at once, and leaves no datadir", async () => {
    // Other test files start nodes of their own meanwhile.
    const alone = await mkdtemp(join(folder, "alone-"));
    vi.stubEnv("TMPDIR", alone);
    const error = await failure(startNode({ args: ["-nosuchflag"] }), "node-start-failed");
    expect(error.message).toContain("nosuchflag");
    expect(await readdir(alone)).toEqual([]);
  });

  test("that does not answer in time is stopped", async () => {
    const stuck = await script(
      "stuck",
      '#!/bin/sh\n[ "$1" = -version ] && echo version v29.0.0 && exit\nexec tail -f /dev/null\n',
    );
    vi.stubEnv("BITCOIND", stuck);
    await expect(startNode({ deadline: 50 })).rejects.toMatchObject({ code: "wait-timeout" });
  });
});

interface Traces {
  readonly datadir: string;
  readonly pid: number;
}

/** Where a node's traces in the system are. */
async function traces(node: RegtestNode): Promise<Traces> {
  const chain = dirname(node.connection.cookieFile!);
  return { datadir: dirname(chain), pid: Number(await readFile(join(chain, "bitcoind.pid"), "utf8")) };
}

/** Another Node program that starts a node with the built harness, and then does what `rest` says. */
async function startProgram(rest: string) {
  const harness = new URL("../dist/regtest/index.js", import.meta.url).href;
  const program = `
    import { startNode } from ${JSON.stringify(harness)};
    import { readFileSync } from "node:fs";
    import { dirname, join } from "node:path";
    const node = await startNode({ blocks: 0 });
    const chain = dirname(node.connection.cookieFile);
    const pid = Number(readFileSync(join(chain, "bitcoind.pid"), "utf8"));
    process.stdout.write(JSON.stringify({ datadir: dirname(chain), pid }) + "\\n");
    ${rest}
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    env: { ...process.env, BITCOIND: bitcoind!.path },
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  // Once what it said has arrived, too.
  const exit = once(child, "close").then(([code]) => code as number | null);
  const failed = exit.then((code) => {
    throw new Error(`the program ended with ${code} before its node was up`);
  });
  // Said by the program, as its node may be gone by the time that this is read.
  const said = once(child.stdout, "data").then(([data]) => JSON.parse(String(data)) as Traces);
  return { child, exit, traces: Promise.race([said, failed]) };
}

/** A bitcoind that fails to start the first time, saying `message`. */
function unlucky(message: string): Promise<string> {
  return script(
    "unlucky",
    `#!/bin/sh
[ "$1" = -version ] || [ -e "$0.tried" ] || { : >"$0.tried"; echo '${message}' >&2; exit 1; }
exec '${bitcoind!.path}' "$@"
`,
  );
}

async function script(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  await chmod(path, 0o755);
  return path;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
