import { base64, bech32 } from "@scure/base";
import * as fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { bip322 } from "../../src/babylon/bip322.js";
import { inclusionProofFromMerkle } from "../../src/babylon/inclusion.js";
import { decodeMessage, encodeMessage, TYPE_URLS } from "../../src/babylon/messages.js";
import {
  createDelegationMessage,
  expandMessage,
  readCreateDelegation,
  readExpand,
} from "../../src/babylon/stake.js";
import { addressOfScript } from "../../src/bitcoin/address.js";
import { Transaction } from "../../src/bitcoin/transaction-class.js";
import { parseTransaction } from "../../src/bitcoin/transaction.js";
import { compactSize, concatBytes, hex } from "../../src/core/bytes.js";
import { curve } from "../../src/core/curve/index.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { schnorr } from "../../src/crypto/schnorr.js";
import { createDelegation } from "../../src/delegation/delegation.js";
import { parsePsbt } from "../../src/psbt/read.js";
import { tapleafHash } from "../../src/script/taproot.js";
import { asBitcoinJs } from "../support/bitcoinjs.js";
import { loadPublished } from "../support/babylon.js";
import { peer, peerNetworks } from "../support/peer.js";
import { runs } from "../support/runs.js";
import { makeStake, regtestParams, secretOf } from "../support/stake.js";

/** Signet: the peer takes regtest addresses for none that BIP-322 signs with. */
const network = peerNetworks.signet;
const stakerAddress = bech32.encodeFromBytes("bbn", secretOf("account").slice(0, 20));

let published: Awaited<ReturnType<typeof loadPublished>>;
beforeAll(async () => {
  published = await loadPublished();
});

interface Case {
  readonly seed: string;
  readonly providers: number;
  readonly value: bigint;
  readonly timelock: number;
  readonly output: "p2wpkh" | "p2tr";
  readonly inclusion: { readonly position: number; readonly merkle: readonly Uint8Array[] } | undefined;
}

const anyCase = {
  seed: fc.string({ maxLength: 8 }),
  providers: fc.integer({ min: 1, max: 3 }),
  value: fc.bigInt(50_000n, 10_000_000_000n),
  timelock: fc.integer({ min: 10, max: 65_535 }),
  output: fc.constantFrom("p2wpkh" as const, "p2tr" as const),
  inclusion: fc.option(
    fc.record({
      // At 0 is the coinbase, which cannot stake.
      position: fc.integer({ min: 1, max: 15 }),
      merkle: fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { minLength: 4, maxLength: 6 }),
    }),
    { nil: undefined },
  ),
};
const cases: fc.Arbitrary<Case> = fc.record(anyCase);

const ratio = ({ numerator, denominator }: { numerator: bigint; denominator: bigint }) =>
  Number(numerator) / Number(denominator);

/** The peer with a wallet that signs what it is given by the staker's key, and who it registers. */
function peerFor({ seed, providers, value, timelock, output }: Omit<Case, "inclusion">) {
  const stake = makeStake({
    seed,
    providers,
    value,
    timelock,
    params: { ...regtestParams, network: "signet" },
  });
  const { params, terms } = stake;
  const secret = stake.stakerSecrets[0]!;
  const script = bip322.script(curve.pointFromScalar(secret)!, output);
  const staker = {
    address: addressOfScript(script, "signet")!,
    publicKeyNoCoordHex: hex.encode(publicKeyOf(secret)),
  };
  /** The staker's coins come from here. */
  const funding = new Transaction();
  funding.version = 2;
  funding.addInput(secretOf(`coins of ${seed}`), 0);
  funding.addOutput(script, 1_000n);
  funding.addOutput(script, value + 100_000n);
  const sent: { typeUrl: string; value: object }[] = [];
  const manager = new peer.BabylonBtcStakingManager(
    network,
    [
      {
        version: params.version,
        btcActivationHeight: 1,
        covenantNoCoordPks: params.covenant.keys.map((key) => hex.encode(key)),
        covenantQuorum: params.covenant.quorum,
        unbondingTime: params.unbondingTime,
        unbondingFeeSat: Number(params.unbondingFee),
        minStakingAmountSat: Number(params.minValue),
        maxStakingAmountSat: Number(params.maxValue),
        minStakingTimeBlocks: params.minTime,
        maxStakingTimeBlocks: params.maxTime,
        slashing: {
          slashingPkScriptHex: hex.encode(params.slashing!.script),
          slashingRate: ratio(params.slashing!.rate),
          minSlashingTxFeeSat: Number(params.slashing!.minFee),
        },
      },
    ],
    {
      signPsbt: (psbt) => Promise.resolve(signed(psbt, secret)),
      signMessage: (text) => Promise.resolve(base64.encode(bip322.sign(secret, output, text))),
      getTransactionHex: () => Promise.resolve(funding.toHex()),
    },
    {
      signTransaction: (message) => {
        sent.push(message);
        return Promise.resolve(new Uint8Array());
      },
    },
  );
  const input = {
    finalityProviderPksNoCoordHex: terms.finalityProviders.map((key) => hex.encode(key)),
    stakingAmountSat: Number(value),
    stakingTimelock: timelock,
  };
  const coin = {
    txid: funding.getId(),
    vout: 1,
    value: Number(value) + 100_000,
    scriptPubKey: hex.encode(script),
  };
  return { stake, manager, staker, input, coin, funding, sent };
}

/** The peer's whole registration. */
async function registeredByPeer({ inclusion, ...each }: Case) {
  const { stake, manager, staker, input, coin, sent } = peerFor(each);
  const { stakingTx } = await manager.preStakeRegistrationBabylonTransaction(
    staker,
    input,
    100,
    [coin],
    2,
    stakerAddress,
  );
  const blockHash = "cd".repeat(32);
  const merkle = inclusion?.merkle.map((hash) => hex.encode(hash)) ?? [];
  if (inclusion) {
    const proof = { pos: inclusion.position, merkle, blockHashHex: blockHash };
    await manager.postStakeRegistrationBabylonTransaction(
      staker,
      stakingTx,
      100,
      input,
      proof,
      stakerAddress,
    );
  }
  const expected = inclusion && inclusionProofFromMerkle(blockHash, merkle, inclusion.position);
  return { sent: sent.at(-1)!, stakingTx: stakingTx.toHex(), ...stake, expected };
}

/** The peer's registration of a stake, and of another one that it expands to. */
async function expandedByPeer(each: Omit<Case, "inclusion">, timelock: number) {
  const { stake, manager, staker, input, coin, funding, sent } = peerFor(each);
  const { stakingTx } = await manager.preStakeRegistrationBabylonTransaction(
    staker,
    input,
    100,
    [coin],
    2,
    stakerAddress,
  );
  const previousInfo = { stakingTx, paramVersion: stake.params.version, stakingInput: input };
  const longer = { ...input, stakingTimelock: timelock };
  await manager.stakingExpansionRegistrationBabylonTransaction(
    staker,
    longer,
    100,
    [coin],
    3,
    stakerAddress,
    previousInfo,
  );
  const transaction = parseTransaction(hex.decode(stakingTx.toHex()));
  const previous = { terms: stake.terms, params: stake.params, staking: { transaction, outputIndex: 0 } };
  return { sent: sent.at(-1)!, stake, previous, funding };
}

/** Signed as wallets do: the leaf in the PSBT, finalised. */
function signed(psbtHex: string, secret: Uint8Array): string {
  const psbt = parsePsbt(hex.decode(psbtHex));
  const { tapLeafScript, witnessUtxo } = psbt.data.inputs[0]!;
  const { script, controlBlock } = tapLeafScript![0]!;
  const transaction = Transaction.fromBuffer(psbt.data.globalMap.unsignedTx.toBuffer());
  const { script: spent, value } = witnessUtxo!;
  const digest = asBitcoinJs(transaction).hashForWitnessV1(0, [spent], [value], 0, tapleafHash(script));
  const stack = [schnorr.sign(secret, digest), script, controlBlock];
  const sized = stack.flatMap((element) => [compactSize(element.length), element]);
  psbt.updateInput(0, { finalScriptWitness: concatBytes(Uint8Array.of(stack.length), ...sized) });
  return psbt.toHex();
}

describe("a registration by btc-staking-ts", () => {
  it("is read with every rule checked, and written again byte for byte, in random cases", async () => {
    await fc.assert(
      fc.asyncProperty(cases, async (each) => {
        const { sent, stakingTx, params, terms, expected } = await registeredByPeer(each);
        expect(sent.typeUrl).toBe(TYPE_URLS.MsgCreateBTCDelegation);
        const theirs = published.MsgCreateBTCDelegation.encode(sent.value).finish();
        const read = decodeMessage({ typeUrl: sent.typeUrl, value: theirs });
        if (read.name !== "MsgCreateBTCDelegation") throw new Error(read.name);

        const registration = readCreateDelegation(read.message, params);
        const { transaction } = registration.delegation.staking;
        const ours = createDelegation(terms, params, { transaction, txidFinal: true });
        expect(ours.staking.transaction.toHex()).toBe(stakingTx);
        for (const part of ["unbonding", "slashing", "unbondingSlashing"] as const) {
          expect(ours[part].transaction.toHex()).toBe(registration.delegation[part].transaction.toHex());
        }
        expect(registration.inclusion).toEqual(expected);
        const again = encodeMessage("MsgCreateBTCDelegation", createDelegationMessage(registration));
        expect(hex.encode(again.value)).toBe(hex.encode(theirs));
      }),
      { numRuns: runs(60) },
    );
  });

  it("of an expansion is read with the expanded stake, and written again byte for byte, in random cases", async () => {
    const { inclusion: _, ...plain } = anyCase;
    const times = fc.integer({ min: 10, max: 65_535 });
    await fc.assert(
      fc.asyncProperty(fc.record(plain), times, async (each, timelock) => {
        const { sent, stake, previous, funding } = await expandedByPeer(each, timelock);
        expect(sent.typeUrl).toBe(TYPE_URLS.MsgBtcStakeExpand);
        const theirs = published.MsgBtcStakeExpand.encode(sent.value).finish();
        const read = decodeMessage({ typeUrl: sent.typeUrl, value: theirs });
        if (read.name !== "MsgBtcStakeExpand") throw new Error(read.name);

        const registration = readExpand(read.message, stake.params, previous);
        const { terms, staking, expansion } = registration.delegation;
        expect(terms).toEqual({ ...stake.terms, timelock });
        expect(expansion!.funding).toMatchObject(funding.outs[1]!);
        const coin = { ...expansion!.funding, previousTransaction: funding };
        const ours = createDelegation(terms, stake.params, staking.transaction, { previous, coin });
        for (const part of ["unbonding", "slashing", "unbondingSlashing"] as const) {
          expect(ours[part].transaction.toHex()).toBe(registration.delegation[part].transaction.toHex());
        }
        const again = encodeMessage("MsgBtcStakeExpand", expandMessage(registration));
        expect(hex.encode(again.value)).toBe(hex.encode(theirs));
      }),
      { numRuns: runs(60) },
    );
  });
});
