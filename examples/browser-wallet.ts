// A page with wallets in it: find one, ask it as it wants to be asked, verify what it answers. It runs in Node, with a
// wallet of UniSat's shape that a key of tapstake plays; docs/wallets.md explains it.
import {
  addCovenantSignatures,
  addressOfScript,
  addStakerPsbts,
  bip322,
  buildStaking,
  type Coin,
  covenantSigner,
  createDelegation,
  finishUnbonding,
  hex,
  parseRate,
  regtest,
  signAsMember,
  TapstakeError,
} from "tapstake";
import { committee, party } from "tapstake/regtest";
import {
  type BtcProvider,
  detectWallets,
  type NativeOptions,
  provideSigner,
  signOptions,
  signWith,
  type WalletAccount,
  walletSigner,
} from "tapstake/wallets";

/** What tapstake calls of UniSat. */
interface Unisat {
  getPublicKey(): Promise<string>;
  requestAccounts(): Promise<string[]>;
  signPsbt(psbtHex: string, options: NativeOptions["unisat"]): Promise<string>;
}

const page = pageWithWallets();

// 1. Find a wallet, and read its account.
const found = detectWallets(page);
console.log(`found       ${found.map(({ kind }) => kind).join(", ")}`);
const unisat = found.find(({ kind }) => kind === "unisat")!.provider as Unisat;
const [address] = await unisat.requestAccounts();
const publicKey = hex.decode(await unisat.getPublicKey());
const account: WalletAccount = { publicKey, address: address!, network: "regtest" };

// 2. A stake of that account.
const params = regtest.versions[0]!;
const terms = {
  staker: account.publicKey.slice(1),
  finalityProviders: [party("provider").publicKey],
  covenant: params.covenant,
  timelock: 150,
};
const script = bip322.script(account.publicKey, "p2tr");
const coin: Coin = { outpoint: { txid: "07".repeat(32), vout: 0 }, value: 1_500_000n, script };
const staking = buildStaking({
  terms,
  params,
  value: 1_000_000n,
  coins: [coin],
  changeScript: script,
  feeRate: parseRate("2.5"),
});
let delegation = createDelegation(terms, params, staking);

// 3. Both slashings, by the wallet's own call.
const slashing = signOptions("slashing", delegation, { wallet: "unisat", account });
const [signature] = slashing.accept(await unisat.signPsbt(slashing.psbtHex, slashing.native));
console.log(`slashing    signed by ${hex.encode(signature!.publicKey)}`);

// The same, and the other one, by a wallet in Babylon's shape.
const injected = found.find(({ kind }) => kind === "babylon")!.provider as BtcProvider;
delegation = await signWith(injected, delegation, { account });
console.log(`slashings   ${delegation.unbondingSlashing.stakerSignatures.length} of 1 staker`);

// 4. The committee signs; its members are played here.
for (const { secretKey } of committee.slice(0, 3)) {
  const signed = await signAsMember(delegation, covenantSigner(secretKey), {
    set: regtest,
    height: params.activationHeight,
  });
  delegation = addCovenantSignatures(delegation, signed);
}

// 5. The coins, last.
const funding = signOptions("funding", delegation, { wallet: "unisat", account, coins: staking.coins });
const transaction = funding.accept(await unisat.signPsbt(funding.psbtHex, funding.native));
console.log(`staked      ${transaction.getId()}`);

// 6. Unbond.
const unbonding = signOptions("unbonding", delegation, { wallet: "unisat", account });
const returned = await unisat.signPsbt(unbonding.psbtHex, unbonding.native);
unbonding.accept(returned);
delegation = addStakerPsbts(delegation, [returned]);
console.log(`unbonding   ${finishUnbonding(delegation).getId()}`);

// An account of another network, address or key is refused before anything is handed out.
try {
  signOptions("unbonding", delegation, { wallet: "unisat", account: { ...account, network: "mainnet" } });
} catch (error) {
  if (!(error instanceof TapstakeError)) throw error;
  console.log(`refused     ${error.code}: ${error.message}`);
}

/** A page in which a wallet of UniSat's shape and one of Babylon's are found: the same key plays both. */
function pageWithWallets(): object {
  const signer = walletSigner(party("staker").secretKey);
  // Wallets give 33 bytes. A Taproot address does not depend on the first one.
  const whole = Uint8Array.of(2, ...signer.publicKey);
  const own = addressOfScript(bip322.script(whole, "p2tr"), "regtest")!;
  const provider = provideSigner(signer, { publicKey: whole, address: own, network: "regtest" });
  return {
    unisat_wallet: {
      getPublicKey: () => Promise.resolve(hex.encode(whole)),
      requestAccounts: () => Promise.resolve([own]),
      signPsbt: (psbt: string, { autoFinalized, toSignInputs }: NativeOptions["unisat"]) =>
        provider.signPsbt(psbt, { autoFinalized, signInputs: toSignInputs }),
    },
    btcwallet: provider,
  };
}
