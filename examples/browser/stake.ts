// The life of a stake in a page, with any wallet of connect.ts. The wallet is asked five times: for both slashings, for a
// proof that its key and the account belong together, for the coins, for the unbonding, and for the withdrawal.
import {
  acceptProof,
  addCovenantSignatures,
  addStakerPsbts,
  buildStaking,
  buildWithdrawal,
  checkReady,
  createDelegation,
  createDelegationMessage,
  decodeMessage,
  type Delegation,
  encodeMessage,
  finishSpend,
  finishUnbonding,
  hex,
  paramsAt,
  parseRate,
  proofToSign,
  readCovenantSignatures,
  regtest,
  type StakeOutput,
  stakeOutputs,
} from "tapstake";
import { signOptions, signWith } from "tapstake/wallets";
import { type ConnectedWallet, scriptOf } from "./connect.js";
import type { Server } from "./server.js";

/** The account on the staking chain that gets the rewards; a page asks the user's other wallet for it. */
const ACCOUNT = "bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu";
const FEE_RATE = parseRate("2.5");

/** What the user wants. */
export interface StakeRequest {
  /** X-only. */
  readonly finalityProvider: Uint8Array;
  /** Satoshi. */
  readonly value: bigint;
  /** Blocks. */
  readonly timelock: number;
}

/**
 * Stakes. The coins are locked last: everything is signed and checked before.
 * @param save keeps the delegation: without it the signatures would have to be collected again
 */
export async function stake(
  wallet: ConnectedWallet,
  server: Server,
  { finalityProvider, value, timelock }: StakeRequest,
  save: (delegation: Delegation) => void,
): Promise<Delegation> {
  const params = paramsAt(regtest, await server.height());
  const staker = wallet.account.publicKey.slice(-32);
  const terms = { staker, finalityProviders: [finalityProvider], covenant: params.covenant, timelock };
  const coins = [await server.fund(wallet.account.address)];
  const staking = buildStaking({
    terms,
    params,
    value,
    coins,
    changeScript: scriptOf(wallet),
    feeRate: FEE_RATE,
  });
  let delegation = createDelegation(terms, params, staking);
  delegation = await signSlashings(delegation, wallet);
  delegation = await register(delegation, wallet, server);
  checkReady(delegation);
  save(delegation);

  const funding = signOptions("funding", delegation, { ...wallet, coins: staking.coins });
  const signed = funding.accept(await wallet.signPsbt(funding.psbtHex, funding.native));
  await server.broadcast(signed);
  return delegation;
}

/** The delegation with the wallet's signatures of both slashings. */
async function signSlashings(delegation: Delegation, wallet: ConnectedWallet): Promise<Delegation> {
  const { account, babylon } = wallet;
  if (babylon) return signWith(babylon, delegation, { account });
  let signed = delegation;
  for (const step of ["slashing", "unbondingSlashing"] as const) {
    const request = signOptions(step, delegation, wallet);
    const returned = await wallet.signPsbt(request.psbtHex, request.native);
    request.accept(returned);
    signed = addStakerPsbts(signed, [returned]);
  }
  return signed;
}

/** The delegation with the committee's signatures, which answer the registration on the staking chain. */
async function register(
  delegation: Delegation,
  wallet: ConnectedWallet,
  server: Server,
): Promise<Delegation> {
  const { publicKey, network } = wallet.account;
  const output = scriptOf(wallet).length === 34 ? "p2tr" : "p2wpkh";
  const form = { kind: "bip322", output, network, address: ACCOUNT } as const;
  const { text } = proofToSign(publicKey, form);
  const proof = acceptProof(publicKey, form, await wallet.signMessage(text!, "bip322-simple"));
  const registration = createDelegationMessage({ delegation, stakerAddress: ACCOUNT, proof });
  let cosigned = delegation;
  for (const answer of await server.register(encodeMessage("MsgCreateBTCDelegation", registration))) {
    const read = decodeMessage(answer);
    if (read.name !== "MsgAddCovenantSigs") throw new Error(`unexpected ${read.name}`);
    const { signatures } = readCovenantSignatures(read.message, delegation);
    cosigned = addCovenantSignatures(cosigned, signatures);
  }
  return cosigned;
}

/** Ends the stake early. @returns the txid of the unbonding */
export async function unbond(
  wallet: ConnectedWallet,
  server: Server,
  delegation: Delegation,
): Promise<string> {
  const request = signOptions("unbonding", delegation, wallet);
  const returned = await wallet.signPsbt(request.psbtHex, request.native);
  request.accept(returned);
  const staker = wallet.account.publicKey.slice(-32);
  const signed = addStakerPsbts(delegation, [returned], [staker], ["unbonding"]);
  return server.broadcast(finishUnbonding(signed));
}

const WITHDRAWALS = {
  staking: "withdrawStaking",
  unbonding: "withdrawUnbonding",
  refund: "withdrawRefund",
} as const;

/** Takes the coins back, from wherever they are. @returns the txid of the withdrawal */
export async function withdraw(
  wallet: ConnectedWallet,
  server: Server,
  delegation: Delegation,
): Promise<string> {
  const found = await whereIs(delegation, server);
  if (!found) throw new Error("the stake is not in the chain, or has left it");
  if (found.blocksLeft > 0)
    throw new Error(`${found.blocksLeft} blocks are left until the coins can be withdrawn`);
  const { terms, params } = delegation;
  const { from, coin } = found;
  const destination = scriptOf(wallet);
  const withdrawal = buildWithdrawal({ terms, params, from, coin, destination, feeRate: FEE_RATE });
  const request = signOptions(WITHDRAWALS[from], delegation, { ...wallet, withdrawal });
  const signatures = request.accept(await wallet.signPsbt(request.psbtHex, request.native));
  return server.broadcast(finishSpend(withdrawal, signatures));
}

/** Which output of the stake holds the coins now, and for how many blocks it is locked. */
export async function whereIs(
  delegation: Delegation,
  server: Server,
): Promise<(StakeOutput & { blocksLeft: number }) | null> {
  for (const output of stakeOutputs(delegation)) {
    const confirmations = await server.confirmations(output.coin.outpoint);
    if (confirmations === null) continue;
    return { ...output, blocksLeft: Math.max(0, output.timelock - confirmations) };
  }
  return null;
}

/** The finality provider of the regtest harness. */
export const PROVIDER = hex.decode("aa20b6253002af057246c2dda8ba9da05dab97dba1e7ac973e9473a156f9b5d4");
