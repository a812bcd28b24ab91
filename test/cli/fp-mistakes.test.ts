import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { startFalseSigner } from "../support/false-signer.js";
import { block, chain, expectDone, expectRefused, homeWithKey, publicKey, secretKey } from "./fp-support.js";
import { inProcess } from "./in-process.js";
import { parsed, reportOf, tapstake, temporaryFile, temporaryFolder } from "./support.js";

const certificate = fileURLToPath(new URL("../fixtures/signer-tls-cert.pem", import.meta.url));
const about = ["--key", publicKey, "--chain", chain];
const ask = (args: readonly string[], env = {}) => inProcess(["fp", ...args], { env });

/** A user that has no home of a finality provider. */
const stranger = () => ({ HOME: temporaryFolder(), TAPSTAKE_HOME: "" });

describe.concurrent("an invalid address of a signer is refused before any request", () => {
  const vote = ["vote", ...about, "--height", "1", "--hash", block(1)];
  it.each([
    ["empty", ""],
    ["127.0.0.1", "127.0.0.1"],
    ["a b:1", "a b:1"],
    ["::1:12582", "::1:12582"],
    ["127.0.0.1:99999", "127.0.0.1:99999"],
  ])("%s", async (said, address) => {
    const commands = [
      ["status"],
      vote,
      ["commit", ...about, "--start", "1", "--count", "1"],
      ["unlock", publicKey],
    ];
    for (const command of commands) {
      const outcome = await ask([...command, "--remote", address], stranger());
      expect(expectRefused(outcome, "invalid-address")).toBe(
        reportOf("invalid-address", `the address must be such as 127.0.0.1:12582, not ${said}`),
      );
    }
  });

  it("in TAPSTAKE_REMOTE too, where an empty one means no address", async () => {
    expectRefused(await ask(["status"], { ...stranger(), TAPSTAKE_REMOTE: "127.0.0.1" }), "invalid-address");
    const nobody = await ask(["status"], { ...stranger(), TAPSTAKE_REMOTE: "" });
    expect(nobody.stderr).not.toContain("invalid-address");
  });
});

describe.concurrent("a request to a signer with a public key", () => {
  it("needs no home for any command; a home that is named must exist", async () => {
    const { address, stop } = await startFalseSigner(secretKey);
    const nowhere = join(temporaryFolder(), "home");
    try {
      for (const command of [["status"], ["vote", "--height", "1", "--hash", block(1)]]) {
        const args = [...command, ...about, "--remote", address, "--json"];
        expectDone(await ask(args, stranger()));
        // Only for a vote a home says something: what the chain signs with.
        const elsewhere = await ask(args, { ...stranger(), TAPSTAKE_HOME: nowhere });
        if (command[0] === "vote") expectRefusedAsData(elsewhere, "home-not-found");
        else expectDone(elsewhere);
      }
      const named = ["status", "--key", "validator-1", "--chain", chain, "--remote", address, "--json"];
      expectRefusedAsData(await ask(named, stranger()), "home-not-found");
      const known = expectDone(await ask(named, { TAPSTAKE_HOME: homeWithKey() }));
      expect(parsed(known)).toMatchObject({ key: publicKey, unlocked: true });
    } finally {
      stop();
    }
  });
});

describe.concurrent("PROTOCOL 11: Buffer.from truncates what is not hex", () => {
  const digits = block(1);
  it.each([
    ["other letters after it", `${digits}zz`],
    ["other letters at its end", `${digits.slice(0, -2)}zz`],
    ["half a byte more", `${digits}0`],
    ["half a byte less", digits.slice(0, -1)],
    ["a prefix", `0x${digits}`],
  ])("a hash, a batch's hash, a secret and an interchange file with %s are refused", async (_what, wrong) => {
    const home = homeWithKey();
    const env = { TAPSTAKE_HOME: home, TAPSTAKE_PASSPHRASE: "correct horse battery staple" };
    const run = (args: readonly string[], input = "") => inProcess(["fp", ...args], { env, input });
    const named = ["--key", "validator-1", "--chain", chain];
    const votes = JSON.stringify([{ height: 1, hash: digits }]);
    const before = readdirSync(join(home, "keys"));
    const single = await run(["vote", ...named, "--height", "1", "--hash", wrong]);
    expect(expectRefused(single, "usage")).toContain("It must be 32 bytes in hexadecimal, 64 digits");
    const batch = votes.replace(digits, wrong);
    expectRefused(await run(["vote", ...named, "--batch", "-"], batch), "invalid-hex");
    expectRefused(await run(["keys", "import", "b", "--secret-file", "-"], wrong), "invalid-hex");
    expect(readdirSync(join(home, "keys"))).toEqual(before);
    // Nothing was signed for what was left of it.
    expect((await run(["vote", ...named, "--batch", "-", "--uncommitted", "a test"], votes)).code).toBe(0);
    const { stdout } = expectDone(await run(["protection", "export", "--copy"]));
    expect(stdout).toContain(publicKey);
    const interchange = stdout.replace(publicKey, wrong);
    expectRefused(await run(["protection", "import", "-", "--yes"], interchange), "invalid-json");
  });
});

describe.concurrent("a log file that is not writable", () => {
  it.each([
    ["in no folder", (folder: string) => join(folder, "nowhere", "x.log"), "ENOENT"],
    ["a folder", (folder: string) => folder, "EISDIR"],
  ])("%s: is refused, and nothing is served", async (_what, pathIn, code) => {
    const path = pathIn(temporaryFolder());
    const args = ["serve", "--address", "127.0.0.1:0", "--no-metrics", "--log-file", path];
    const said = expectRefused(await ask(args, { TAPSTAKE_HOME: homeWithKey() }), "file-error");
    expect(said).toBe(reportOf("file-error", `cannot write the log ${path}: ${code}`));
  });
});

describe.concurrent("a home that is a file", () => {
  it("is refused with that reason", async () => {
    const file = temporaryFile("home", "");
    const said = expectRefused(await ask(["serve", "--home", file]), "file-error");
    expect(said).toBe(reportOf("file-error", `${file} must be a folder, not a file`));
  });
});

describe.concurrent("--tls-ca", () => {
  it("for a signer without TLS is refused as useless", async () => {
    const { address, stop } = await startFalseSigner(secretKey);
    // A process of its own: Node.js has something to say of TLS to an IP address, and the command passes it over.
    const outcome = await tapstake(["fp", "status", "--remote", address, "--tls-ca", certificate]);
    stop();
    expect(expectRefused(outcome, "signer-unreachable")).toBe(
      `tapstake: signer-unreachable: no signer answers at ${address}: what listens there does not speak TLS: leave ` +
        "--tls-ca out (TAPSTAKE_TLS_CA), or give the signer --tls-cert\nMore: tapstake help signer-unreachable\n",
    );
  });

  it("with a file that has no certificate is refused by its name", async () => {
    const file = temporaryFile("ca.pem", "nothing");
    const outcome = await ask(["status", "--remote", "127.0.0.1:1", "--tls-ca", file]);
    expect(expectRefused(outcome, "invalid-certificate")).toContain(`${file} must have a certificate in PEM`);
  });
});

function expectRefusedAsData({ code, stderr }: { code: number | null; stderr: string }, error: string): void {
  expect({ code, error: (JSON.parse(stderr) as { error: { code: string } }).error.code }).toEqual({
    code: 1,
    error,
  });
}
