import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { hex } from "../../src/core/bytes.js";
import type { Home } from "../../src/finality/home.js";
import { type Interchange, parseInterchange } from "../../src/finality/protection/interchange.js";
import { openProtection } from "../../src/finality/protection/protection.js";
import { socketPath } from "../../src/signerd/admin/socket.js";
import { codeOf, expectDone, expectRefused } from "../cli/fp-support.js";
import { inProcess } from "../cli/in-process.js";
import { type Outcome, parsed } from "../cli/support.js";
import { failure as expectFailure } from "../support/errors.js";
import { eventually } from "../support/eventually.js";
import { refusal } from "../support/refusal.js";
import {
  ballot,
  CHAIN,
  connect,
  homeWithKey,
  knowCommitment,
  PASSPHRASE,
  startDaemon,
  startSigner,
  type TestHome,
} from "./support.js";

const fp = ({ path }: Home, ...args: string[]): Promise<Outcome> =>
  inProcess(["fp", ...args, "--home", path]);

/** Votes at some heights, through the signer. */
async function vote(address: string, { key }: TestHome, ...heights: bigint[]): Promise<void> {
  const votes = heights.map((height) => ({ height, message: ballot(height) }));
  const answers = await connect(address).signBatchEots({ key: key.publicKey, chainId: CHAIN, votes });
  expect(answers.every(({ kind }) => kind === "new")).toBe(true);
}

/** One call of the socket, as any program makes it. */
function ask(
  { adminSocket: socketFile }: Home,
  method: string,
  path: string,
  body?: string,
): Promise<{ status: number; json: { error?: { code: string; message: string } } }> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath: socketFile, method, path, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => (text += part));
      response.on("end", () => resolve({ status: response.statusCode!, json: JSON.parse(text) as object }));
    });
    sent.on("error", reject).end(body);
  });
}

/** The commands that read, each with its output as data and as text. */
const READING = [
  ["protection", "show"],
  ["protection", "show", "--key", "validator-1", "--chain", CHAIN, "--height", "11"],
  ["protection", "show", "--key", "validator-1", "--chain", CHAIN, "--height", "99"],
  ["protection", "check"],
  ["commitments"],
  ["commitments", "--key", "validator-1", "--chain", CHAIN],
  ["commitments", "--chain", "another"],
];

describe("the commands of a home whose daemon runs", () => {
  it("print what they print without it, as text and as data", async () => {
    const made = homeWithKey();
    knowCommitment(made.home, made.key.publicKey, CHAIN, 10n, 5);
    const daemon = await startDaemon(made);
    await vote(daemon.address, made, 10n, 11n, 12n);
    const outputs = async () => {
      const all: Outcome[] = [];
      for (const command of READING) all.push(await fp(made.home, ...command));
      for (const command of READING) all.push(await fp(made.home, ...command, "--json"));
      return all.map(expectDone);
    };
    const asked = await outputs();
    daemon.kill("SIGTERM");
    await daemon.ended;
    expect(await outputs()).toEqual(asked);
    expect(asked[0]!.stdout).toContain("votes remembered         3");
    expect(asked[3]!.stdout).toMatch(/^good: /);
  });

  it("refuse what the store refuses, with the same code, message and exit", async () => {
    const made = homeWithKey();
    const signer = await startSigner(made);
    await vote(signer.address, made, 10n, 11n);
    const prune = (...more: string[]) =>
      fp(made.home, "protection", "prune", "--key", "validator-1", "--yes", ...more, "--json");
    const cases = [
      ["--chain", CHAIN, "--below", "13"],
      ["--chain", "unknown", "--below", "1"],
    ];
    const asked = [];
    for (const each of cases) asked.push(await prune(...each));
    await signer.stop();
    const alone = [];
    for (const each of cases) alone.push(await prune(...each));
    expect(asked).toEqual(alone);
    expect(asked.map(codeOf)).toEqual(["invalid-number", "protection-uninitialised"]);
  });

  it("are asked for status without an address or HMAC key, and say which key is locked", async () => {
    const made = homeWithKey();
    const daemon = await startDaemon(made, [], {
      locked: true,
      env: { TAPSTAKE_HMAC_KEY: "an HMAC key that status lacks" },
    });
    const known = { address: daemon.address, answers: true, health: "serving" };
    const status = (...more: string[]) => fp(made.home, "status", "--json", ...more);
    expect(parsed(expectDone(await status()))).toEqual({ ...known, milliseconds: expect.any(Number) });
    const named = ["--key", "validator-1", "--chain", CHAIN];
    expect(codeOf(await status(...named))).toBe("key-locked");
    const unlock = ["unlock", "validator-1", "--remote", daemon.address];
    const env = { TAPSTAKE_PASSPHRASE: PASSPHRASE, TAPSTAKE_HMAC_KEY: "an HMAC key that status lacks" };
    expectDone(await inProcess(["fp", ...unlock, "--home", made.home.path], { env }));
    expect(parsed(expectDone(await status(...named)))).toMatchObject({
      ...known,
      key: hex.encode(made.key.publicKey),
      unlocked: true,
    });
  });

  it("say why a key signs nothing on a chain: it has not begun, or is retired", async () => {
    const made = homeWithKey();
    const id = hex.encode(made.key.publicKey);
    const { address } = await startSigner(made);
    const status = (chain: string, ...more: string[]) =>
      fp(made.home, "status", "--key", "validator-1", "--chain", chain, ...more);
    const known = { key: id, chain: CHAIN, unlocked: true };
    expect(parsed(expectDone(await status(CHAIN, "--json")))).toMatchObject({ ...known, signs: true });
    expect(expectDone(await status(CHAIN)).stdout).toContain(`the key signs on ${CHAIN}`);
    const refused = async (chain: string, reason: string, words: string) => {
      expect(expectRefused(await status(chain), "protection-uninitialised")).toContain(words);
      const { code, stderr } = await status(chain, "--json");
      expect(code).toBe(1);
      const details = { key: id, chain, reason };
      expect(JSON.parse(stderr)).toMatchObject({ error: { code: "protection-uninitialised", details } });
    };
    await refused("never-1", "not-begun", "its votes have not begun there");
    expectDone(await fp(made.home, "protection", "export", "--retire", "--yes"));
    await refused(CHAIN, "retired", "its votes moved to another home");
    // Elsewhere, only the lock of the key is known.
    const named = ["--key", id, "--chain", CHAIN];
    const asked = await inProcess(["fp", "status", ...named, "--remote", address, "--json"]);
    expect(parsed(expectDone(asked))).toMatchObject({ ...known, signs: null });
  });

  it("say that a key is locked on a chain after a part of its memory was lost", async () => {
    const made = homeWithKey();
    const { stdout } = expectDone(await fp(made.home, "protection", "export", "--copy"));
    const file = JSON.parse(stdout) as Interchange;
    const protection = openProtection(made.home);
    protection.importInterchange(
      parseInterchange({ ...file, data: file.data.map((one) => ({ ...one, held: true })) }),
    );
    protection.close();
    await startSigner(made);
    const outcome = await fp(made.home, "status", "--key", "validator-1", "--chain", CHAIN);
    expect(expectRefused(outcome, "protection-uninitialised")).toContain("a part of its memory was lost");
  });

  it("copy the votes into the folder of backups, and export a copy, while it goes on", async () => {
    const made = homeWithKey();
    const signer = await startSigner(made);
    await vote(signer.address, made, 10n, 11n);
    const { path } = parsed<{ path: string }>(
      expectDone(await fp(made.home, "protection", "backup", "--json")),
    );
    const { stdout } = expectDone(await fp(made.home, "protection", "export", "--copy"));
    for (const text of [stdout, readFileSync(path, "utf8")]) {
      const [one] = parseInterchange(JSON.parse(text)).keyChains;
      expect(one).toMatchObject({ chainId: CHAIN, highWatermark: 11n });
      expect((JSON.parse(text) as Interchange).data[0]).not.toHaveProperty("retired");
    }
    await vote(signer.address, made, 12n);
  });

  it("move the keys: from the export on, the daemon signs nothing with them, and the file has every vote", async () => {
    const made = homeWithKey();
    const signer = await startSigner(made);
    const client = connect(signer.address);
    const { publicKey: key } = made.key;
    const answered: bigint[] = [];
    const refused = (async () => {
      for (let height = 1n; ; height++) {
        try {
          await client.signEots({ key, chainId: CHAIN, height, message: ballot(height) });
          answered.push(height);
        } catch (error) {
          return error;
        }
      }
    })();
    await eventually(() => expect(answered.length).toBeGreaterThan(20));
    const { stdout } = expectDone(await fp(made.home, "protection", "export", "--retire", "--yes"));
    expect(await refused).toMatchObject({
      code: "protection-uninitialised",
      message: expect.stringContaining("its votes moved to another home (export --retire)"),
    });
    const { data } = JSON.parse(stdout) as Interchange;
    expect(data[0]).toMatchObject({ retired: true, highest: `${answered.at(-1)}` });
    expect(data[0]!.votes.map(({ height }) => BigInt(height))).toEqual(answered);
    await signer.stop();
    const again = await startSigner(made);
    const late = { key, chainId: CHAIN, height: 9_000n, message: ballot(9_000n) };
    await expectFailure(connect(again.address).signEots(late), "protection-uninitialised");
  });

  it("find damage to the watermark log before the next start does", async () => {
    const made = homeWithKey();
    const signer = await startSigner(made);
    await vote(signer.address, made, 10n, 11n, 12n);
    const marks = readFileSync(made.home.watermarkFile);
    marks[30] = marks[30]! ^ 1;
    writeFileSync(made.home.watermarkFile, marks);
    const said = expectRefused(await fp(made.home, "protection", "check"), "protection-corrupt");
    expect(said).toContain("will not start with this file again");
    await vote(signer.address, made, 13n);
  });

  it("say why the daemon signs nothing once its store has failed", async () => {
    const made = homeWithKey();
    const signer = await startSigner(made);
    await vote(signer.address, made, 10n);
    utimesSync(made.home.protectionFile, 1, 1);
    await expectFailure(vote(signer.address, made, 11n), "protection-replaced");
    const said = expectRefused(await fp(made.home, "status"), "signer-unhealthy");
    expect(said).toContain("it says protection-replaced");
    expectRefused(await fp(made.home, "protection", "show"), "protection-replaced");
  });

  it("are refused without an answer, as before, by a signer without the socket", async () => {
    const made = homeWithKey();
    // A command that signs is the one signer of the home too, and answers nobody.
    const protection = openProtection(made.home);
    expectRefused(await fp(made.home, "protection", "show"), "signer-running");
    protection.close();
    expectDone(await fp(made.home, "protection", "show"));
  });
});

describe("the admin socket", () => {
  it("is its owner's alone, by each of the home, its folder and its own mode", async () => {
    const made = homeWithKey();
    const { home } = made;
    await startSigner(made);
    const modeOf = (path: string) => statSync(path).mode & 0o777;
    expect(modeOf(home.adminSocket)).toBe(0o600);
    expect(modeOf(dirname(home.adminSocket))).toBe(0o700);
    if (process.getuid?.() !== 0) return;
    // The folders of the tests are private too.
    const outer = statSync(tmpdir()).mode & 0o1777;
    onTestFinished(() => chmodSync(tmpdir(), outer));
    chmodSync(tmpdir(), outer | 0o011);
    chmodSync(dirname(home.path), 0o711);
    const asNobody = () => {
      const script = `require("node:net").connect(process.argv[1]).on("connect", () => { console.log("open"); process.exit(); }).on("error", (e) => console.log(e.code))`;
      const identity = { uid: 65534, gid: 65534, cwd: "/", encoding: "utf8" } as const;
      return spawnSync(process.execPath, ["-e", script, home.adminSocket], identity).stdout.trim();
    };
    expect(asNobody()).toBe("EACCES");
    chmodSync(home.path, 0o755);
    expect(asNobody()).toBe("EACCES");
    chmodSync(dirname(home.adminSocket), 0o755);
    expect(asNobody()).toBe("EACCES");
    // What keeps the user out is the mode: without it, the same call gets in.
    chmodSync(home.adminSocket, 0o666);
    expect(asNobody()).toBe("open");
  });

  it("of a killed daemon stops no command, and the next daemon replaces it", async () => {
    const made = homeWithKey();
    const first = await startDaemon(made);
    await vote(first.address, made, 10n);
    first.kill("SIGKILL");
    await first.ended;
    expect(existsSync(made.home.adminSocket)).toBe(true);
    expectDone(await fp(made.home, "protection", "check"));
    const next = await startSigner(made);
    expect(parsed(expectDone(await fp(made.home, "status", "--json")))).toMatchObject({
      address: next.address,
    });
    await next.stop();
    expect(existsSync(made.home.adminSocket)).toBe(false);
  });

  it("that cannot be made is missed, and votes are answered", async () => {
    const made = homeWithKey();
    mkdirSync(made.home.adminSocket, { recursive: true });
    const signer = await startSigner(made);
    expect(signer.logged()).toContain("no admin socket");
    await vote(signer.address, made, 10n);
    expectRefused(await fp(made.home, "protection", "show"), "signer-running");
  });

  it("has a short way in a home with a long path, and elsewhere than on Linux a reason", async () => {
    const folder = join(dirname(homeWithKey().home.path), "long".repeat(30), "path".repeat(30));
    mkdirSync(folder, { recursive: true });
    const made = homeWithKey(undefined, undefined, folder);
    const { length } = made.home.adminSocket;
    expect(length).toBeGreaterThan(250);
    const { message } = refusal("file-error", () => socketPath(made.home, "darwin"));
    expect(message).toContain(`bytes, not ${length}`);
    if (process.platform !== "linux") return;
    const signer = await startSigner(made);
    await vote(signer.address, made, 10n);
    expect(expectDone(await fp(made.home, "protection", "show")).stdout).toContain(
      "votes remembered         1",
    );
  });

  it("refuses what is no call of it, and names the field", async () => {
    const made = homeWithKey();
    await startSigner(made);
    const { home } = made;
    const key = hex.encode(made.key.publicKey);
    const prune = (body: string) => ask(home, "POST", "/v1/protection/prune", body);
    const refused = async (call: ReturnType<typeof ask>) => {
      const { status, json } = await call;
      return `${status} ${json.error?.code}: ${json.error?.message}`;
    };
    expect(await refused(ask(home, "GET", "/v1/sign"))).toBe("404 invalid-request: there is no /v1/sign");
    expect(await refused(ask(home, "GET", "/v1/protection/retire"))).toBe(
      "405 invalid-request: /v1/protection/retire takes POST",
    );
    expect(await refused(prune("no JSON"))).toBe("400 invalid-json: the body: not JSON");
    expect(await refused(prune(" ".repeat(20_000)))).toMatch(
      /^400 invalid-request: the body must have at most/,
    );
    const good = { key, chain: CHAIN, below: "0" };
    expect(await refused(prune(JSON.stringify({ ...good, force: true })))).toBe(
      "400 invalid-json: prune.force: unknown field",
    );
    expect(await refused(prune(JSON.stringify({ ...good, key: "validator-1" })))).toMatch(
      /^400 invalid-json: prune\.key: must be 32 bytes in lower-case hexadecimal/,
    );
    expect(await refused(ask(home, "GET", "/v1/commitments?chains=a"))).toBe(
      "400 invalid-json: commitments.chains: unknown field",
    );
    expect((await ask(home, "GET", "/v1/status")).status).toBe(200);
  });

  it("locks no key for a body that does not say which", async () => {
    const made = homeWithKey();
    const signer = await startSigner(made);
    await vote(signer.address, made, 10n);
    const key = hex.encode(made.key.publicKey);
    const retire = (body?: string) => ask(made.home, "POST", "/v1/protection/retire", body);
    const either = 'invalid-request: retire takes either "key" for one key, or "all": true for every key';
    for (const [body, said] of [
      [undefined, "invalid-request: the body is empty: give a JSON object, {} for no arguments"],
      ["[]", "invalid-json: retire: must be Object, not an array of 0"],
      [`["${key}"]`, "invalid-json: retire: must be Object, not an array of 1"],
      ["{}", either],
      [`{"key": "${key}", "all": true}`, either],
      ['{"all": false}', "invalid-json: retire.all: must be true, not boolean"],
    ] as const) {
      const { status, json } = await retire(body);
      expect(`${status} ${json.error?.code}: ${json.error?.message}`).toBe(`400 ${said}`);
    }
    expect((await ask(made.home, "POST", "/v1/protection/backup", "[]")).status).toBe(400);
    expect((await ask(made.home, "POST", "/v1/protection/backup")).status).toBe(400);
    // Not locked: it votes.
    await vote(signer.address, made, 11n);
    const other = "11".repeat(32);
    expect(await retire(`{"key": "${other}"}`)).toMatchObject({ status: 200, json: { subjects: [] } });
    await vote(signer.address, made, 12n);
    for (const body of [`{"key": "${key}"}`, '{"all": true}']) {
      expect(await retire(body)).toMatchObject({
        status: 200,
        json: { subjects: [{ key, held: true, retired: true }] },
      });
    }
  });

  it("gives out nothing secret", async () => {
    const made = homeWithKey();
    const signer = await startSigner(made);
    await vote(signer.address, made, 10n);
    const texts = await Promise.all(
      ["status", "protection", "protection/check", "protection/export", "commitments"].map(async (path) =>
        JSON.stringify((await ask(made.home, "GET", `/v1/${path}`)).json),
      ),
    );
    const one = `/v1/protection/vote?key=${hex.encode(made.key.publicKey)}&chain=${CHAIN}&height=10`;
    texts.push(JSON.stringify((await ask(made.home, "GET", one)).json));
    const secret = hex.encode(made.secretKey);
    for (const text of texts) expect(text).not.toContain(secret);
    // A vote that a crash kept back can be recorded: the record of one height has no signature.
    expect(texts.at(-1)).not.toContain("signature");
  });
});
