import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openHome } from "../../src/finality/home.js";
import { honest, startFalseSigner } from "../support/false-signer.js";
import { secretOf } from "../support/stake.js";
import { block, chain, expectDone, expectRefused, publicKey, secretKey, type Votes } from "./fp-support.js";
import { inProcess } from "./in-process.js";
import { parsed, temporaryFolder } from "./support.js";

const stranger = honest(secretOf("another key"));
const own = honest(secretKey);

/** Asks a signer that answers otherwise than it should, from a machine that has neither the key nor its passphrase. */
async function ask(
  changed: Parameters<typeof startFalseSigner>[1],
  [command, ...args]: readonly string[],
  { input = "", home = join(temporaryFolder(), "home") } = {},
) {
  const { address, asked, stop } = await startFalseSigner(secretKey, changed);
  const subject = ["--key", publicKey, "--chain", chain, "--remote", address];
  const env = { TAPSTAKE_HOME: openHome(home).path };
  try {
    return { outcome: await inProcess(["fp", command!, ...subject, ...args], { env, input }), asked };
  } finally {
    stop();
  }
}

const single = ["vote", "--height", "5", "--hash", block(1)];
const batch = ["vote", "--batch", "-", "--json"];
const votes = JSON.stringify([5, 6, 7].map((height) => ({ height, hash: block(1) })));

describe.concurrent("with --remote, and a signer that answers wrongly", () => {
  it("a vote is printed when its signature is good", async () => {
    const { outcome } = await ask({}, [...single, "--json"]);
    expect(parsed<Votes>(expectDone(outcome)).votes).toMatchObject([{ height: "5", kind: "signed" }]);
    const many = await ask({}, batch, { input: votes });
    expect(parsed<Votes>(expectDone(many.outcome)).votes).toHaveLength(3);
  });

  it.each<[string, Parameters<typeof startFalseSigner>[1]]>([
    ["of another key", { SignEOTS: stranger.SignEOTS }],
    ["of another block", { SignEOTS: (asked) => own.SignEOTS({ ...asked, msg: new Uint8Array(40) }) }],
    ["of another height", { SignEOTS: (asked) => own.SignEOTS({ ...asked, height: 6n }) }],
    ["that is invalid", { SignEOTS: () => ({ sig: new Uint8Array(32) }) }],
    ["under other randomness", { CreateRandomnessPairList: stranger.CreateRandomnessPairList }],
  ])("a vote with a signature %s is withheld", async (_what, changed) => {
    const out = join(temporaryFolder(), "vote.json");
    const { outcome } = await ask(changed, [...single, "--out", out]);
    expect(expectRefused(outcome, "signer-error")).toContain("signature at height 5 does not verify");
    expect(existsSync(out)).toBe(false);
  });

  it("a batch with one wrong signature is withheld, and the error names the height", async () => {
    const SignBatchEOTS: typeof own.SignBatchEOTS = (asked) => ({
      responses: own
        .SignBatchEOTS(asked)
        .responses.map((each) =>
          each.height === 6n
            ? { ...each, sig: stranger.SignEOTS({ ...asked, ...asked.signRequests[1]! }).sig }
            : each,
        ),
    });
    const { outcome } = await ask({ SignBatchEOTS }, batch, { input: votes });
    expect(JSON.parse(outcome.stderr)).toMatchObject({ error: { code: "signer-error" } });
    expect(outcome.stderr).toContain("signature at height 6 does not verify");
    expect(outcome.stdout).toBe("");
  });

  it.each<[string, Parameters<typeof startFalseSigner>[1]]>([
    ["of another key", { SignSchnorrSig: stranger.SignSchnorrSig }],
    [
      "of another digest",
      { SignSchnorrSig: (asked) => own.SignSchnorrSig({ ...asked, msg: new Uint8Array(32) }) },
    ],
    ["that is invalid", { SignSchnorrSig: () => ({ sig: new Uint8Array(64) }) }],
  ])("a commitment with a signature %s is withheld", async (_what, changed) => {
    const out = join(temporaryFolder(), "commitment.json");
    const { outcome } = await ask(changed, ["commit", "--start", "5", "--count", "8", "--out", out]);
    expect(expectRefused(outcome, "signer-error")).toContain("signature of the commitment does not verify");
    expect(existsSync(out)).toBe(false);
  });
});

describe.concurrent("with --remote", () => {
  it("a commitment to fewer heights than the chain's minimum is refused before the signer is called", async () => {
    const home = join(temporaryFolder(), "home");
    expectDone(await inProcess(["fp", "chains", "set", chain, "--min-count", "9", "--home", home]));
    const commit = (count: number) => ask({}, ["commit", "--start", "5", "--count", `${count}`], { home });
    const few = await commit(8);
    expect(expectRefused(few.outcome, "count-too-small")).toContain("at least 9 heights, not to 8");
    expect(few.asked).toEqual([]);
    expectDone((await commit(9)).outcome);
  });
});
