// The page of examples/browser, with React and the hook of use-stake.ts.
import { useState } from "react";
import { createRoot } from "react-dom/client";
import { connect, type ConnectedWallet, findWallets, type FoundWallet } from "../browser/connect.js";
import { demoWallet } from "../browser/demo-wallet.js";
import { server } from "../browser/server.js";
import { PROVIDER } from "../browser/stake.js";
import { useStake } from "./use-stake.js";

const found = findWallets(window);
const wallets: FoundWallet[] = found.length > 0 ? found : [{ kind: "babylon", provider: demoWallet() }];
const REQUEST = { finalityProvider: PROVIDER, value: 1_000_000n, timelock: 150 };

function App() {
  const [wallet, setWallet] = useState<ConnectedWallet | null>(null);
  const [refusal, setRefusal] = useState<Error | null>(null);
  const { delegation, where, isBusy, error, stake, unbond, withdraw } = useStake(wallet);
  const canAct = wallet !== null && !isBusy;
  return (
    <>
      <h1>Stake on regtest</h1>
      {wallets.map((each) => (
        <button key={each.kind} onClick={() => void connect(each).then(setWallet, setRefusal)}>
          Connect {each.kind}
        </button>
      ))}
      <p>
        <button disabled={!canAct || where !== null} onClick={() => void stake(REQUEST)}>
          Stake 0.01 BTC
        </button>
        <button disabled={!canAct || where !== "staking"} onClick={() => void unbond()}>
          Unbond
        </button>
        <button disabled={!canAct || where === null} onClick={() => void withdraw()}>
          Withdraw
        </button>
        <button disabled={isBusy} onClick={() => void server.mine(20)}>
          Mine 20 blocks
        </button>
      </p>
      <p role="status">
        {isBusy ? "working" : (where ?? "no coins staked")}
        {delegation && `, ${delegation.staking.transaction.getId()}`}
      </p>
      <p role="alert">{(error ?? refusal)?.message}</p>
    </>
  );
}

createRoot(document.getElementById("app")!).render(<App />);
