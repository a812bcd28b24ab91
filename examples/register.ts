// A stake registered with the staking chain: the proof of possession, the message, and the proof that it is in a block.
import {
  acceptProof,
  addInclusionProofMessage,
  checkRules,
  createDelegation,
  createDelegationMessage,
  decodeMessage,
  encodeMessage,
  hex,
  inclusionProof,
  keySigner,
  parseTransaction,
  paramsAt,
  proofToSign,
  publicKeyOf,
  readCreateDelegation,
  regtest,
  schnorr,
  signSlashings,
  stakingOutput,
  verifyInclusionProof,
} from "tapstake";
import { startNode } from "tapstake/regtest";

const stakerSecret = crypto.getRandomValues(new Uint8Array(32));
const staker = publicKeyOf(stakerSecret);
const params = paramsAt(regtest, 100);
const terms = {
  staker,
  finalityProviders: [hex.decode("db9160428e401753dc1a9952ffd4fa3386c7609cf8411d2b6d79c42323ca9923")],
  covenant: params.covenant,
  timelock: 1_000,
};

// 1. The key and the account belong together: what to sign goes to the signer, its answer comes back checked.
const stakerAddress = "bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu";
const form = { kind: "bip340", address: stakerAddress } as const;
const { digest } = proofToSign(staker, form);
const proof = acceptProof(staker, form, schnorr.sign(stakerSecret, digest!));

// 2. The stake, in a block.
const bitcoind = await startNode();
try {
  const { txid } = await bitcoind.fund(stakingOutput(terms, params.network).script, 1_000_000n);
  const transaction = parseTransaction(hex.decode(await bitcoind.rpc.getrawtransaction(txid)));
  const delegation = await signSlashings(
    createDelegation(terms, params, transaction),
    keySigner(stakerSecret),
  );

  // 3. The message that registers it: checked as the chain will, then bytes for a transaction of the chain.
  const message = createDelegationMessage({ delegation, stakerAddress, proof });
  const { typeUrl, value } = encodeMessage("MsgCreateBTCDelegation", message);
  console.log(`${typeUrl}: ${value.length} bytes`);

  // What would the chain answer? You say what you know of it: here the parameters, and the tip of its light client.
  const answer = checkRules(
    "v4",
    { typeUrl, value },
    {
      params: regtest,
      btcTip: { height: 101 },
    },
  );
  if (answer.verdict === "never") throw new Error(`${answer.rule}: ${answer.reason}`);
  if (answer.verdict === "later") console.log("the chain takes it later:", answer.until);
  console.log(`not checked: ${answer.unchecked.map(({ rule }) => rule).join(", ")}`);

  // 4. Anyone who gets the bytes has the delegation back, with every rule checked again.
  const read = decodeMessage({ typeUrl, value });
  if (read.name !== "MsgCreateBTCDelegation") throw new Error(`unexpected ${read.name}`);
  const registered = readCreateDelegation(read.message, params);
  console.log(`a stake of ${registered.delegation.terms.timelock} blocks by ${registered.stakerAddress}`);

  // 5. And the message that shows it to be in a block, once it is deep enough.
  const block = hex.decode(await bitcoind.rpc.getblockhex(await bitcoind.rpc.getbestblockhash()));
  const inclusion = inclusionProof(block, txid);
  if (!verifyInclusionProof(inclusion, transaction, block.slice(0, 80))) throw new Error("not in the block");
  const shown = addInclusionProofMessage(delegation, stakerAddress, inclusion);
  console.log(encodeMessage("MsgAddBTCDelegationInclusionProof", shown).typeUrl);
} finally {
  await bitcoind.stop();
}
