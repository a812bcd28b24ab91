import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseTransaction } from "../../src/bitcoin/transaction.js";
import { babylonChain } from "../../src/babylon-client/client.js";
import { DELEGATION_STATUSES } from "../../src/babylon-client/queries.js";
import { hex } from "../../src/core/bytes.js";
import { checkDelegation } from "../../src/delegation/check.js";
import type { Delegation } from "../../src/delegation/delegation.js";
import { bbnTest5 } from "../../src/params/data/bbn-test-5.js";
import { regtest } from "../../src/params/data/regtest.js";
import { testnet } from "../../src/params/data/testnet.js";
import { expand } from "../support/expansion.js";
import { lcdDelegation } from "../support/lcd.js";
import { delegate, makeStake } from "../support/stake.js";
import type { TapstakeError } from "../../src/core/errors.js";
import { failure } from "../support/errors.js";
import { grpcError } from "../support/fake-chain.js";
import { serve, serveText } from "../support/server.js";
import { readVectors } from "../support/vectors.js";

const recorded = JSON.parse(readVectors("chain/lcd-btc_delegation-testnet5-active.json")) as {
  btc_delegation: Record<string, unknown> & { fp_btc_pk_list: string[]; undelegation_response: object };
};
const TXID = "f0d915ef5eb27cbb6ba89f95a8d19ab92b7b6d9d4f3c5b6ea3d1f4e0ab1c0d2e";
const key = new Uint8Array(32).fill(5);
const keyText = hex.encode(key);
const b64 = (byte: number, length = 32) => btoa(String.fromCharCode(...new Uint8Array(length).fill(byte)));

/** A client of a server that answers paths from a table, in which each is a JSON value or an error. */
async function chainOf(answers: Readonly<Record<string, unknown>>) {
  const asked: string[] = [];
  const url = await serve((_body, request, response) => {
    const path = decodeURIComponent(request.url!.slice(1));
    asked.push(path);
    const [, found] = Object.entries(answers).find(([start]) => path.startsWith(start)) ?? [];
    const { status, body } = found instanceof Error ? errorOf(found) : { status: 200, body: found };
    response.writeHead(found === undefined ? 404 : (status ?? 200)).end(JSON.stringify(body ?? {}));
  });
  return { asked, chain: babylonChain({ lcd: url, chainId: "bbn-1" }) };
}

/** An error of a module: it comes without a gRPC code of its own. */
const moduleError = (codespace: string, code: number) =>
  new Error(`codespace ${codespace} code ${code}: it is not there`);
const errorOf = ({ message }: Error) =>
  message.startsWith("codespace") ? grpcError(500, 2, message) : grpcError(404, 5, message);

async function all<T>(entries: AsyncGenerator<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const entry of entries) found.push(entry);
  return found;
}

const txidOf = ({ staking }: Delegation) => staking.transaction.getId();
const STAKING = "babylon/btcstaking/v1/";
const FINALITY = "babylon/finality/v1/";

describe("recorded answers", () => {
  it.each(["bbn-1", "bbn-test-6"])("every version of the parameters of %s is read", async (network) => {
    const params = JSON.parse(readVectors(`chain/lcd-params_versions-${network}.json`)) as {
      version: number;
    }[];
    const { chain } = await chainOf({
      [`${STAKING}params_versions`]: { params, pagination: { next_key: null, total: "0" } },
    });
    expect(await all(chain.raw.params())).toEqual(params);
  });

  it("a delegation equals the one that the chain wrote", async () => {
    const txid = txidIn(recorded.btc_delegation);
    const { chain, asked } = await chainOf({ [`${STAKING}btc_delegation/`]: recorded });
    expect(await chain.raw.delegation(txid.toUpperCase())).toEqual(recorded.btc_delegation);
    expect(asked).toEqual([`${STAKING}btc_delegation/${txid}`]);
  });

  it("a provider equals the one that the chain wrote", async () => {
    const { finality_provider: stored } = JSON.parse(
      readVectors("chain/stored-finality-provider-bbn-1.json"),
    ) as { finality_provider: { btc_pk: string } };
    const answered = { ...stored, height: "1", soft_deleted: false };
    const { chain } = await chainOf({
      [`${STAKING}finality_providers/`]: { finality_provider: answered },
      [`${STAKING}finality_providers`]: { finality_providers: [answered], pagination: null },
    });
    expect(await chain.raw.provider(hex.decode(stored.btc_pk))).toEqual(answered);
    expect(await all(chain.raw.providers())).toEqual([answered]);
    const error = await failure(chain.raw.provider(key), "unexpected-answer");
    expect(error.details).toMatchObject({ reason: "mismatch", field: "finality_provider.btc_pk" });
  });
});

const versions = JSON.parse(readVectors("chain/lcd-params_versions-bbn-test-6.json")) as object[];

describe("what is read from an answer", () => {
  const own = { params: bbnTest5 };
  const txid = txidIn(recorded.btc_delegation);

  it("is every version of the parameters, on the network of the shipped set or on the one given", async () => {
    const { chain } = await chainOf({ [`${STAKING}params_versions`]: { params: versions } });
    const lcd = chain.url;
    const read = await babylonChain({ lcd, chainId: "bbn-test-6" }).params();
    expect(read).toEqual({ ...testnet, name: "bbn-test-6", takenOn: undefined });
    await failure(babylonChain({ lcd, chainId: "other-1" }).params(), "invalid-network");
    const { network } = await babylonChain({ lcd, chainId: "other-1", network: "signet" }).params();
    expect(network).toBe("signet");
  });

  it("is a verified stake", async () => {
    const { chain } = await chainOf({ [`${STAKING}btc_delegation`]: recorded });
    const read = await chain.delegation(txid, own);
    expect(read).toMatchObject({ status: "ACTIVE", heights: { start: 258_850, end: 268_850 } });
    checkDelegation(read!.delegation);
    const missing = await chainOf({ [`${STAKING}btc_delegation`]: moduleError("btcstaking", 1102) });
    expect(await missing.chain.delegation(txid, own)).toBeNull();
  });

  it("is refused with the server and the field where it breaks a rule", async () => {
    const changed = { ...recorded.btc_delegation, staking_time: 10_001 };
    const { chain } = await chainOf({ [`${STAKING}btc_delegation`]: { btc_delegation: changed } });
    const error = await failure(chain.delegation(txid, own), "staking-output-mismatch");
    expect(error.details).toMatchObject({ url: chain.url, path: "btc_delegation.staking_tx_hex" });
    expect(error.message).toContain(chain.url);
  });

  it("is a stake under the chain's own parameters where no others are given", async () => {
    const asked = await chainOf({
      [`${STAKING}btc_delegation`]: { btc_delegation: { ...recorded.btc_delegation, params_version: 7 } },
      [`${STAKING}params_versions`]: { params: versions },
    });
    const chain = babylonChain({ lcd: asked.chain.url, chainId: "bbn-test-6" });
    const error = await failure(chain.delegation(txid), "unknown-params");
    expect(error.details["path"]).toBe("btc_delegation.params_version");
    expect(asked.asked).toHaveLength(2);
  });

  it("is an expansion with the stake before it, for which the chain is asked too", async () => {
    const larger = await expand(makeStake());
    const before = await delegate(makeStake());
    const answers = new Map([larger, before].map((one) => [txidOf(one), lcdDelegation(one)]));
    const known = Object.fromEntries(
      [...answers].map(([id, body]) => [`${STAKING}btc_delegation/${id}`, body]),
    );
    const { chain, asked } = await chainOf(known);
    const read = await chain.delegation(txidOf(larger), { params: regtest });
    expect(read!.delegation.expansion!.staking).toEqual(before.staking);
    expect(asked).toHaveLength(2);
    const alone = await chainOf({
      [`${STAKING}btc_delegation/${txidOf(larger)}`]: answers.get(txidOf(larger)),
      [`${STAKING}btc_delegation/`]: moduleError("btcstaking", 1102),
    });
    const error = await failure(
      alone.chain.delegation(txidOf(larger), { params: regtest }),
      "unexpected-answer",
    );
    expect(error.details["field"]).toBe("stk_exp.previous_staking_tx_hash_hex");
  });

  it("is a list of verified stakes, of providers, commitments and evidence", async () => {
    const { finality_provider: stored } = JSON.parse(
      readVectors("chain/stored-finality-provider-bbn-1.json"),
    ) as { finality_provider: object };
    const commit = { num_pub_rand: "7", commitment: b64(1), epoch_num: "12" };
    const evidence = {
      fp_btc_pk_hex: keyText,
      block_height: "7",
      pub_rand: b64(1),
      canonical_app_hash: b64(2),
      fork_app_hash: b64(3),
      canonical_finality_sig: null,
      fork_finality_sig: b64(5),
    };
    const { chain } = await chainOf({
      [`${STAKING}btc_delegations/`]: { btc_delegations: [recorded.btc_delegation], pagination: null },
      [`${STAKING}finality_providers?`]: { finality_providers: [stored] },
      [`${FINALITY}finality_providers/${keyText}/pub`]: { pub_rand_commit_map: { "5": commit } },
      [`${FINALITY}finality_providers/${keyText}/evidence`]: { evidence },
      [`${FINALITY}evidences`]: { evidences: [evidence] },
    });
    const [stake] = await all(chain.delegations({ status: "ACTIVE" }, {}, own));
    expect(stake!.delegation.staking.transaction.getId()).toBe(txid);
    expect((await all(chain.providers()))[0]).toMatchObject({ moniker: "Lombard x Figment" });
    expect((await all(chain.commits(key)))[0]).toMatchObject({ startHeight: 5n, count: 7n });
    expect(await chain.evidence(key)).toMatchObject({ finalityProvider: key, height: 7n });
    expect(await all(chain.evidences())).toHaveLength(1);
  });
});

describe("a delegation", () => {
  it("of another transaction is refused", async () => {
    const { chain } = await chainOf({ [`${STAKING}btc_delegation/`]: recorded });
    const error = await failure(chain.raw.delegation(TXID), "unexpected-answer");
    expect(error.details).toMatchObject({
      reason: "mismatch",
      field: "btc_delegation.staking_tx_hex",
      path: `${STAKING}btc_delegation/${TXID}`,
      expected: TXID,
    });
  });

  it("whose transaction cannot be read is refused", async () => {
    const txid = txidIn(recorded.btc_delegation);
    const cut = { btc_delegation: { ...recorded.btc_delegation, staking_tx_hex: "0100" } };
    const { chain } = await chainOf({ [`${STAKING}btc_delegation/`]: cut });
    const error = await failure(chain.raw.delegation(txid), "unexpected-answer");
    expect(error.details["reason"]).toBe("mismatch");
  });

  it.each([
    ["covenant_sigs", [{ cov_pk: "zz", adaptor_sigs: [] }], "covenant_sigs.0.cov_pk"],
    ["covenant_sigs", [{ cov_pk: keyText, adaptor_sigs: ["%"] }], "covenant_sigs.0.adaptor_sigs.0"],
    ["total_sat", -1, "total_sat"],
    ["total_sat", "1.5", "total_sat"],
    ["active", "true", "active"],
    ["fp_btc_pk_list", [], "fp_btc_pk_list"],
    ["staking_tx_hex", "0", "staking_tx_hex"],
  ])("with %s of %j is refused at %s", async (name, value, field) => {
    const { chain } = await chainOf({
      [`${STAKING}btc_delegation/`]: { btc_delegation: { ...recorded.btc_delegation, [name]: value } },
    });
    const error = await failure(chain.raw.delegation(txidIn(recorded.btc_delegation)), "unexpected-answer");
    expect(error.details).toMatchObject({ reason: "form", field: `btc_delegation.${field}` });
  });

  it("that the chain does not have is null", async () => {
    const { chain } = await chainOf({ [`${STAKING}btc_delegation/`]: moduleError("btcstaking", 1102) });
    expect(await chain.raw.delegation(TXID)).toBeNull();
  });

  it("is requested by a txid only", async () => {
    const { chain, asked } = await chainOf({});
    await failure(chain.raw.delegation("../params"), "invalid-hex");
    expect(asked).toEqual([]);
  });
});

describe("delegations", () => {
  it("of a status are read from all pages, each requested when it is needed", async () => {
    const pages = [
      {
        btc_delegations: [recorded.btc_delegation, recorded.btc_delegation],
        pagination: { next_key: "+/8=" },
      },
      { btc_delegations: [recorded.btc_delegation], pagination: { next_key: "" } },
    ];
    const asked: string[] = [];
    const lcd = await serve((_body, request, response) => {
      asked.push(request.url!);
      response.end(JSON.stringify(pages[asked.length - 1]));
    });
    const chain = babylonChain({ lcd, chainId: "bbn-1" });
    const entries = chain.raw.delegations({ status: "ACTIVE" }, { pageSize: 2 });
    await entries.next();
    expect(asked).toHaveLength(1);
    expect(await all(entries)).toHaveLength(2);
    expect(asked).toEqual([
      `/${STAKING}btc_delegations/ACTIVE?pagination.limit=2`,
      `/${STAKING}btc_delegations/ACTIVE?pagination.limit=2&pagination.key=%2B%2F8%3D`,
    ]);
  });

  it("of another status than requested are refused", async () => {
    const { chain } = await chainOf({
      [`${STAKING}btc_delegations/`]: { btc_delegations: [recorded.btc_delegation], pagination: null },
    });
    expect(DELEGATION_STATUSES).toHaveLength(6);
    expect(await all(chain.raw.delegations({ status: "ANY" }))).toHaveLength(1);
    const error = await failure(all(chain.raw.delegations({ status: "PENDING" })), "unexpected-answer");
    expect(error.details).toMatchObject({ field: "btc_delegations.status_desc" });
    await failure(all(chain.raw.delegations({ status: "none" as never })), "invalid-argument");
  });

  it("to a provider are read delegator by delegator, without those of other providers", async () => {
    const { chain } = await chainOf({
      [`${STAKING}finality_providers/`]: {
        btc_delegator_delegations: [{ dels: [recorded.btc_delegation] }, { dels: [] }],
        pagination: { next_key: null },
      },
    });
    const own = hex.decode(recorded.btc_delegation.fp_btc_pk_list[0]!);
    expect(await all(chain.raw.delegations({ provider: own }))).toHaveLength(1);
    await failure(all(chain.raw.delegations({ provider: key })), "unexpected-answer");
  });
});

describe("pages", () => {
  const blockOf = (height: number) => ({ height: `${height}`, app_hash: b64(1), finalized: true });
  const paged = async (pages: (n: number) => unknown) => {
    let count = 0;
    const lcd = await serve((_body, _request, response) => response.end(JSON.stringify(pages(count++))));
    return { chain: babylonChain({ lcd, chainId: "bbn-1" }), count: () => count };
  };
  const expectEndless = (error: TapstakeError) =>
    expect(error.details).toMatchObject({ reason: "pages", path: `${FINALITY}blocks?status=2` });

  it("that link to an earlier one are refused", async () => {
    const keys = ["AA==", "AQ==", "AA=="];
    const { chain, count } = await paged((n) => ({ blocks: [], pagination: { next_key: keys[n] } }));
    expectEndless(await failure(all(chain.blocks()), "unexpected-answer"));
    expect(count()).toBe(3);
  });

  it("that do not end are refused after the greatest number of pages", async () => {
    const { chain, count } = await paged((n) => ({
      blocks: [blockOf(n)],
      pagination: { next_key: btoa(`${n}`) },
    }));
    const found: unknown[] = [];
    const read = async () => {
      for await (const each of chain.blocks("ANY", { maxPages: 7 })) found.push(each);
    };
    expectEndless(await failure(read(), "unexpected-answer"));
    expect([found.length, count()]).toEqual([7, 7]);
  });

  it("with more entries than requested are refused", async () => {
    const { chain } = await paged(() => ({ blocks: [blockOf(1), blockOf(2)] }));
    expectEndless(await failure(all(chain.blocks("ANY", { pageSize: 1 })), "unexpected-answer"));
  });

  it("have at most 100 entries", async () => {
    const { chain } = await paged(() => ({ blocks: [] }));
    const error = await failure(all(chain.blocks("ANY", { pageSize: 101 })), "invalid-number");
    expect(error.message).toContain("1 to 100");
  });
});

describe("a provider's votes", () => {
  it("power at a height is 0 where no provider has any", async () => {
    const { chain, asked } = await chainOf({
      [`${FINALITY}finality_providers/${keyText}/power/7`]: { voting_power: "18446744073709551615" },
      [`${FINALITY}finality_providers/${keyText}/power/8`]: moduleError("finality", 1113),
      [`${FINALITY}finality_providers/${keyText}/power`]: { height: "9", voting_power: "3" },
    });
    expect(await chain.powerAt(key, 7n)).toBe(2n ** 64n - 1n);
    expect(await chain.powerAt(key, 8n)).toBe(0n);
    expect(await chain.power(key)).toEqual({ height: 9n, power: 3n });
    expect(asked).toHaveLength(3);
    await failure(chain.powerAt(key, -1n), "invalid-number");
  });

  it("commitments come with their heights, the newest first", async () => {
    const commit = (n: number) => ({ num_pub_rand: `${n}`, commitment: b64(n), epoch_num: "12" });
    const { chain, asked } = await chainOf({
      [`${FINALITY}finality_providers/`]: {
        pub_rand_commit_map: { "5": commit(1), "18446744073709551615": commit(2), "4294967296": commit(3) },
        pagination: null,
      },
    });
    const heights = (await all(chain.raw.commits(key, { pageSize: 10 }))).map(
      ({ startHeight }) => startHeight,
    );
    expect(heights).toEqual([2n ** 64n - 1n, 2n ** 32n, 5n]);
    expect(asked[0]).toContain("pagination.limit=10&pagination.reverse=true");
    const forward = await all(chain.raw.commits(key, { reverse: false }));
    expect(forward.map(({ startHeight }) => startHeight)).toEqual([5n, 2n ** 32n, 2n ** 64n - 1n]);
    expect(forward[0]).toEqual({ startHeight: 5n, commit: commit(1) });
  });

  it("votes for a height are keys", async () => {
    const { chain } = await chainOf({ [`${FINALITY}votes/7`]: { btc_pks: [keyText] } });
    expect(await chain.votesAt(7n)).toEqual([key]);
  });

  it("a block has its app hash, and is the requested one", async () => {
    const { chain } = await chainOf({
      [`${FINALITY}blocks/7`]: { block: { height: "7", app_hash: b64(9), finalized: true } },
      [`${FINALITY}blocks/8`]: { block: { height: "7", app_hash: b64(9), finalized: true } },
      [`${FINALITY}blocks/9`]: moduleError("finality", 1100),
      [`${FINALITY}blocks/10`]: { block: { height: "10", app_hash: b64(9, 31), finalized: true } },
    });
    expect(await chain.block(7n)).toEqual({
      height: 7n,
      appHash: new Uint8Array(32).fill(9),
      finalized: true,
    });
    const error = await failure(chain.block(8n), "unexpected-answer");
    expect(error.details).toMatchObject({ reason: "mismatch", field: "block.height", expected: "8" });
    expect(await chain.block(9n)).toBeNull();
    await failure(chain.block(10n), "unexpected-answer");
  });

  it("evidence and signing info are of the requested provider, or null", async () => {
    const evidence = {
      fp_btc_pk_hex: keyText.toUpperCase(),
      block_height: "7",
      pub_rand: b64(1),
      canonical_app_hash: b64(2),
      fork_app_hash: b64(3),
      canonical_finality_sig: b64(4),
      fork_finality_sig: b64(5),
    };
    const info = {
      fp_btc_pk_hex: keyText,
      start_height: "5",
      missed_blocks_counter: "2",
      jailed_until: "1970-01-01T00:00:00Z",
    };
    const { chain } = await chainOf({
      [`${FINALITY}finality_providers/${keyText}/evidence`]: { evidence },
      [`${FINALITY}finality_providers/${"06".repeat(32)}`]: { evidence },
      [`${FINALITY}finality_providers/`]: moduleError("finality", 1110),
      [`${FINALITY}evidences?start_height=3&`]: { evidences: [evidence, evidence], pagination: null },
      [`${FINALITY}signing_infos/${keyText}`]: { signing_info: info },
      [`${FINALITY}signing_infos/${"06".repeat(32)}`]: { signing_info: info },
      [`${FINALITY}signing_infos/`]: new Error("SigningInfo not found"),
      [`${FINALITY}signing_infos?`]: { signing_infos: [info] },
    });
    const other = new Uint8Array(32).fill(6);
    const unknown = new Uint8Array(32).fill(7);
    expect(await chain.raw.evidence(key)).toEqual(evidence);
    await failure(chain.raw.evidence(other), "unexpected-answer");
    expect(await chain.raw.evidence(unknown)).toBeNull();
    expect(await all(chain.raw.evidences(3n))).toEqual([evidence, evidence]);
    const read = { provider: key, startHeight: 5n, missedBlocks: 2n, jailedUntil: "1970-01-01T00:00:00Z" };
    expect(await chain.signingInfo(key)).toEqual(read);
    await failure(chain.signingInfo(other), "unexpected-answer");
    expect(await chain.signingInfo(unknown)).toBeNull();
    expect(await all(chain.signingInfos())).toEqual([read]);
  });

  it("the rules of voting and the first height are read", async () => {
    const { chain } = await chainOf({
      [`${FINALITY}params`]: {
        params: {
          max_active_finality_providers: 60,
          signed_blocks_window: "10000",
          finality_sig_timeout: "3",
          min_signed_per_window: "0.200000000000000000",
          min_pub_rand: "8192",
          jail_duration: "600s",
          finality_activation_height: "27600",
        },
      },
      [`${FINALITY}activated_height`]: moduleError("finality", 1114),
    });
    expect(await chain.finalityParams()).toEqual({
      maxActiveProviders: 60,
      signedBlocksWindow: 10_000n,
      signatureTimeout: 3n,
      minSignedPerWindow: "0.200000000000000000",
      minRandomness: 8192n,
      jailDuration: "600s",
      activationHeight: 27_600n,
    });
    expect(await chain.activatedHeight()).toBeNull();
    const active = await chainOf({ [`${FINALITY}activated_height`]: { height: "1" } });
    expect(await active.chain.activatedHeight()).toBe(1n);
  });
});

describe("Bitcoin, as the chain knows it", () => {
  it("depth is null for a block that it does not know", async () => {
    const hash = "ab".repeat(32);
    const { chain } = await chainOf({
      [`babylon/btclightclient/v1/depth/${hash}`]: { depth: 3 },
      "babylon/btclightclient/v1/depth/": moduleError("btclightclient", 1100),
    });
    expect(await chain.depth(hash)).toBe(3);
    expect(await chain.depth("cd".repeat(32))).toBeNull();
  });

  it("checkpoints, their rules and the epoch are read", async () => {
    const ckpt = (epoch: string) => ({
      raw_checkpoint: {
        ckpt: {
          epoch_num: epoch,
          block_hash_hex: "AB".repeat(32),
          bitmap: b64(1, 13),
          bls_multi_sig: b64(2, 48),
        },
        status: "CKPT_STATUS_SEALED",
      },
    });
    const { chain } = await chainOf({
      "babylon/btccheckpoint/v1/params": {
        params: {
          btc_confirmation_depth: 30,
          checkpoint_finalization_timeout: 300,
          checkpoint_tag: "62626e31",
        },
      },
      "babylon/checkpointing/v1/raw_checkpoint/3": ckpt("3"),
      "babylon/checkpointing/v1/raw_checkpoint/4": ckpt("3"),
      "babylon/checkpointing/v1/raw_checkpoint/": moduleError("checkpointing", 1201),
      "babylon/epoching/v1/current_epoch": { current_epoch: "5", epoch_boundary: "1800" },
    });
    expect(await chain.checkpointParams()).toEqual({
      confirmationDepth: 30,
      finalizationTimeout: 300,
      tag: hex.decode("62626e31"),
    });
    expect(await chain.rawCheckpoint(3n)).toEqual({
      epoch: 3n,
      blockHash: new Uint8Array(32).fill(0xab),
      bitmap: new Uint8Array(13).fill(1),
      signature: new Uint8Array(48).fill(2),
      status: "CKPT_STATUS_SEALED",
    });
    await failure(chain.rawCheckpoint(4n), "unexpected-answer");
    expect(await chain.rawCheckpoint(5n)).toBeNull();
    expect(await chain.epoch()).toEqual({ epoch: 5n, boundary: 1800n });
  });
});

describe("an account", () => {
  const address = "bbn1lgtrscuja7qnz00z25mzuusmkfz9ucz0mw4c3n";
  const base = { address, account_number: "18446744073709551615", sequence: "3" };

  it.each([
    ["plain", base],
    ["of a module", { base_account: base, name: "gov" }],
    ["vesting", { base_vesting_account: { base_account: base, end_time: "1" } }],
  ])("that is %s has its number and sequence", async (_what, account) => {
    const { chain } = await chainOf({ "cosmos/auth/v1beta1/accounts/": { account } });
    expect(await chain.account(address)).toEqual({ accountNumber: 2n ** 64n - 1n, sequence: 3n });
    await failure(chain.account(`${address}x`), "unexpected-answer");
  });

  it("that was never funded is null", async () => {
    const { chain } = await chainOf({ "cosmos/auth/v1beta1/accounts/": new Error("account not found") });
    expect(await chain.account(address)).toBeNull();
  });
});

describe("a transaction of the chain", () => {
  it("is the requested one, or null", async () => {
    const tx_response = {
      txhash: "AB".repeat(32),
      height: "7",
      code: 0,
      codespace: "",
      raw_log: "",
      gas_wanted: "3",
      gas_used: "2",
      events: [{ type: "a", attributes: [{ key: "b", value: null }] }],
    };
    const { chain } = await chainOf({
      [`cosmos/tx/v1beta1/txs/${"CD".repeat(32)}`]: new Error("tx not found"),
      "cosmos/tx/v1beta1/txs/": { tx_response },
    });
    expect(await chain.transaction("AB".repeat(32))).toEqual({
      txhash: "AB".repeat(32),
      height: 7n,
      code: 0,
      codespace: "",
      log: "",
      gasWanted: 3n,
      gasUsed: 2n,
      events: [{ type: "a", attributes: [{ key: "b", value: "" }] }],
    });
    await failure(chain.transaction("EF".repeat(32)), "unexpected-answer");
    expect(await chain.transaction("cd".repeat(32))).toBeNull();
    await failure(chain.transaction("../node_info"), "invalid-hex");
  });
});

const txidIn = (found: Record<string, unknown>) =>
  parseTransaction(hex.decode(found["staking_tx_hex"] as string)).getId();

it("an altered delegation is either what the chain could write, or a typed error", async () => {
  const text = JSON.stringify(recorded);
  const txid = txidIn(recorded.btc_delegation);
  let answer = text;
  const lcd = await serve((_body, _request, response) => response.end(answer));
  const chain = babylonChain({ lcd, chainId: "bbn-1" });
  const pieces = fc.constantFrom("", "0", "-1", '"', "null", "{}", "[]", "ff", ":", ",", "1e9", "\\u0000");
  const place = fc.nat(text.length);
  await fc.assert(
    fc.asyncProperty(place, fc.nat(40), pieces, async (at, length, piece) => {
      answer = text.slice(0, at) + piece + text.slice(at + length);
      const found: unknown = await chain.raw.delegation(txid).catch((error: unknown) => error);
      if (found instanceof Error) {
        expect(found).toMatchObject({ name: "TapstakeError", code: "unexpected-answer" });
      } else {
        expect(txidIn(found as Record<string, unknown>)).toBe(txid);
      }
    }),
    { numRuns: 300 },
  );
});

it("a server that answers another thing everywhere changes nothing", async () => {
  const chain = babylonChain({ lcd: await serveText('{"ok":true}'), chainId: "bbn-1" });
  const questions: Promise<unknown>[] = [
    chain.raw.delegation(TXID),
    chain.raw.provider(key),
    chain.powerAt(key, 1n),
    chain.power(key),
    chain.block(1n),
    chain.tip(),
    chain.depth(TXID),
    chain.raw.evidence(key),
    chain.signingInfo(key),
    chain.checkpointParams(),
    chain.rawCheckpoint(1n),
    chain.epoch(),
    chain.activatedHeight(),
    chain.finalityParams(),
    chain.account("bbn1x"),
    chain.node(),
    chain.height(),
    all(chain.raw.params()),
  ];
  for (const question of questions) {
    expect((await failure(question, "unexpected-answer")).details["reason"]).toBe("form");
  }
});
