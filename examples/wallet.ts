// A wallet that stakes, from connecting it to coins that are back; docs/wallets.md explains each step. Bitcoin Core's
// wallet signs, and needs to know nothing about staking.
import {
  acceptProof,
  addCovenantSignatures,
  addInclusionProofMessage,
  addStakerPsbts,
  buildStaking,
  buildWithdrawal,
  checkReady,
  covenantSignaturesMessage,
  covenantSigner,
  createDelegation,
  createDelegationMessage,
  decodeMessage,
  delegationFromJson,
  delegationToJson,
  encodeMessage,
  finishSpend,
  finishStaking,
  finishUnbonding,
  formatBtc,
  formatRate,
  inclusionProofFromMerkleBlock,
  paramsAt,
  parseKeyOrigin,
  parseRate,
  proofToSign,
  readCovenantSignatures,
  readCreateDelegation,
  regtest,
  scriptOfAddress,
  signAsMember,
  signaturesFromPsbt,
  stakerPsbts,
  TapstakeError,
  undelegateMessage,
} from "tapstake";
import { bitcoindAccess, checkChain, coinsFromJson, stakeOnChain } from "tapstake/chain";
import { committee, party, startNode } from "tapstake/regtest";

const node = await startNode();

/** What staking needs from a wallet. This one is Bitcoin Core's. */
const wallet = {
  /** A key that the wallet signs Taproot leaves with, and where it comes from: [fingerprint/path]key. */
  async key() {
    const address = await node.rpc.getnewaddress("bech32m");
    const { desc } = await node.rpc.call<{ desc: string }>("getaddressinfo", address);
    return desc.slice("tr(".length, desc.indexOf(")"));
  },
  /** Its coins, as JSON. */
  coins: async () => JSON.stringify(await node.rpc.call("listunspent")),
  address: () => node.rpc.getnewaddress(),
  /** Signs a PSBT in base64. */
  sign: async (psbt: string) => (await node.rpc.walletprocesspsbt(psbt)).psbt,
};

// 1. Connect.
const chain = bitcoindAccess(node.connection);
await checkChain(chain, "regtest");
const staker = parseKeyOrigin(await wallet.key());

// 2. The terms.
const { height } = await chain.tip();
const params = paramsAt(regtest, height);
const terms = {
  staker: staker.publicKey,
  finalityProviders: [party("provider").publicKey],
  covenant: params.covenant,
  timelock: 150,
};

// 3. Coins in, a PSBT and a delegation out.
const staking = buildStaking({
  terms,
  params,
  value: 1_000_000n,
  coins: coinsFromJson(await wallet.coins()),
  changeScript: scriptOfAddress(await wallet.address(), params.network),
  feeRate: parseRate("2.5"), // or: await chain.feeRate(6)
});
let delegation = createDelegation(terms, params, staking);

// What the user sees before anything is signed.
const [burnt, refund] = delegation.slashing.transaction.outs;
console.log(`stake       ${formatBtc(staking.value)} to ${staking.output.address}`);
console.log(`fee         ${staking.fee} sat, ${formatRate(staking.feeRate)} sat/vB`);
console.log(`change      ${formatBtc(staking.change)}`);
console.log(`locked      ${terms.timelock} blocks, about ${Math.ceil(terms.timelock / 144)} days`);
console.log(`to unbond   ${params.unbondingTime} blocks, fee ${params.unbondingFee} sat`);
console.log(`if slashed  ${burnt!.value} sat lost, ${refund!.value} sat returned`);

// 4. The slashings, signed in advance.
const { slashing, unbondingSlashing } = stakerPsbts(delegation, [staker]);
delegation = addStakerPsbts(
  delegation,
  [await wallet.sign(slashing.toBase64()), await wallet.sign(unbondingSlashing.toBase64())],
  [staker.publicKey],
);

// What comes back altered or unsigned is refused.
try {
  addStakerPsbts(delegation, [slashing]);
} catch (error) {
  if (!(error instanceof TapstakeError)) throw error;
  console.log(`refused     ${error.code}: ${error.message}`);
}

// 5. The registration.
const account = "bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu";
const form = { kind: "bip322", output: "p2tr", network: params.network, address: account } as const;
const { psbt: possession } = proofToSign(staker.publicKey, form);
const proof = acceptProof(staker.publicKey, form, await wallet.sign(possession!.toBase64()));
const inForce = { set: regtest, height: (await chain.tip()).height };
const registration = createDelegationMessage({ delegation, stakerAddress: account, proof }, inForce);
const { typeUrl, value } = encodeMessage("MsgCreateBTCDelegation", registration);
console.log(`register    ${typeUrl}, ${value.length} bytes`);

// 6. The committee's signatures.
for (const answer of await committeeAnswers({ typeUrl, value })) {
  const read = decodeMessage(answer);
  if (read.name !== "MsgAddCovenantSigs") throw new Error(`unexpected ${read.name}`);
  const { signatures } = readCovenantSignatures(read.message, delegation);
  delegation = addCovenantSignatures(delegation, signatures);
}
checkReady(delegation);
const saved = delegationToJson(delegation);

// 7. The wallet signs the staking transaction: from here on the coins are locked.
const signed = finishStaking(staking, await wallet.sign(staking.psbt.toBase64()));
const txid = await chain.broadcast(signed);
console.log(`staked      ${txid}`);

await node.mine();
const block = await chain.merkleBlock(txid);
const inclusion = inclusionProofFromMerkleBlock(block, signed);
console.log(
  encodeMessage("MsgAddBTCDelegationInclusionProof", addInclusionProofMessage(delegation, account, inclusion))
    .typeUrl,
);

// 8. Unbond early.
delegation = delegationFromJson(saved);
const { unbonding } = stakerPsbts(delegation, [staker]);
delegation = addStakerPsbts(
  delegation,
  [await wallet.sign(unbonding.toBase64())],
  [staker.publicKey],
  ["unbonding"],
);
const unbonded = finishUnbonding(delegation);
console.log(`unbonding   ${await chain.broadcast(unbonded)}`);

await node.mine(params.unbondingTime);
const spent = inclusionProofFromMerkleBlock(await chain.merkleBlock(unbonded.getId()), unbonded);
const undelegation = { signer: account, transaction: unbonded, inclusion: spent, fundingTransactions: [] };
console.log(encodeMessage("MsgBTCUndelegate", undelegateMessage(delegation, undelegation)).typeUrl);

// 9. Withdraw.
const found = await stakeOnChain(delegation, chain);
if (!found || found.blocksLeft > 0) throw new Error(`wait ${found?.blocksLeft} blocks`);
const withdrawal = buildWithdrawal({
  terms,
  params,
  from: found.from,
  coin: found.coin,
  destination: scriptOfAddress(await wallet.address(), params.network),
  feeRate: parseRate("2.5"),
  derivations: [staker],
});
const own = signaturesFromPsbt(withdrawal, await wallet.sign(withdrawal.psbt.toBase64()), [staker.publicKey]);
console.log(`withdrawn   ${await chain.broadcast(finishSpend(withdrawal, own))}`);
await node.stop();

/** In place of the staking chain: three members read the registration, check it and answer with messages. */
async function committeeAnswers(message: { readonly typeUrl: string; readonly value: Uint8Array }) {
  const read = decodeMessage(message);
  if (read.name !== "MsgCreateBTCDelegation") throw new Error(`unexpected ${read.name}`);
  const registered = readCreateDelegation(read.message, params).delegation;
  return Promise.all(
    committee.slice(0, 3).map(async ({ secretKey }) => {
      const signatures = await signAsMember(registered, covenantSigner(secretKey), { set: regtest, height });
      const answer = covenantSignaturesMessage(registered, { signer: account, signatures });
      return encodeMessage("MsgAddCovenantSigs", answer);
    }),
  );
}
