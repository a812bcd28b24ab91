import type * as Peer from "@babylonlabs-io/btc-staking-ts";
import { bech32 } from "@scure/base";
import { beforeAll, describe, expect, it } from "vitest";
import { bip322, type SigningOutput } from "../../src/babylon/bip322.js";
import { decodeMessage } from "../../src/babylon/messages.js";
import { verifyProofOfPossession } from "../../src/babylon/pop.js";
import { readCreateDelegation } from "../../src/babylon/stake.js";
import { addressOfScript } from "../../src/bitcoin/address.js";
import { Transaction } from "../../src/bitcoin/transaction-class.js";
import { outpointOf, parseTransaction, type Prevout } from "../../src/bitcoin/transaction.js";
import { hex } from "../../src/core/bytes.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { createDelegation, stakeCoin, unbondedCoin } from "../../src/delegation/delegation.js";
import { outputsIn } from "../../src/delegation/delegation.js";
import { provideSigner, walletSigner } from "../../src/wallets/provide-signer.js";
import { signOptions } from "../../src/wallets/sign-options.js";
import { signWith } from "../../src/wallets/sign-with.js";
import type { BtcProvider, SignPsbtOptions, WalletAccount } from "../../src/wallets/types.js";
import { buildWithdrawal, type Withdrawable } from "../../src/stake/withdrawal.js";
import { loadPublished } from "../support/babylon.js";
import { feeRate } from "../support/lives.js";
import { executes } from "../support/interpreter.js";
import { peer, peerNetworks } from "../support/peer.js";
import { makeStake, regtestParams, secretOf } from "../support/stake.js";
import { OUTPUTS, root, walletLife } from "../support/wallet-life.js";
import { ECPair, unisat } from "../support/wallet-signers.js";

const account = bech32.encodeFromBytes("bbn", secretOf("account").slice(0, 20));
let published: Awaited<ReturnType<typeof loadPublished>>;
beforeAll(async () => {
  published = await loadPublished();
});

/** The peer's manager on a key of tapstake, a coin of the account, and every question that it puts to the wallet. */
function managerOf(output: SigningOutput) {
  const node = root.derivePath("m/86'/1'/0'/0/7");
  const secret = node.privateKey!;
  const params = { ...regtestParams, network: "signet" as const };
  const made = makeStake({ seed: `peer ${output}`, params, timelock: 1_000 });
  const terms = { ...made.terms, staker: publicKeyOf(secret) };
  const script = bip322.script(node.publicKey, output);
  const of: WalletAccount = {
    publicKey: node.publicKey,
    address: addressOfScript(script, "signet")!,
    network: "signet",
  };
  const funding = new Transaction();
  funding.version = 2;
  funding.addInput(secretOf(`coins of ${output}`), 0);
  funding.addOutput(script, 1_500_000n);
  const provider = provideSigner(walletSigner(secret), of, {
    getTransactionHex: () => Promise.resolve(funding.toHex()),
  });
  const asked: SignPsbtOptions[] = [];
  const btc: Peer.BtcProvider = {
    ...provider,
    signPsbt: (psbt, options) => {
      asked.push(options!);
      return provider.signPsbt(psbt, options);
    },
  };
  const { slashing } = params;
  const { numerator, denominator } = slashing!.rate;
  const sent: { typeUrl: string; value: object }[] = [];
  const manager = new peer.BabylonBtcStakingManager(
    peerNetworks.signet,
    [
      {
        version: params.version,
        btcActivationHeight: 1,
        covenantNoCoordPks: params.covenant.keys.map(hex.encode),
        covenantQuorum: params.covenant.quorum,
        unbondingTime: params.unbondingTime,
        unbondingFeeSat: Number(params.unbondingFee),
        minStakingAmountSat: Number(params.minValue),
        maxStakingAmountSat: Number(params.maxValue),
        minStakingTimeBlocks: params.minTime,
        maxStakingTimeBlocks: params.maxTime,
        slashing: {
          slashingPkScriptHex: hex.encode(slashing!.script),
          slashingRate: Number(numerator) / Number(denominator),
          minSlashingTxFeeSat: Number(slashing!.minFee),
        },
      },
    ],
    btc,
    {
      signTransaction: (message) => {
        sent.push(message);
        return Promise.resolve(new Uint8Array());
      },
    },
  );
  const staker = { address: of.address, publicKeyNoCoordHex: hex.encode(terms.staker) };
  const input = {
    finalityProviderPksNoCoordHex: terms.finalityProviders.map(hex.encode),
    stakingAmountSat: 1_000_000,
    stakingTimelock: terms.timelock,
  };
  const utxo = { txid: funding.getId(), vout: 0, value: 1_500_000, scriptPubKey: hex.encode(script) };
  const coin = { outpoint: outpointOf(funding, 0), value: 1_500_000n, script, previousTransaction: funding };
  return { manager, staker, input, utxo, coin, asked, sent, params, terms, of };
}

/** The peer's whole life of a stake: what it asked at each step, and what it made of the answers. */
async function lifeByPeer(output: SigningOutput) {
  const all = managerOf(output);
  const { manager, staker, input, utxo, params, terms, sent } = all;
  const { version } = params;
  const { stakingTx } = await manager.preStakeRegistrationBabylonTransaction(
    staker,
    input,
    100,
    [utxo],
    2,
    account,
  );
  const funded = await manager.createSignedBtcStakingTransaction(staker, input, stakingTx, [utxo], version);
  const partial = await manager.createPartialSignedBtcUnbondingTransaction(staker, input, version, stakingTx);
  const transaction = parseTransaction(hex.decode(stakingTx.toHex()));
  const delegation = createDelegation(terms, params, { transaction, txidFinal: true });
  const { fromHex } = stakingTx.constructor as unknown as { fromHex(text: string): typeof stakingTx };
  const theirs = (made: Transaction) => fromHex(made.toHex());
  const expired = await manager.createSignedBtcWithdrawStakingExpiredTransaction(
    staker,
    input,
    version,
    stakingTx,
    2,
  );
  const unbonded = await manager.createSignedBtcWithdrawEarlyUnbondedTransaction(
    staker,
    input,
    version,
    theirs(delegation.unbonding.transaction),
    2,
  );
  const refunded = await manager.createSignedBtcWithdrawSlashingTransaction(
    staker,
    input,
    version,
    theirs(delegation.slashing.transaction),
    2,
  );
  return {
    ...all,
    delegation,
    registered: sent.at(-1)!,
    funded,
    partial,
    withdrawn: { expired, unbonded, refunded },
  };
}

const ours = (transaction: { toHex(): string }) => parseTransaction(hex.decode(transaction.toHex()));

describe.each(OUTPUTS)("btc-staking-ts with provideSigner and a %s account", (output) => {
  let life: Awaited<ReturnType<typeof lifeByPeer>>;
  beforeAll(async () => {
    life = await lifeByPeer(output);
  });

  it("registers a stake with signatures and a proof of possession that pass every check", () => {
    const { typeUrl, value } = life.registered;
    const bytes = published.MsgCreateBTCDelegation.encode(value).finish();
    const read = decodeMessage({ typeUrl, value: bytes });
    if (read.name !== "MsgCreateBTCDelegation") throw new Error(read.name);
    const { delegation, proof } = readCreateDelegation(read.message, life.params);
    expect(delegation.slashing.stakerSignatures).toHaveLength(1);
    expect(delegation.unbondingSlashing.stakerSignatures).toHaveLength(1);
    const key = life.of.publicKey.slice(1);
    expect(verifyProofOfPossession(key, proof, { address: account, network: "signet" })).toBe(true);
  });

  it("funds the stake, unbonds and withdraws by Bitcoin's rules", () => {
    const { delegation, coin, funded, partial, withdrawn } = life;
    const outputs = outputsIn(delegation);
    expect(executes(ours(funded), 0, [coin])).toBe(true);
    const own = partial.transaction.ins[0]!.witness[0]!;
    expect(own).toHaveLength(64);
    const spent = (from: Withdrawable, value: bigint): Prevout[] => [{ script: outputs[from].script, value }];
    const refund = delegation.slashing.transaction.outs[1]!.value;
    const rows = [
      [withdrawn.expired, spent("staking", stakeCoin(delegation).value)],
      [withdrawn.unbonded, spent("unbonding", unbondedCoin(delegation).value)],
      [withdrawn.refunded, spent("refund", refund)],
    ] as const;
    for (const [{ transaction }, prevouts] of rows) {
      expect(executes(ours(transaction), 0, prevouts)).toBe(true);
    }
  });

  it("passes the contracts and the action that signOptions gives", () => {
    const { delegation, coin, of, asked, params, terms } = life;
    const ask = { wallet: "babylon", account: of } as const;
    const slashed = delegation.slashing.transaction;
    const withdrawal = (from: Withdrawable, spent: ReturnType<typeof stakeCoin>) => ({
      ...ask,
      withdrawal: buildWithdrawal({
        terms,
        params,
        from,
        coin: spent,
        destination: coin.script,
        feeRate: feeRate("2"),
      }),
    });
    const requests = [
      signOptions("slashing", delegation, ask),
      signOptions("unbondingSlashing", delegation, ask),
      signOptions("funding", delegation, { ...ask, coins: [coin] }),
      signOptions("unbonding", delegation, ask),
      signOptions("withdrawStaking", delegation, withdrawal("staking", stakeCoin(delegation))),
      signOptions("withdrawUnbonding", delegation, withdrawal("unbonding", unbondedCoin(delegation))),
      signOptions(
        "withdrawRefund",
        delegation,
        withdrawal("refund", { outpoint: outpointOf(slashed, 1), value: slashed.outs[1]!.value }),
      ),
    ];
    const described = requests.map(({ babylon: { contracts, action } }) => ({ contracts, action }));
    expect(described).toEqual(asked);
  });
});

describe.each(OUTPUTS)("signWith on a provider made for btc-staking-ts, with a %s account", (output) => {
  /** As the peer's own tests and UniSat behind Babylon's connector: hexadecimal, finalised. */
  async function made() {
    const life = await walletLife(output);
    const asked: string[] = [];
    const provider: Peer.BtcProvider = {
      signPsbt: (psbt, options) => {
        asked.push(options!.action.name);
        return Promise.resolve(unisat(life, psbt));
      },
      signMessage: () => Promise.reject(new Error("not asked for")),
      getTransactionHex: () => Promise.reject(new Error("not asked for")),
    };
    return { life, provider, asked };
  }

  it("signs both slashings", async () => {
    const { life, provider, asked } = await made();
    const { slashing, unbondingSlashing, unbonding } = await signWith(provider, life.delegation, life);
    expect(asked).toEqual(["sign-btc-slashing-transaction", "sign-btc-unbonding-slashing-transaction"]);
    const own = [life.account.publicKey.slice(1)];
    expect(slashing.stakerSignatures.map(({ publicKey }) => publicKey)).toEqual(own);
    expect(unbondingSlashing.stakerSignatures.map(({ publicKey }) => publicKey)).toEqual(own);
    expect(unbonding.stakerSignatures).toEqual([]);
  });

  it("signs the unbonding, and the previous stake's spend of an expansion, where requested", async () => {
    const { life, provider } = await made();
    const { account: of, delegation, expanded } = life;
    const unbonding = await signWith(provider, delegation, { account: of, steps: ["unbonding"] });
    expect(unbonding.unbonding.stakerSignatures).toHaveLength(1);
    const expansion = await signWith(provider, expanded, { account: of, steps: ["expansion"] });
    expect(expansion.expansion!.stakerSignatures).toHaveLength(1);
  });
});

describe("Babylon's types", () => {
  /** `IBTCProvider` of Babylon's wallet connector, as far as tapstake calls it: WALLETS 2. */
  interface ConnectorProvider {
    getAddress(): Promise<string>;
    signPsbt(psbtHex: string, options?: ConnectorOptions): Promise<string>;
    signPsbts(psbtsHexes: string[], options?: ConnectorOptions[]): Promise<string[]>;
    signMessage(message: string, type: "bip322-simple" | "ecdsa"): Promise<string>;
  }
  interface ConnectorOptions {
    autoFinalized?: boolean;
    contracts?: { id: string; params: Record<string, string | number | string[] | number[]> }[];
    action?: { name: string };
    signInputs?: { index: number; address?: string; publicKey?: string; sighashTypes?: number[] }[];
  }

  it("match tapstake's in both directions", () => {
    const key = ECPair.fromPrivateKey(secretOf("types"));
    const address = addressOfScript(bip322.script(key.publicKey, "p2tr"), "regtest")!;
    const own = provideSigner(key, { publicKey: key.publicKey, address, network: "regtest" });
    // What is checked here, the compiler checks: each assignment is a direction.
    const theirs: Peer.BtcProvider = own;
    const back: BtcProvider = theirs;
    const connector = own as Required<BtcProvider> & Pick<ConnectorProvider, "getAddress">;
    const asConnector: ConnectorProvider = connector;
    const fromConnector: BtcProvider = asConnector;
    const options: SignPsbtOptions = {} as Parameters<Peer.BtcProvider["signPsbt"]>[1] & object;
    expect([back, fromConnector, options]).toEqual([own, own, {}]);
  });
});
