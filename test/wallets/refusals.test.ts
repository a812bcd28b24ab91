import { beforeAll, describe, expect, it } from "vitest";
import type { Prevout } from "../../src/bitcoin/transaction.js";
import type { Rate } from "../../src/core/amount.js";
import { schnorr } from "../../src/crypto/schnorr.js";
import { hex } from "../../src/core/bytes.js";
import { taggedHash } from "../../src/core/hashes.js";
import { slashingSpend } from "../../src/delegation/spends.js";
import type { Delegation } from "../../src/delegation/delegation.js";
import { STAKER_STEPS, STEP_WORDS, type StakerStep } from "../../src/delegation/step.js";
import { parsePsbt, prevoutsOf, transactionOf } from "../../src/psbt/read.js";
import { spendPsbt } from "../../src/psbt/write.js";
import { leafSighash } from "../../src/spending/spend.js";
import { walletSigner } from "../../src/wallets/provide-signer.js";
import { signOptions } from "../../src/wallets/sign-options.js";
import { signWith } from "../../src/wallets/sign-with.js";
import type { BtcProvider, SignPsbtOptions } from "../../src/wallets/types.js";
import { refusal } from "../support/refusal.js";
import { refusalOf } from "../support/stake.js";
import { stepOf, type WalletLife, walletLife } from "../support/wallet-life.js";
import { unisat } from "../support/wallet-signers.js";

let life: WalletLife;
beforeAll(async () => {
  life = await walletLife("p2tr");
});
const of = () => ({ wallet: "unisat", account: life.account }) as const;

describe("signOptions refuses", () => {
  it("an unknown step or wallet", () => {
    refusal("invalid-argument", () => signOptions("staking" as "slashing", life.delegation, of()));
    const wallet = "metamask" as "unisat";
    refusal("invalid-argument", () => signOptions("slashing", life.delegation, { ...of(), wallet }));
  });

  it("an expansion as a funding step, and a stake without expansion as an expansion step", () => {
    const { expanded, delegation, coins } = life;
    refusal("invalid-argument", () => signOptions("funding", expanded, { ...of(), coins }));
    refusal("not-an-expansion", () => signOptions("expansion", delegation, of()));
  });

  it("coins other than the transaction's", () => {
    const { delegation, expanded, coins } = life;
    const one = [coins[0]!];
    const { details } = refusal("invalid-coin", () =>
      signOptions("funding", delegation, { ...of(), coins: one }),
    );
    expect(details["input"]).toBe(1);
    refusal("invalid-coin", () => signOptions("expansion", expanded, { ...of(), coins: one }));
  });

  it("a call without options, account or coins, and a delegation as text", () => {
    const ask = (step: string, delegation: unknown, options?: unknown) =>
      refusal("invalid-argument", () =>
        signOptions(
          step as "slashing",
          delegation as WalletLife["delegation"],
          options as ReturnType<typeof of>,
        ),
      ).message;
    expect(ask("slashing", life.delegation)).toContain("give { wallet, account }");
    expect(ask("slashing", life.delegation, { wallet: "unisat" })).toContain("account must be an object");
    expect(ask("slashing", "{}", of())).toContain("delegationFromJson");
    expect(ask("funding", life.delegation, of())).toContain("give coins: staking.coins");
  });

  it("coins whose values cannot be true: less than is paid out, or a fee rate above the limit", () => {
    const { delegation, coins } = life;
    const ask = (value: bigint, limits: { maxFeeRate?: Rate } = {}) => {
      const { previousTransaction: _, ...first } = coins[0]!;
      return signOptions("funding", delegation, {
        ...of(),
        ...limits,
        coins: [{ ...first, value }, ...coins.slice(1)],
      });
    };
    expect(ask(700_000n).step).toBe("funding");
    expect(refusal("invalid-coin", () => ask(100n)).message).toContain("coins: staking.coins");
    refusal("fee-rate-too-high", () => ask(900_000_000n));
    const one = { numerator: 1n, denominator: 1n };
    refusal("fee-rate-too-high", () => ask(700_000n, { maxFeeRate: one }));
  });

  it("a withdrawal from another output, or of another stake", async () => {
    const { delegation, withdrawals } = life;
    const other = await walletLife("p2wpkh");
    refusal("psbt-mismatch", () =>
      signOptions("withdrawStaking", delegation, { ...of(), withdrawal: withdrawals.unbonding }),
    );
    refusal("psbt-mismatch", () =>
      signOptions("withdrawStaking", delegation, { ...of(), withdrawal: other.withdrawals.staking }),
    );
    const nothing = of() as ReturnType<typeof of> & { withdrawal: WalletLife["withdrawals"]["staking"] };
    refusal("invalid-argument", () => signOptions("withdrawStaking", delegation, nothing));
  });

  it("a delegation that breaks a rule, at every step, before it returns anything", () => {
    const { delegation, coins, withdrawals } = life;
    const longer = { ...delegation, unbondingTime: delegation.unbondingTime + 1 };
    const steps: readonly StakerStep[] = ["funding", "slashing", "unbondingSlashing", "unbonding"];
    for (const step of steps) {
      refusal("unbonding-time-mismatch", () => signOptions(step as "funding", longer, { ...of(), coins }));
    }
    const withdrawal = withdrawals.staking;
    refusal("unbonding-time-mismatch", () => signOptions("withdrawStaking", longer, { ...of(), withdrawal }));
  });
});

describe("accept refuses", () => {
  it("a signature by the wallet's tweaked key, and says how to ask", async () => {
    const { delegation, secretKey, account } = life;
    const key = account.publicKey.slice(1);
    const spend = slashingSpend(delegation, "staking");
    const tweaked = walletSigner(secretKey).tweak!(taggedHash("TapTweak", key));
    const signature = await tweaked.signSchnorr(leafSighash(spend));
    const request = signOptions("slashing", delegation, of());
    const { message } = refusal("missing-signature", () =>
      request.accept(spendPsbt(spend, [{ publicKey: key, signature }])),
    );
    expect(message).toContain("useTweakedSigner false");
  });

  const stepsOf = (delegation: Delegation) =>
    STAKER_STEPS.filter(
      (step) => (step === "expansion") === (delegation === life.expanded) || isPresigned(step),
    );
  const isPresigned = (step: StakerStep) =>
    !step.startsWith("withdraw") && step !== "funding" && step !== "expansion";
  const requestOf = (step: StakerStep, delegation: Delegation) =>
    signOptions(step as "slashing", delegation, { ...of(), ...stepOf(life, step).input });

  it("another step's answer, and says which step it is of", () => {
    for (const delegation of [life.delegation, life.expanded]) {
      const steps = stepsOf(delegation);
      const requests = steps.map((step) => requestOf(step, delegation));
      const answers = requests.map(({ psbtHex, native }) => unisat(life, psbtHex, native));
      for (const [i, { step, accept }] of requests.entries()) {
        for (const [j, answer] of answers.entries()) {
          if (i === j) continue;
          const { details, message } = refusal("psbt-mismatch", () => accept(answer));
          expect(details).toMatchObject({ step: steps[j] });
          expect(message).toBe(
            `this is the ${STEP_WORDS[steps[j]!]} of the same stake, and the ${STEP_WORDS[step]} is needed; give the wallet's answer to that step`,
          );
        }
      }
    }
  });

  it("the answer of another stake without naming a step", async () => {
    const other = await walletLife("p2wpkh");
    const spend = slashingSpend(other.delegation, "staking");
    const { details } = refusal("psbt-mismatch", () =>
      requestOf("slashing", life.delegation).accept(spendPsbt(spend)),
    );
    expect(details).not.toHaveProperty("step");
  });

  it.each(["funding", "expansion"] as const)(
    "the %s signed by the untweaked key of a Taproot coin, and says how to ask",
    (step) => {
      const { delegation } = stepOf(life, step);
      const { psbtHex, accept } = requestOf(step, delegation);
      const psbt = parsePsbt(psbtHex);
      const transaction = transactionOf(psbt);
      const prevouts = prevoutsOf(psbt) as readonly Prevout[];
      const index = step === "expansion" ? 1 : 0;
      const digest = transaction.hashForWitnessV1(
        index,
        prevouts.map(({ script }) => script),
        prevouts.map(({ value }) => value),
        0,
      );
      const signed = parsePsbt(unisat(life, psbtHex, { ...nativeOf(step), autoFinalized: false }));
      signed.data.inputs[index]!.tapKeySig = schnorr.sign(life.secretKey, digest);
      const { details, message } = refusal("invalid-signature", () => accept(signed));
      expect(details).toMatchObject({ input: index, untweaked: true });
      expect(message).toContain("useTweakedSigner true");
      // A wallet that names a false internal key is not explained away.
      signed.data.inputs[index]!.tapKeySig = schnorr.sign(life.stake.providerSecrets[0]!, digest);
      const other = refusal("invalid-signature", () => accept(signed));
      expect(other.details).not.toHaveProperty("untweaked");
    },
  );
  const nativeOf = (step: "funding" | "expansion") => requestOf(step, stepOf(life, step).delegation).native;

  it("a slashing signature of 65 bytes, which the staking chain refuses, and accepts one of an unbonding", () => {
    const { delegation, secretKey, account } = life;
    const long = (spend: ReturnType<typeof slashingSpend>) => {
      const signature = Uint8Array.of(...schnorr.sign(secretKey, leafSighash(spend, 1)), 1);
      return spendPsbt(spend, [{ publicKey: account.publicKey.slice(1), signature }]);
    };
    const request = signOptions("slashing", delegation, of());
    refusal("unsupported-sighash", () => request.accept(long(slashingSpend(delegation, "staking"))));
    const withdrawal = life.withdrawals.staking;
    const withdraw = signOptions("withdrawStaking", delegation, { ...of(), withdrawal });
    expect(withdraw.accept(long(withdrawal))[0]!.signature).toHaveLength(65);
  });

  it("an expansion whose funding coin the wallet left unsigned", () => {
    const request = signOptions("expansion", life.expanded, of());
    const half = unisat(life, request.psbtHex, { toSignInputs: [{ index: 0, useTweakedSigner: false }] });
    const { details } = refusal("missing-signature", () => request.accept(half));
    expect(details["input"]).toBe(1);
  });
});

describe("signWith", () => {
  const wallet = (change: Partial<BtcProvider> = {}): BtcProvider => ({
    signPsbt: (psbt) => Promise.resolve(unisat(life, psbt)),
    signMessage: () => Promise.reject(new Error("not asked for")),
    ...change,
  });

  it("sends one request for both slashings where the wallet signs several", async () => {
    const asked: (readonly string[])[] = [];
    const signPsbts = (psbts: string[], options: SignPsbtOptions[] = []) => {
      asked.push(options.map(({ action }) => action!.name));
      return Promise.resolve(psbts.map((psbt) => unisat(life, psbt)));
    };
    const signPsbt = () => Promise.reject(new Error("not asked for"));
    const signed = await signWith(wallet({ signPsbt, signPsbts }), life.delegation, life);
    expect(asked).toEqual([["sign-btc-slashing-transaction", "sign-btc-unbonding-slashing-transaction"]]);
    expect(signed.slashing.stakerSignatures).toHaveLength(1);
  });

  it("passes on the wallet's message when the user declines, or the wallet fails", async () => {
    const signPsbt = () => Promise.reject(new Error("User rejected the request"));
    const { code, message } = await refusalOf(() => signWith(wallet({ signPsbt }), life.delegation, life));
    expect([code, message]).toEqual(["signer-failed", "the wallet did not sign: User rejected the request"]);
  });

  it.each([
    // As EIP-1193 has it; extensions hand errors into the page without their class.
    [{ code: 4001, message: "User rejected the request." }, "User rejected the request."],
    ["locked", "locked"],
    [{ code: 4001 }, "object"],
    [undefined, "undefined"],
  ])("passes on what a wallet throws that is not an Error: %o", async (thrown, said) => {
    const signPsbt = () => Promise.reject(thrown as unknown as Error);
    const error = await refusalOf(() => signWith(wallet({ signPsbt }), life.delegation, life));
    expect([error.message, error.cause]).toEqual([`the wallet did not sign: ${said}`, thrown]);
  });

  it("refuses fewer answers than it asked for", async () => {
    const signPsbts = () => Promise.resolve(["00"]);
    const { code, message } = await refusalOf(() => signWith(wallet({ signPsbts }), life.delegation, life));
    expect([code, message]).toEqual(["signer-failed", expect.stringContaining("asked for 2 PSBTs")]);
  });

  it("refuses an unsigned answer, and an answer that is not a PSBT", async () => {
    const signPsbt = (psbt: string) => Promise.resolve(psbt);
    const unsigned = await refusalOf(() => signWith(wallet({ signPsbt }), life.delegation, life));
    expect(unsigned.code).toBe("missing-signature");
    const nonsense = wallet({ signPsbt: () => Promise.resolve("none") });
    expect((await refusalOf(() => signWith(nonsense, life.delegation, life))).code).toBe("invalid-psbt");
    const nothing = wallet({ signPsbt: () => Promise.resolve(undefined as unknown as string) });
    expect((await refusalOf(() => signWith(nothing, life.delegation, life))).code).toBe("invalid-psbt");
  });

  it("refuses a step that the delegation does not have", async () => {
    const by = { ...life, steps: ["expansion"] } as const;
    expect((await refusalOf(() => signWith(wallet(), life.delegation, by))).code).toBe("invalid-argument");
  });

  it("gives Keystone the origins of its keys", async () => {
    const seen: string[] = [];
    const signPsbt = (psbt: string) => {
      seen.push(psbt);
      return Promise.resolve(unisat(life, psbt));
    };
    await signWith(wallet({ signPsbt }), life.delegation, { account: life.account, wallet: "keystone" });
    const fingerprint = hex.encode(life.account.origin!.fingerprint);
    for (const psbt of seen) expect(psbt).toContain(fingerprint);
  });
});
