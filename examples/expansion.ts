// A stake made larger and longer without unbonding, on a private bitcoind: no gap in which it secures nothing.
import {
  buildExpansion,
  checkForm,
  createDelegation,
  finishExpansion,
  finishUnbonding,
  keySigner,
  paramsAt,
  parseRate,
  regtest,
  ruleSet,
  scriptOfAddress,
  signExpansion,
  signSlashings,
  signUnbonding,
} from "tapstake";
import { coSign, committee, party, refusal, stake, startNode } from "tapstake/regtest";

const bitcoind = await startNode();
try {
  const [staker, provider] = [party("staker"), party("provider")];
  const params = paramsAt(regtest, 0);
  const terms = {
    staker: staker.publicKey,
    finalityProviders: [provider.publicKey],
    covenant: params.covenant,
    timelock: 100,
  };
  // What the chain of a release accepts is asked by name; Bitcoin itself takes every form.
  checkForm(ruleSet("v4"), terms, { params });
  const members = committee.slice(0, 3);
  const request = { terms, params, value: 1_000_000n, stakers: [staker], committee: members };
  const previous = await signUnbonding(await stake(bitcoind, request), keySigner(staker.secretKey));

  // 1. The previous stake and one coin in, the new stake and change out.
  const coin = await bitcoind.fund(await bitcoind.rpc.getnewaddress(), 600_000n);
  const longer = { ...terms, timelock: 200 };
  const expansion = buildExpansion({
    previous,
    terms: longer,
    params,
    value: 1_500_000n,
    coin: { outpoint: { txid: coin.txid, vout: coin.vout }, value: coin.value, script: coin.script },
    changeScript: scriptOfAddress(await bitcoind.rpc.getnewaddress(), "regtest"),
    feeRate: parseRate("2.5"),
    rules: ruleSet("v4"),
  });
  console.log(`fee ${expansion.fee} satoshi, change ${expansion.change}`);

  // 2. A delegation like any other, that says what it expands: members sign the spend of the previous stake too.
  let delegation = createDelegation(longer, params, expansion.transaction, expansion);
  delegation = await signSlashings(delegation, keySigner(staker.secretKey));
  delegation = await coSign(delegation, members);

  // 3. The staker signs the spend, the wallet its coin, and the stake moves over in one transaction.
  delegation = await signExpansion(delegation, keySigner(staker.secretKey));
  const { psbt } = await bitcoind.rpc.walletprocesspsbt(expansion.psbt.toBase64());
  console.log("expanded:", await bitcoind.send(finishExpansion(delegation, psbt).toBuffer()));
  await bitcoind.mine();
  console.log("the old unbonding:", await refusal(bitcoind, finishUnbonding(previous)));
} finally {
  await bitcoind.stop();
}
