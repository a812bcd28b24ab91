// A hook for the one stake of a page: it keeps the delegation, and says where the coins are, and what failed.
import { useEffect, useState } from "react";
import { type Delegation, delegationFromJson, delegationToJson, type StakeOutputName } from "tapstake";
import type { ConnectedWallet } from "../browser/connect.js";
import { server } from "../browser/server.js";
import { stake, type StakeRequest, unbond, whereIs, withdraw } from "../browser/stake.js";

export function useStake(wallet: ConnectedWallet | null) {
  const [delegation, setDelegation] = useState(load);
  const [where, setWhere] = useState<StakeOutputName | null>(null);
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);

  useEffect(() => {
    if (!delegation || isBusy) return;
    whereIs(delegation, server).then((found) => setWhere(found?.name ?? null), setError);
  }, [delegation, isBusy]);

  function save(made: Delegation) {
    localStorage.setItem("delegation", delegationToJson(made));
    setDelegation(made);
  }

  async function run(work: (connected: ConnectedWallet) => Promise<unknown>) {
    if (!wallet || isBusy) return;
    setBusy(true);
    setError(null);
    try {
      await work(wallet);
    } catch (thrown) {
      setError(thrown as Error);
    }
    setBusy(false);
  }

  return {
    delegation,
    where,
    isBusy,
    error,
    stake: (request: StakeRequest) => run((by) => stake(by, server, request, save)),
    unbond: () => run((by) => unbond(by, server, delegation!)),
    withdraw: () => run((by) => withdraw(by, server, delegation!)),
  };
}

function load(): Delegation | null {
  const saved = localStorage.getItem("delegation");
  return saved === null ? null : delegationFromJson(saved);
}
