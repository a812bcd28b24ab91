// Bitcoin Core's wallet signs for a staker with the key of one of its addresses, and has never heard of staking.
import {
  addStakerPsbts,
  buildWithdrawal,
  checkDelegation,
  finishSpend,
  paramsAt,
  parseKeyOrigin,
  parseRate,
  regtest,
  scriptOfAddress,
  signaturesFromPsbt,
  stakeCoin,
  stakerPsbts,
} from "tapstake";
import { party, stake, startNode } from "tapstake/regtest";

const node = await startNode();
try {
  // The wallet says of its key where it comes from: [fingerprint/path]key.
  const address = await node.rpc.getnewaddress("bech32m");
  const { desc } = await node.rpc.call<{ desc: string }>("getaddressinfo", address);
  const origin = parseKeyOrigin(desc.slice("tr(".length, desc.indexOf(")")));

  const params = paramsAt(regtest, 0);
  const terms = {
    staker: origin.publicKey,
    finalityProviders: [party("provider").publicKey],
    covenant: params.covenant,
    timelock: 10,
  };
  const opened = await stake(node, { terms, params, value: 1_000_000n, stakers: [] });

  // Out go PSBTs, back come signatures; whatever was altered on the way is refused by name.
  const out = stakerPsbts(opened, [origin]);
  const sign = async (psbt: { toBase64(): string }) =>
    (await node.rpc.walletprocesspsbt(psbt.toBase64())).psbt;
  const delegation = addStakerPsbts(
    opened,
    [await sign(out.slashing), await sign(out.unbondingSlashing)],
    [origin.publicKey],
  );
  checkDelegation(delegation);
  console.log("slashable: signed by", delegation.slashing.stakerSignatures.length, "staker");

  // Once the time lock has run out, the wallet takes the coins back.
  await node.mine(9);
  const withdrawal = buildWithdrawal({
    terms,
    params,
    from: "staking",
    coin: stakeCoin(delegation),
    destination: scriptOfAddress(await node.rpc.getnewaddress(), "regtest"),
    feeRate: parseRate("2"),
    derivations: [origin],
  });
  const signatures = signaturesFromPsbt(withdrawal, await sign(withdrawal.psbt), [origin.publicKey]);
  console.log("withdrawn:", await node.send(finishSpend(withdrawal, signatures).toBuffer()));
} finally {
  await node.stop();
}
