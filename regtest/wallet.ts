import { HDKey } from "@scure/bip32";
import type { Rpc } from "../src/chain/index.js";
import type { TransactionInfo } from "../src/chain/types.js";
import { applyRateUp, assertSatoshi, formatBtc, SATOSHI_PER_BTC } from "../src/core/amount.js";
import { hex, utf8 } from "../src/core/bytes.js";
import { describeType, TapstakeError } from "../src/core/errors.js";
import { sha256 } from "../src/core/hashes.js";
import { prefer, safeFeeRate } from "./fees.js";
import type { Miner } from "./mining.js";

/** An output that was paid and mined. */
export interface Funding {
  readonly txid: string;
  readonly vout: number;
  /** In satoshi. */
  readonly value: bigint;
  readonly script: Uint8Array;
}

/** What to pay, and to whom. */
export interface Payment {
  /** An address, or an output script that has one. */
  readonly to: string | Uint8Array;
  readonly satoshi: bigint;
}

/** Version bytes of extended keys on every network but mainnet (BIP-32). */
const TEST_VERSIONS = { private: 0x04358394, public: 0x043587cf };

/** Makes the wallet that the harness uses; with a seed, one whose keys follow from it. */
export async function createWallet(plain: Rpc, name: string, seed: string | undefined): Promise<void> {
  if (seed === undefined) {
    await plain.createwallet(name);
    return;
  }
  await plain.call("createwallet", name, false, true);
  const rpc = plain.wallet(name);
  const root = HDKey.fromMasterSeed(sha256(utf8(`tapstake regtest wallet ${seed}`)), TEST_VERSIONS);
  const key = root.privateExtendedKey;
  const requests = await Promise.all(
    [`wpkh(${key}/84h/1h/0h/`, `tr(${key}/86h/1h/0h/`].flatMap((start) =>
      [0, 1].map(async (branch) => {
        const descriptor = `${start}${branch}/*)`;
        const { checksum } = await rpc.call<{ checksum: string }>("getdescriptorinfo", descriptor);
        return {
          desc: `${descriptor}#${checksum}`,
          active: true,
          internal: branch === 1,
          timestamp: "now" as const,
        };
      }),
    ),
  );
  const results = await rpc.importdescriptors(requests);
  if (!results.every(({ success }) => success)) {
    throw new TapstakeError("node-error", `importdescriptors: ${JSON.stringify(results)}`);
  }
}

/** Pays addresses and scripts, each given once, in one transaction, and mines it. */
export type Payer = (payments: readonly Payment[]) => Promise<Funding[]>;

/**
 * @param seeded whether the transactions must be the same in each run: bitcoind's own choice of coins, of the place of
 * the change and of the lock time is random
 */
export function createPayer(rpc: Rpc, { mine }: Pick<Miner, "mine">, seeded: boolean): Payer {
  return async (payments) => {
    const named: { address: string; satoshi: bigint }[] = [];
    for (const { to, satoshi } of payments) {
      assertSatoshi(satoshi, "satoshi");
      named.push({ address: typeof to === "string" ? to : await addressOf(rpc, to), satoshi });
    }
    await earn(
      rpc,
      mine,
      named.reduce((sum, { satoshi }) => sum + satoshi, 0n),
    );
    const txid = seeded ? await payInOrder(rpc, named) : await rpc.sendmany(named);
    await prefer(rpc, txid);
    await mine();
    const { vout } = await rpc.gettransactioninfo(txid);
    const funded = named.map(({ address }) => findOutput(txid, vout, address));
    // The wallet pays by coins of its own choice, and some of these may be its own.
    await rpc.call(
      "lockunspent",
      false,
      funded.map((each) => ({ txid, vout: each.vout })),
    );
    return funded;
  };
}

/** Virtual bytes: of what each transaction has, of an input by P2WPKH, of the largest usual output. */
const VSIZE = { base: 11n, input: 69n, output: 43n };
/** Less change than this goes to the fee, in satoshi. */
const LEAST_CHANGE = 1_000n;

/** Pays with the oldest coins first, in the order of the payments, the change last. Returns the id. */
async function payInOrder(
  rpc: Rpc,
  payments: readonly { readonly address: string; readonly satoshi: bigint }[],
): Promise<string> {
  const rate = await safeFeeRate(rpc);
  const coins = (await rpc.listunspent()).toSorted(
    (a, b) => b.confirmations - a.confirmations || (a.txid < b.txid ? -1 : 1) || a.vout - b.vout,
  );
  const paid = payments.reduce((sum, { satoshi }) => sum + satoshi, 0n);
  const used: typeof coins = [];
  let left = -paid - applyRateUp(VSIZE.base + VSIZE.output * BigInt(payments.length + 1), rate);
  for (const coin of coins) {
    if (left >= 0n) break;
    used.push(coin);
    left += coin.value - applyRateUp(VSIZE.input, rate);
  }
  if (left < 0n) throw new TapstakeError("insufficient-funds", `the wallet has no ${formatBtc(paid)}`);
  const outputs = payments.map(({ address, satoshi }) => ({ [address]: btc(satoshi) }));
  if (left >= LEAST_CHANGE) outputs.push({ [await changeAddress(rpc)]: btc(left) });
  const raw = await rpc.call<string>(
    "createrawtransaction",
    used.map(({ txid, vout }) => ({ txid, vout })),
    outputs,
  );
  const signed = await rpc.call<{ hex: string }>("signrawtransactionwithwallet", raw);
  return rpc.sendrawtransaction(signed.hex);
}

const changeAddress = (rpc: Rpc): Promise<string> => rpc.call("getrawchangeaddress", "bech32");
const btc = (satoshi: bigint): string => formatBtc(satoshi).replace(" BTC", "");

/** What a payment may cost beyond its amount. */
const FEE_RESERVE = 1_000_000n;
/** All the coins that regtest can ever have: 50 BTC a block, halved every 150 blocks. */
const REGTEST_SUPPLY = 15_000n * SATOSHI_PER_BTC;
/** Each block brings one coinbase to age; a hundred must pass before a new wallet's first. */
const BLOCKS_AT_ONCE = 10;
const MOST_BLOCKS = 1000;

/** Mines until the wallet can pay, or until it is clear that the chain is too old to yield that much. */
async function earn(rpc: Rpc, mine: Miner["mine"], satoshi: bigint): Promise<void> {
  const needed = satoshi + FEE_RESERVE;
  let balance = await rpc.getbalance();
  for (let mined = 0; balance < needed; mined += BLOCKS_AT_ONCE) {
    if (needed > REGTEST_SUPPLY || mined >= MOST_BLOCKS) {
      throw new TapstakeError("insufficient-funds", `this regtest chain cannot yield ${formatBtc(satoshi)}`, {
        needed,
        balance,
      });
    }
    await mine(BLOCKS_AT_ONCE);
    balance = await rpc.getbalance();
  }
}

function findOutput(txid: string, vout: TransactionInfo["vout"], address: string): Funding {
  const output = vout.find((candidate) => candidate.scriptPubKey.address === address)!;
  return { txid, vout: output.n, value: output.value, script: hex.decode(output.scriptPubKey.hex) };
}

/** bitcoind pays addresses. @throws TapstakeError `invalid-script` when the script has none */
async function addressOf(rpc: Rpc, script: Uint8Array): Promise<string> {
  if (!(script instanceof Uint8Array)) {
    const text = `a payment must be to an address or an output script, not to ${describeType(script)}`;
    throw new TapstakeError("invalid-argument", text);
  }
  const { address, type } = await rpc.decodescript(hex.encode(script));
  if (address === undefined) {
    throw new TapstakeError("invalid-script", `the script must have an address, not be of type ${type}`, {
      type,
    });
  }
  return address;
}
