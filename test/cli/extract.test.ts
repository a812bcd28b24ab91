import { beforeAll, describe, expect, it } from "vitest";
import { hex, utf8 } from "../../src/core/bytes.js";
import { sha256 } from "../../src/core/hashes.js";
import { evenSecret } from "../../src/core/keys.js";
import { scalar } from "../../src/core/scalar.js";
import { eots } from "../../src/crypto/eots.js";
import { randomness } from "../../src/crypto/randomness.js";
import { delegationToJson } from "../../src/delegation/json.js";
import { type Evidence, evidenceToJson } from "../../src/extract/evidence.js";
import { voteMessage } from "../../src/vote/messages.js";
import { type Life, provider, wholeLife } from "../support/life.js";
import { inProcess } from "./in-process.js";
import { parsed, temporaryFile } from "./support.js";

interface Extracted {
  finalityProvider: string;
  secretKey: string;
  evidence: object;
  slashing?: { from: string; txid: string; transaction: string };
}

const key = hex.encode(provider.publicKey);
const secret = hex.encode(scalar.toBytes(evenSecret(provider.secretKey).d));
const height = 7n;
const { secret: k, public: publicRandomness } = randomness.derive(provider.secretKey, "chain", height);

function vote(block: string) {
  const appHash = sha256(utf8(block));
  return { appHash, signature: eots.sign(provider.secretKey, k, voteMessage({ height, appHash })) };
}

const evidence: Evidence = {
  finalityProvider: provider.publicKey,
  height,
  publicRandomness,
  canonical: vote("one block"),
  fork: vote("another block"),
};

let life: Life;
let delegation: string;
beforeAll(async () => {
  life = await wholeLife();
  delegation = delegationToJson(life.delegation);
});

describe.concurrent("tapstake extract --votes", () => {
  it("prints the key of a provider that voted twice, as text and as data", async () => {
    const votes = temporaryFile("votes.json", evidenceToJson(evidence));
    const { code, stdout, stderr } = await inProcess(["extract", "--votes", votes]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain(key);
    expect(stdout).toContain(secret);
    const asData = await inProcess(["extract", "--votes", "-", "--json"], {
      input: evidenceToJson(evidence),
    });
    expect(parsed(asData)).toEqual({
      finalityProvider: key,
      secretKey: secret,
      evidence: { kind: "votes", height: "7" },
    });
  });

  it.each(["staking", "unbonding"] as const)(
    "finishes the slashing of the %s output with it",
    async (from) => {
      const args = ["extract", "--votes", temporaryFile("votes.json", evidenceToJson(evidence))];
      const slash = ["--slash", "--from", from, "--delegation", temporaryFile("stake.json", delegation)];
      const expected = from === "staking" ? life.slashing : life.unbondingSlashing;
      const { slashing } = parsed<Extracted>(await inProcess([...args, ...slash, "--json"]));
      expect(slashing).toMatchObject({ from, txid: expected.getId() });
      const { stdout } = await inProcess([...args, ...slash]);
      expect(stdout).toContain(expected.getId());
    },
  );

  it.each([
    ["same-message", { ...evidence, fork: evidence.canonical }],
    ["different-randomness", { ...evidence, height: 8n }],
  ])("refuses votes that reveal no key: %s", async (error, wrong) => {
    const { code, stdout, stderr } = await inProcess(["extract", "--votes", "-"], {
      input: evidenceToJson(wrong),
    });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(new RegExp(`^tapstake: ${error}: `));
  });

  it.each([
    ["invalid-json", "{"],
    ["invalid-json", "{}"],
    ["invalid-hex", evidenceToJson(evidence).replace(key, "00")],
  ])("refuses invalid evidence: %s", async (error, input) => {
    const { code, stderr } = await inProcess(["extract", "--votes", "-"], { input });
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`^tapstake: ${error}: standard input: evidence`));
  });

  it("refuses to slash a stake with another provider", async () => {
    const other = evidenceToJson(evidence);
    const elsewhere = delegation.replaceAll(key, hex.encode(publicRandomness));
    const args = ["--votes", "-", "--slash", "--delegation", temporaryFile("stake.json", elsewhere)];
    const { code, stdout, stderr } = await inProcess(["extract", ...args], { input: other });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^tapstake: unknown-finality-provider: /);
    expect(stderr).not.toContain(secret);
  });
});

describe.concurrent("tapstake extract --transaction", () => {
  it("prints the key that finished a slashing transaction", async () => {
    const file = temporaryFile("stake.json", delegation);
    const args = ["extract", "--delegation", file, "--transaction", life.unbondingSlashing.toHex()];
    const {
      finalityProvider,
      secretKey,
      evidence: from,
    } = parsed<Extracted>(await inProcess([...args, "--json"]));
    expect({ finalityProvider, secretKey }).toEqual({ finalityProvider: key, secretKey: secret });
    expect(from).toMatchObject({ kind: "slashing", from: "unbonding" });
    expect((await inProcess(args)).stdout).toContain(secret);
  });

  it("refuses a transaction that is not a slashing of the delegation", async () => {
    const file = temporaryFile("stake.json", delegation);
    const args = ["extract", "--delegation", file, "--transaction", life.unbonding.toHex()];
    const { code, stdout, stderr } = await inProcess(args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^tapstake: not-a-slashing: /);
  });
});
