import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { proofOfPossessionDigest, verifyProofOfPossession } from "../../src/babylon/pop.js";
import { hex } from "../../src/core/bytes.js";
import { signingContext } from "../../src/vote/messages.js";
import { block, expectDone, expectRefused, fp, homeWithKey, publicKey } from "./fp-support.js";
import { inProcess } from "./in-process.js";
import { type Outcome, parsed } from "./support.js";

const address = "bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu";
const chains = (home: string, ...args: string[]) => fp(home, ["chains", ...args]);

describe.concurrent("tapstake fp chains", () => {
  it("sets, lists and removes chains, and leaves the others unchanged", async () => {
    const home = homeWithKey();
    expect(expectDone(await chains(home, "list")).stdout).toBe("no chain is configured\n");
    expectDone(await chains(home, "set", "bbn-1", "--min-count", "8192"));
    expectDone(await chains(home, "set", "bsn-old", "--contexts", "v3", "--module-address", address));
    const list = async () =>
      parsed<{ chains: object[] }>(expectDone(await chains(home, "list", "--json"))).chains;
    const old = {
      id: "bsn-old",
      minCount: 1,
      voteContext: signingContext("fp_fin_vote", "bsn-old", address),
      commitContext: signingContext("fp_rand_commit", "bsn-old", address),
    };
    expect(await list()).toEqual([{ id: "bbn-1", minCount: 8192 }, old]);
    expectDone(await chains(home, "set", "bbn-1", "--min-count", "9000"));
    expect(await list()).toEqual([{ id: "bbn-1", minCount: 9000 }, old]);
    expectDone(await chains(home, "remove", "bbn-1"));
    expect(await list()).toEqual([old]);
    expect(statSync(join(home, "chains.json")).mode & 0o777).toBe(0o600);
    expect(expectDone(await chains(home, "list")).stdout).toContain("signing contexts");
  });

  it("keeps a chain's fields that no option names, and shows the changes", async () => {
    const home = homeWithKey();
    const set = (...args: string[]) => chains(home, "set", "bsn-old", ...args);
    const first = parsed<object>(
      expectDone(await set("--contexts", "v3", "--module-address", address, "--json")),
    );
    const [vote, commit, pop] = (["fp_fin_vote", "fp_rand_commit", "fp_pop"] as const).map((kind) =>
      signingContext(kind, "bsn-old", address),
    );
    const text = expectDone(await set("--min-count", "500")).stdout;
    expect(text).toContain("500 heights (was 1 height)");
    expect(text).toContain(`${vote}\n`);
    const second = parsed(expectDone(await set("--staking-module-address", address, "--json")));
    expect(second).toEqual({ ...first, minCount: 500, popContext: pop, was: { popContext: null } });
    const ended = await set("--contexts", "v4");
    expect({ code: ended.code, stderr: ended.stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(
        /^tapstake: warning: the signing contexts of bsn-old changed\. Never .*\n$/,
      ),
    });
    expect(ended.stdout).toContain("none (v4) (was v3)");
    for (const context of [vote, commit, pop]) expect(ended.stdout).toContain(`none (was ${context})`);
    expect(parsed(await set("--json"))).toEqual({ id: "bsn-old", minCount: 500, was: {} });
    expectRefused(await set("--module-address", address), "usage");
  });

  it("warns where the contexts of a configured chain change, or are removed with it", async () => {
    const home = homeWithKey();
    const warned = (outcome: Outcome) => {
      expect(outcome.code).toBe(0);
      expect(JSON.parse(outcome.stderr)).toMatchObject({
        warning: { code: "context-mismatch", chain: "bsn-old" },
      });
    };
    const set = (...args: string[]) => chains(home, "set", "bsn-old", "--json", ...args);
    const other = "cosmos1jhg0e7s6gn44tfc5k37kr04sznyhedtc9rzys5";
    expectDone(await set("--min-count", "1"));
    warned(await set("--contexts", "v3", "--module-address", address));
    warned(await set("--module-address", other));
    expectDone(await set("--module-address", other));
    warned(await chains(home, "remove", "bsn-old", "--json"));
    expectDone(await set());
    expectDone(await chains(home, "remove", "bsn-old"));
  });

  it.each([
    ["invalid-chain-id", ["set", ""]],
    ["invalid-chain-id", ["set", "constructor"]],
    ["invalid-chain-id", ["set", "__proto__"]],
    ["unknown-chain", ["remove", "c"]],
    ["usage", ["set", "c", "--contexts", "v5"]],
  ])("refuses with %s: %j, and changes nothing", async (code, args) => {
    const home = homeWithKey();
    expectDone(await chains(home, "set", "bbn-1"));
    const before = readFileSync(join(home, "chains.json"), "utf8");
    expectRefused(await chains(home, ...args), code);
    expect(readFileSync(join(home, "chains.json"), "utf8")).toBe(before);
  });

  it.each([
    ["'0'", ["--min-count", "0"]],
    ["--contexts v3 needs --module-address", ["--contexts", "v3"]],
    ["go with --contexts v3", ["--module-address", address]],
    [`'${address}q'`, ["--contexts", "v3", "--module-address", `${address}q`]],
  ])("names the given options in the error: %s", async (part, args) => {
    const said = expectRefused(await chains(homeWithKey(), "set", "c", ...args), "usage");
    expect(said).toContain(part);
    expect(said).not.toContain("chains.json");
  });

  it("refuses to overwrite a file that it cannot read", async () => {
    const home = homeWithKey();
    const path = join(home, "chains.json");
    writeFileSync(path, "{", { mode: 0o600 });
    expectRefused(await chains(home, "set", "bbn-1"), "invalid-json");
    expect(readFileSync(path, "utf8")).toBe("{");
  });
});

describe.concurrent("tapstake fp pop", () => {
  const make = (home: string, ...more: string[]) =>
    fp(home, ["pop", "make", "--key", "validator-1", "--address", address, "--json", ...more]);
  const verify = (signature: string, more: readonly string[] = []) =>
    inProcess([
      "fp",
      "pop",
      "verify",
      "--key",
      publicKey,
      "--address",
      address,
      "--signature",
      signature,
      ...more,
    ]);

  it("signs an account, and checks it without a home", async () => {
    const made = parsed<{ signature: string }>(expectDone(await make(homeWithKey())));
    expect(made).toMatchObject({ finalityProvider: publicKey, address, btcSigType: 0 });
    expect(
      verifyProofOfPossession(
        hex.decode(publicKey),
        { kind: "bip340", signature: hex.decode(made.signature) },
        { address },
      ),
    ).toBe(true);
    expect(expectDone(await verify(made.signature)).stdout).toContain("good");
  });

  it("signs with the context of a configured chain", async () => {
    const home = homeWithKey();
    const addresses = ["--module-address", address, "--staking-module-address", address];
    expectDone(await chains(home, "set", "old", "--contexts", "v3", ...addresses));
    const { signature, context } = parsed<{ signature: string; context: string }>(
      expectDone(await make(home, "--chain", "old")),
    );
    expect(context).toBe(signingContext("fp_pop", "old", address));
    expect(proofOfPossessionDigest(address, context)).not.toEqual(proofOfPossessionDigest(address));
    expectRefused(await verify(signature), "invalid-signature");
    expectDone(await verify(signature, ["--chain", "old", "--home", home]));
  });

  it("refuses without the context of a configured chain, and warns of an unknown chain", async () => {
    const home = homeWithKey();
    expectDone(await chains(home, "set", "old", "--contexts", "v3", "--module-address", address));
    const { signature } = parsed<{ signature: string }>(expectDone(await make(home)));
    const there = (id: string) => ["--chain", id, "--home", home];
    for (const outcome of [
      await fp(home, ["pop", "make", "--key", "validator-1", "--address", address, "--chain", "old"]),
      await verify(signature, there("old")),
    ]) {
      expect(expectRefused(outcome, "context-mismatch")).toContain(
        "tapstake fp chains set old --staking-module-address",
      );
    }
    const unknown = await make(home, "--chain", "nosuch");
    expect(parsed<object>(unknown)).not.toHaveProperty("context");
    expect(JSON.parse(unknown.stderr)).toMatchObject({ warning: { code: "unknown-chain", chain: "nosuch" } });
    expect((await verify(signature, there("nosuch"))).stderr).toMatch(
      /^tapstake: warning: nosuch is not conf/,
    );
    expectDone(await chains(home, "set", "bsn-1"));
    expectDone(await make(home, "--chain", "bsn-1"));
  });

  it("refuses a mistyped address before it asks for a passphrase, and invalid signatures", async () => {
    const home = homeWithKey();
    const args = ["fp", "pop", "make", "--key", "validator-1", "--home", home];
    const mistyped = await inProcess([...args, "--address", `${address}q`]);
    expect(expectRefused(mistyped, "invalid-address")).toContain(`"${address}q"`);
    expectRefused(await verify(block(1) + block(2)), "invalid-signature");
    expectRefused(await verify("00"), "invalid-hex");
    expectRefused(await fp(home, ["pop", "make", "--key", "nobody", "--address", address]), "key-not-found");
  });
});
