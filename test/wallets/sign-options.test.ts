import { base64 } from "@scure/base";
import { beforeAll, describe, expect, it } from "vitest";
import { Transaction } from "../../src/bitcoin/transaction-class.js";
import type { Prevout } from "../../src/bitcoin/transaction.js";
import { hex } from "../../src/core/bytes.js";
import type { Delegation } from "../../src/delegation/delegation.js";
import { addStakerPsbts, stakerPsbts } from "../../src/delegation/psbt.js";
import { STAKER_STEPS, type StakerStep } from "../../src/delegation/step.js";
import { finishExpansion, finishUnbonding } from "../../src/delegation/sign.js";
import { parsePsbt, prevoutsOf } from "../../src/psbt/read.js";
import { finishSpend, type LeafSignature } from "../../src/spending/spend.js";
import { provideSigner, walletSigner } from "../../src/wallets/provide-signer.js";
import { signOptions } from "../../src/wallets/sign-options.js";
import { type SigningRequest, WALLET_KINDS, type WalletKind } from "../../src/wallets/types.js";
import { verdict } from "../support/interpreter.js";
import { some } from "../support/runs.js";
import { readCopy } from "../support/vectors.js";
import { OUTPUTS, root, slashed, stepOf, type WalletLife, walletLife } from "../support/wallet-life.js";
import { ECPair, keystone, scure, toBase64, toHex, unisat } from "../support/wallet-signers.js";

const lives = new Map<string, WalletLife>();
beforeAll(async () => {
  for (const output of OUTPUTS) lives.set(output, await walletLife(output));
});

function ask<W extends WalletKind>(output: string, step: StakerStep, wallet: W) {
  const life = lives.get(output)!;
  const { delegation, input } = stepOf(life, step);
  const of = { wallet, account: life.account, ...input };
  // The table's rows know what each step takes; the compiler does not know the row.
  const request = signOptions(step as "slashing", delegation, of) as SigningRequest<StakerStep, W>;
  return { life, delegation, request };
}

const WITH_ORIGINS: ReadonlySet<WalletKind> = new Set(["keystone", "core", "generic"]);
const rows = OUTPUTS.flatMap((output) =>
  STAKER_STEPS.flatMap((step) => WALLET_KINDS.map((wallet) => [output, step, wallet] as const)),
);

/** Only what every wallet bears; origins for those that find their keys by them. */
function assertCut(
  request: SigningRequest,
  { account }: WalletLife,
  output: string,
  wallet: WalletKind,
): void {
  expect(base64.encode(hex.decode(request.psbtHex))).toBe(request.psbtBase64);
  const { inputs, outputs } = parsePsbt(request.psbtHex).data;
  const bearsOrigins = WITH_ORIGINS.has(wallet);
  for (const [i, input] of inputs.entries()) {
    const isLeaf = request.step !== "funding" && i === 0;
    expect(input.witnessUtxo).toBeDefined();
    expect(input.tapMerkleRoot).toBeUndefined();
    expect(input.tapScriptSig).toBeUndefined();
    expect(input.sighashType).toBeUndefined();
    expect(input.tapLeafScript?.length ?? 0).toBe(isLeaf ? 1 : 0);
    const isTaproot = isLeaf || output === "p2tr";
    expect(input.tapInternalKey !== undefined).toBe(isTaproot);
    expect((input.tapBip32Derivation?.length ?? 0) > 0).toBe(isTaproot && bearsOrigins);
    expect((input.bip32Derivation?.length ?? 0) > 0).toBe(!isTaproot && bearsOrigins);
    if (isLeaf) continue;
    expect(input.tapBip32Derivation?.[0]!.leafHashes ?? []).toEqual([]);
    if (output === "p2tr") expect(input.tapInternalKey).toEqual(account.publicKey.slice(1));
  }
  if (!bearsOrigins) for (const each of outputs) expect(each).toEqual({});
}

/** Which inputs the account is asked for: of a leaf by its own key, of a P2TR coin by the tweaked one. */
function askedInputs(output: string, step: StakerStep): { index: number; tweaked: boolean; leaf: boolean }[] {
  const coin = (index: number) => ({ index, tweaked: output === "p2tr", leaf: false });
  if (step === "funding") return [coin(0), coin(1)];
  const leaf = { index: 0, tweaked: false, leaf: true };
  return step === "expansion" ? [leaf, coin(1)] : [leaf];
}

describe("signOptions: each step for each wallet", () => {
  const expected = (output: string, step: StakerStep, wallet: WalletKind) => {
    const { life, request } = ask(output, step, wallet);
    const { address } = life.account;
    const publicKey = hex.encode(life.account.publicKey);
    const inputs = askedInputs(output, step);
    const indexes = inputs.map(({ index }) => index);
    const named = inputs.map(({ index, tweaked }) => ({
      index,
      publicKey,
      useTweakedSigner: tweaked,
      disableTweakSigner: !tweaked,
      useTweakSigner: tweaked,
    }));
    const signInputs = named.map(({ useTweakSigner, ...each }) => ({
      ...each,
      disableTweakSigner: !useTweakSigner,
    }));
    const psbt = request.psbtBase64;
    const finalised = { autoFinalized: true };
    const table: Record<WalletKind, unknown> = {
      babylon: request.babylon,
      utila: request.babylon,
      unisat: {
        autoFinalized: false,
        toSignInputs: named.map(({ index, useTweakedSigner }) => ({ index, publicKey, useTweakedSigner })),
      },
      okx: { autoFinalized: false, toSignInputs: named },
      onekey: { autoFinalized: false, toSignInputs: named, isBtcWalletProvider: true },
      tomo: finalised,
      bitget: finalised,
      cactus: finalised,
      imtoken: finalised,
      binance: finalised,
      xverse: { psbt, signInputs: { [address]: indexes }, broadcast: false },
      leather: { hex: request.psbtHex, signAtIndex: indexes, broadcast: false },
      appkit: {
        psbt,
        signInputs: signInputs.map((each, i) => ({
          ...each,
          address,
          sighashTypes: [inputs[i]!.leaf || output === "p2tr" ? 0 : 1],
        })),
        broadcast: false,
      },
      keystone: undefined,
      "ledger-babylon": { contracts: request.babylon.contracts, action: request.babylon.action },
      core: undefined,
      generic: undefined,
    };
    return { life, request, native: table[wallet], signInputs };
  };

  it.each(rows)(
    "a %s account, %s for %s: has the wallet's PSBT and the wallet's options",
    (output, step, wallet) => {
      const { life, request, native, signInputs } = expected(output, step, wallet);
      assertCut(request, life, output, wallet);
      expect(request.native).toEqual(native);
      expect(request.babylon).toMatchObject({ autoFinalized: false, signInputs });
      expect(request.babylon.action!.name).toMatch(/^sign-btc-[a-z-]+-transaction$/);
      expect(request.babylon.contracts!.length).toBeGreaterThan(0);
    },
  );
});

/** Who answers as which wallet: by which published signer, and in which forms. */
type Answer = (life: WalletLife, request: SigningRequest) => string | Promise<string>;
const indexesOf = ({ babylon }: SigningRequest) => babylon.signInputs!.map(({ index }) => index);
const finalised = (life: WalletLife, request: SigningRequest) => {
  const signed = scure(hex.decode(request.psbtHex), indexesOf(request), life);
  for (const index of indexesOf(request)) signed.finalizeIdx(index);
  return signed;
};

interface Recorded {
  readonly output: string;
  readonly step: StakerStep;
  readonly asked: string;
  readonly default: string;
}
const okx = (JSON.parse(readCopy("wallets/okx-steps.json")) as { readonly input: readonly Recorded[] }).input;
const recorded =
  (which: "asked" | "default"): Answer =>
  ({ account }, { step }) => {
    const output = account.address.startsWith("bcrt1p") ? "p2tr" : "p2wpkh";
    return okx.find((each) => each.output === output && each.step === step)![which];
  };

const ANSWERS: readonly [name: string, wallet: WalletKind, Answer][] = [
  [
    "UniSat's rule, as asked",
    "unisat",
    (life, { psbtHex, native }) => unisat(life, psbtHex, native as Parameters<typeof unisat>[2]),
  ],
  ["UniSat's rule, at its defaults", "unisat", (life, { psbtHex }) => unisat(life, psbtHex)],
  [
    "@scure/btc-signer, as Xverse answers",
    "xverse",
    (life, { native }) => {
      const { psbt, signInputs } = native as { psbt: string; signInputs: Record<string, number[]> };
      return toBase64(scure(base64.decode(psbt), signInputs[life.account.address]!, life));
    },
  ],
  [
    "@scure/btc-signer, as Leather answers",
    "leather",
    (life, { native }) => {
      const { hex: psbt, signAtIndex } = native as { hex: string; signAtIndex: number[] };
      return toHex(scure(hex.decode(psbt), signAtIndex, life));
    },
  ],
  ["OKX's published signer, as asked", "okx", recorded("asked")],
  ["OKX's published signer, at its defaults", "okx", recorded("default")],
  [
    "@scure/btc-signer, finalised as Tomo's adapter does",
    "tomo",
    (life, request) => toHex(finalised(life, request)),
  ],
  ["rust-bitcoin, as Keystone answers", "keystone", (_, { psbtBase64 }) => keystone(psbtBase64)],
  [
    "ecpair behind Babylon's interface",
    "babylon",
    (life, { psbtHex, babylon }) =>
      provideSigner(ECPair.fromPrivateKey(life.secretKey), life.account).signPsbt(psbtHex, babylon),
  ],
  [
    "bip32 behind Babylon's interface",
    "utila",
    (life, { psbtHex }) => provideSigner(life.node, life.account).signPsbt(psbtHex),
  ],
  [
    "a key of tapstake behind Babylon's interface",
    "ledger-babylon",
    (life, { psbtHex, babylon }) =>
      provideSigner(walletSigner(life.secretKey), life.account).signPsbt(psbtHex, babylon),
  ],
];

const signed = OUTPUTS.flatMap((output) =>
  STAKER_STEPS.flatMap((step) =>
    ANSWERS.map(([name, wallet, answer]) => [output, step, name, wallet, answer] as const),
  ),
);

describe("signOptions: accepts the answer of", () => {
  it.each(some(signed, 40))(
    "a %s account, %s by %s, which spends by Bitcoin's rules",
    async (output, step, _, wallet, answer) => {
      const { life, delegation, request } = ask(output, step, wallet);
      const returned = await answer(life, request);
      const accepted = request.accept(returned);
      const transaction = finished(life, step, delegation, accepted, returned);
      const prevouts = prevoutsOf(parsePsbt(request.psbtHex)) as readonly Prevout[];
      expect(transaction.ins.map((_each, i) => verdict(transaction, i, prevouts))).toEqual(
        prevouts.map(() => "ok"),
      );
    },
  );
});

function finished(
  life: WalletLife,
  step: StakerStep,
  delegation: Delegation,
  accepted: Transaction | readonly LeafSignature[],
  returned: string,
): Transaction {
  if (accepted instanceof Transaction) return accepted;
  const own = life.account.publicKey.slice(1);
  expect(accepted.map(({ publicKey }) => publicKey)).toEqual([own]);
  const joined = () => addStakerPsbts(delegation, [returned], [own], [step as "slashing"]);
  const spend = (from: keyof WalletLife["withdrawals"]) => finishSpend(life.withdrawals[from], accepted);
  switch (step) {
    case "slashing":
      return slashed(life, joined(), "staking");
    case "unbondingSlashing":
      return slashed(life, joined(), "unbonding");
    case "unbonding":
      return finishUnbonding(joined());
    case "expansion":
      return finishExpansion(delegation, returned);
    case "withdrawStaking":
      return spend("staking");
    case "withdrawUnbonding":
      return spend("unbonding");
    case "withdrawRefund":
      return spend("refund");
    case "funding":
      throw new Error("the funding's answer is a transaction");
  }
}

describe("signOptions: for Bitcoin Core", () => {
  // bitcoind signs these in examples/wallet.ts.
  it.each(["slashing", "unbondingSlashing", "unbonding"] as const)(
    "%s is the PSBT of stakerPsbts with the key's origin",
    (step) => {
      const { life, delegation, request } = ask("p2tr", step, "core");
      const { publicKey, origin } = life.account;
      expect(request.psbtHex).toBe(stakerPsbts(delegation, [{ ...origin!, publicKey }])[step].toHex());
    },
  );
});

describe("the wallet of the table", () => {
  it("has keys with an odd y in both accounts", () => {
    for (const { account } of lives.values()) expect(account.publicKey[0]).toBe(3);
    expect(hex.encode(root.fingerprint)).toBe("73c5da0a");
  });
});
