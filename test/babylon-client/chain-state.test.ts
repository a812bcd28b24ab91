import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { commitRandomnessMessage, unjailFinalityProviderMessage } from "../../src/babylon/provider.js";
import type { NamedMessage } from "../../src/babylon/messages.js";
import { checkRules, RULES } from "../../src/babylon/rules/check.js";
import { chainError } from "../../src/babylon/errors.js";
import { createDelegationMessage } from "../../src/babylon/stake.js";
import { inclusionProofFromMerkleBlock } from "../../src/babylon/inclusion.js";
import { proofOfPossession } from "../../src/babylon/pop.js";
import { accountOfKey } from "../../src/babylon/transaction.js";
import { chainState } from "../../src/babylon-client/chain-state.js";
import { babylonChain } from "../../src/babylon-client/client.js";
import { hex } from "../../src/core/bytes.js";
import { curve } from "../../src/core/curve/index.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { commitRandomness } from "../../src/finality/randomness/commit.js";
import { mainnet } from "../../src/params/data/mainnet.js";
import { base64 } from "@scure/base";
import { addInclusionProofMessage, covenantSignaturesMessage } from "../../src/babylon/lifecycle.js";
import { hash256 } from "../../src/core/hashes.js";
import { signaturesOfMember } from "../../src/covenant/member.js";
import { regtest } from "../../src/params/data/regtest.js";
import { headerChain } from "../support/headers.js";
import { lcdDelegation, lcdVersions } from "../support/lcd.js";
import { failure } from "../support/errors.js";
import { FakeChain, grpcError } from "../support/fake-chain.js";
import { delegate, makeStake, secretOf, signedBy } from "../support/stake.js";
import { txOutProof } from "../cli/support.js";

const address = accountOfKey(curve.pointFromScalar(secretOf("account"))!);
const providerSecret = secretOf("provider");
const providerKey = publicKeyOf(providerSecret);
const vector = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../vectors/chain/${name}`, import.meta.url), "utf8"));

const rawProvider = (change: object = {}) => ({
  finality_provider: {
    description: { moniker: "m" },
    commission: "0.050000000000000000",
    commission_info: {
      max_rate: "0.200000000000000000",
      max_change_rate: "0.010000000000000000",
      update_time: "2025-04-08T19:47:58.867085155Z",
    },
    addr: address,
    btc_pk: hex.encode(providerKey),
    slashed_babylon_height: "0",
    slashed_btc_height: 0,
    jailed: false,
    highest_voted_height: 0,
    ...change,
  },
});

async function started(answers: readonly (readonly [path: RegExp, body: unknown])[]) {
  const fake = await FakeChain.start();
  for (const [path, body] of answers) fake.lcdAnswers.push([path, { body }]);
  return { fake, chain: babylonChain({ lcd: fake.lcd, chainId: "chain-test", clock: fake.clock }) };
}

const asked = (fake: FakeChain) => fake.requests.map(({ path }) => path.split("?")[0]!);
const unjail: NamedMessage = {
  name: "MsgUnjailFinalityProvider",
  message: unjailFinalityProviderMessage(providerKey, address),
};
const signingInfo = (until: string) => ({
  signing_info: {
    fp_btc_pk_hex: hex.encode(providerKey),
    start_height: "1",
    missed_blocks_counter: "0",
    jailed_until: until,
  },
});

describe("the state of the chain for a message", () => {
  it("of an unjailing is the provider, its time in jail and the chain's time", async () => {
    const { fake, chain } = await started([
      [/finality_provider$/, rawProvider({ jailed: true })],
      [/signing_infos/, signingInfo("2029-01-01T00:00:00Z")],
    ]);
    const state = await chainState(chain, unjail);
    expect(state).toMatchObject({
      chainId: "chain-test",
      provider: { address, jailed: true, slashed: false },
    });
    const until = { kind: "time", time: new Date("2029-01-01T00:00:00.001Z") };
    expect(checkRules("v4", unjail, state)).toMatchObject({
      verdict: "later",
      rule: "jail-time",
      until,
      unchecked: [],
    });
    // Nothing else is asked.
    expect(
      asked(fake).filter((path) => !/node_info|v1beta1.status|finality_provider$|signing/.test(path)),
    ).toEqual([]);
  });

  it("has what the chain does not have as null", async () => {
    const { fake, chain } = await started([]);
    const body = {
      code: 2,
      message: "codespace btcstaking code 1100: the finality provider is not found",
      details: [],
    };
    fake.lcdAnswers.push([/finality_provider$/, { status: 500, body }]);
    const state = await chainState(chain, unjail);
    expect(state.provider).toBeNull();
    expect(checkRules("v4", unjail, state)).toMatchObject({ verdict: "never", rule: "provider-known" });
  });

  it("of a commitment is where finality begins, and how far the last one reaches", async () => {
    const { chain } = await started([
      [/finality_provider$/, rawProvider()],
      [/finality\/v1\/params/, finalityParams],
      [
        /pub_rand_commit_list/,
        { pub_rand_commit_map: { "1000": { num_pub_rand: "500", commitment: "", epoch_num: "1" } } },
      ],
    ]);
    const commit = (startHeight: bigint): NamedMessage => {
      const { commitment } = commitRandomness({
        secretKey: providerSecret,
        chainId: "chain-test",
        startHeight,
        count: 5,
      });
      return { name: "MsgCommitPubRandList", message: commitRandomnessMessage(commitment, address) };
    };
    const state = await chainState(chain, commit(1499n));
    expect(state).toMatchObject({ lastCommittedHeight: 1499n, minPubRand: 5n, finalityActivationHeight: 1n });
    expect(checkRules("v4", commit(1499n), state)).toMatchObject({
      verdict: "never",
      rule: "commitment-order",
    });
    expect(checkRules("v4", commit(1500n), state)).toMatchObject({ verdict: "ok", unchecked: [] });
  });

  it("of a new stake is the tip, every version of the parameters, the provider, and whether it is known", async () => {
    const stake = makeStake();
    const delegation = await delegate(stake);
    const [staker] = stake.stakerSecrets;
    const proof = proofOfPossession(staker!, { kind: "bip340", address });
    const message = createDelegationMessage({ delegation, stakerAddress: address, proof });
    const named: NamedMessage = { name: "MsgCreateBTCDelegation", message };
    const versions = { params: vector("lcd-params_versions-bbn-1.json") };
    const [key] = stake.terms.finalityProviders;
    const { fake, chain } = await started([
      [/btclightclient\/v1\/tip/, tipOf(905_700)],
      [/params_versions/, versions],
      [/finality_provider$/, rawProvider({ btc_pk: hex.encode(key!), jailed: true })],
    ]);
    const unknown = "codespace btcstaking code 1102: the BTC delegation is not found";
    fake.lcdAnswers.push([/btc_delegation\//, grpcError(500, 2, unknown)]);
    const state = await chainState(chain, named, { records: { network: "mainnet" } });
    expect(state).toMatchObject({ stakeKnown: false, btcTip: { height: 905_700 } });
    expect(state.params!.versions.map(({ unbondingTime }) => unbondingTime)).toEqual(
      mainnet.versions.map(({ unbondingTime }) => unbondingTime),
    );
    const verdict = checkRules("v4", named, state);
    expect(verdict).toMatchObject({ verdict: "never", unchecked: [] });
    // Without a network, amounts and scripts are not compared.
    const without = await chainState(chain, named);
    expect(without).not.toHaveProperty("params");
  });

  it("of a list of parameters with a hole is refused", async () => {
    const holed = (vector("lcd-params_versions-bbn-1.json") as unknown[]).toSpliced(2, 1);
    const { chain } = await started([
      [/params_versions/, { params: holed }],
      [/finality_provider$/, rawProvider()],
    ]);
    const edit: NamedMessage = {
      name: "MsgEditFinalityProvider",
      message: {
        addr: address,
        btcPk: providerKey,
        description: { moniker: "m", identity: "", website: "", securityContact: "", details: "" },
        commission: `${5n * 10n ** 16n}`,
      },
    };
    const records = { network: "mainnet" } as const;
    const error = await failure(chainState(chain, edit, { records }), "unexpected-answer");
    expect(error.details).toMatchObject({ field: "params" });
  });

  it("of an inclusion proof is the stake, and the block with its header", async () => {
    const delegation = await delegate(makeStake());
    const { transaction } = delegation.staking;
    const block = txOutProof(transaction);
    const inclusion = inclusionProofFromMerkleBlock(block, transaction);
    const message = addInclusionProofMessage(delegation, address, inclusion);
    const named: NamedMessage = { name: "MsgAddBTCDelegationInclusionProof", message };
    const raw = rawDelegation(transaction.toHex());
    const header = block.slice(0, 80);
    const { fake, chain } = await started([
      [/btclightclient\/v1\/tip/, tipOf(200)],
      [/mainchain/, mainChain([header], 197)],
      [/btc_delegation\//, raw],
      [/btccheckpoint\/v1\/params/, checkpointParams],
    ]);
    const state = await chainState(chain, named, { records: { delegation, header } });
    expect(state.inclusionBlock).toEqual({ height: 197, header });
    expect(state.delegation).toMatchObject({
      status: "VERIFIED",
      hasQuorum: true,
      hasInclusion: false,
      delegation,
    });
    const verdict = checkRules("v4", named, state);
    expect(verdict).toMatchObject({ verdict: "later", rule: "confirmation-depth" });
    expect(verdict.unchecked.map(({ rule }) => rule)).toEqual(["registered-before-inclusion"]);
    for (const records of [{ delegation, header: new Uint8Array(80) }, { delegation }]) {
      expect((await chainState(chain, named, { records })).inclusionBlock).toEqual({ height: 197, header });
    }
    expect(fake.requests.find(({ path }) => path.includes("mainchain"))!.path).toContain(
      `pagination.limit=1&pagination.key=${base64.encode(inclusion.key.hash)}`,
    );
    fake.answer(/mainchain/, grpcError(400, 3, "header specified by key does not exist"));
    expect(await chainState(chain, named, { records: { delegation } })).toMatchObject({
      inclusionBlock: null,
    });
    // A header that is not the one of the hash is refused.
    fake.answer(/mainchain/, { body: mainChain([new Uint8Array(80)], 197) });
    await failure(chainState(chain, named, { records: { delegation } }), "unexpected-answer");
  });

  it("of a stake is the stake itself, verified, with the parameters of the server", async () => {
    const stake = makeStake();
    const signed = await signedBy(stake, await delegate(stake), [0, 1, 2]);
    const txid = signed.staking.transaction.getId();
    const member = signed.unbonding.covenantSignatures[0]!.publicKey;
    const signatures = signaturesOfMember(signed, member);
    const message = covenantSignaturesMessage(signed, { signer: address, signatures });
    const named: NamedMessage = { name: "MsgAddCovenantSigs", message };
    const answer = lcdDelegation(signed, { status_desc: "UNBONDED", params_version: 0 });
    const { chain } = await started([
      [/params_versions/, { params: lcdVersions(regtest), pagination: { next_key: null } }],
      [/btc_delegation\//, answer],
    ]);
    const state = await chainState(chain, named, { records: { network: "regtest" } });
    expect(state.delegation).toMatchObject({ status: "UNBONDED", hasQuorum: true });
    expect(state.delegation!.delegation!.staking.transaction.getId()).toBe(txid);
    const without = await chainState(chain, named);
    expect(without.delegation).not.toHaveProperty("delegation");
    expect(without.delegation).not.toHaveProperty("hasQuorum");
  });

  it("of reported headers is what is below them", async () => {
    const all = headerChain(13);
    const [before, next] = [all.slice(0, 12), all[12]];
    const message = { signer: address, headers: [next!] };
    const named: NamedMessage = { name: "MsgInsertHeaders", message };
    const below = before.toReversed().slice(0, 11);
    const { fake, chain } = await started([
      [/btclightclient\/v1\/tip/, { header: lightHeader(before.at(-1)!, 11) }],
      [/btclightclient\/v1\/params/, { params: { insert_headers_allow_list: [] } }],
      [/mainchain/, mainChain(below, 11)],
    ]);
    fake.lcdAnswers.push([
      /depth\//,
      grpcError(500, 2, "codespace btclightclient code 1100: header does not exist"),
    ]);
    const state = await chainState(chain, named);
    expect(state.headers).toEqual({
      firstKnown: false,
      parentKnown: true,
      parentHeight: 11,
      parentWork: 7n,
      recent: before.slice(1),
    });
  });

  it("has the newest block that the server has run, also where the status lacks its time", async () => {
    const { fake, chain } = await started([]);
    const { time } = await chain.latestBlock();
    fake.saysTime = false;
    expect(await chain.latestBlock()).toEqual({ height: fake.height, time });
  });

  it("is not taken from a server of another chain", async () => {
    const { fake, chain } = await started([]);
    fake.chainId = "bbn-1";
    await failure(chainState(chain, unjail), "wrong-chain");
    await failure(chainState(chain, unjail, { release: "v4" }), "wrong-chain");
    expect(asked(fake).every((path) => path.endsWith("node_info"))).toBe(true);
  });
});

describe("rules and errors", () => {
  it("have one table: each error of a rule is one of the chain's, in each release that has the rule", () => {
    for (const [name, rules] of Object.entries(RULES)) {
      for (const { rule, error, releases } of rules) {
        if (!error) continue;
        for (const release of releases ?? (["v1", "v2", "v3", "v4"] as const)) {
          expect(chainError(error.codespace, error.code, release), `${name} ${rule}`).toBeDefined();
        }
      }
    }
  });
});

const finalityParams = {
  params: {
    max_active_finality_providers: 60,
    signed_blocks_window: "100",
    finality_sig_timeout: "3",
    min_signed_per_window: "0.200000000000000000",
    min_pub_rand: "5",
    jail_duration: "600s",
    finality_activation_height: "1",
  },
};

const checkpointParams = {
  params: { btc_confirmation_depth: 10, checkpoint_finalization_timeout: 100, checkpoint_tag: "62626e31" },
};

const tipOf = (height: number) => ({
  header: { header_hex: "00".repeat(80), hash_hex: "ab".repeat(32), height, work: "7" },
});

const lightHeader = (header: Uint8Array, height: number) => ({
  header_hex: hex.encode(header),
  hash_hex: hex.encode(hash256(header).toReversed()),
  height,
  work: "7",
});

/** The newest first, from a height down. */
const mainChain = (headers: readonly Uint8Array[], height: number) => ({
  headers: headers.map((header, i) => lightHeader(header, height - i)),
  pagination: { next_key: null },
});

function rawDelegation(staking: string) {
  const raw = vector("lcd-btc_delegation-testnet5-active.json") as { btc_delegation: object };
  const change = {
    staking_tx_hex: staking,
    status_desc: "VERIFIED",
    start_height: 0,
    end_height: 0,
    active: false,
  };
  return { btc_delegation: { ...(raw.btc_delegation ?? raw), ...change } };
}
