// A page that stakes: `npm run example -- browser` bundles and serves it. What it shows is in index.html.
import { type Delegation, delegationFromJson, delegationToJson, formatBtc } from "tapstake";
import { connect, type ConnectedWallet, findWallets } from "./connect.js";
import { demoWallet } from "./demo-wallet.js";
import { server } from "./server.js";
import { PROVIDER, stake, unbond, whereIs, withdraw } from "./stake.js";

let wallet: ConnectedWallet | undefined;
const saved = localStorage.getItem("delegation");
let delegation = saved === null ? undefined : delegationFromJson(saved);

/** The delegation outlives the page: a stake is withdrawn months later. */
function save(made: Delegation): void {
  delegation = made;
  localStorage.setItem("delegation", delegationToJson(made));
}

const element = <E extends HTMLElement>(id: string) => document.getElementById(id) as E;
const buttons = ["stake", "unbond", "withdraw", "mine"].map((id) => element<HTMLButtonElement>(id));

function say(text: string): void {
  element("log").append(Object.assign(document.createElement("li"), { textContent: text }));
}

/** Runs what a button does, one at a time, and says how it ended. */
async function run(work: () => Promise<string>): Promise<void> {
  for (const button of buttons) button.disabled = true;
  try {
    say(await work());
  } catch (error) {
    // Wallets throw objects that are no Error too.
    say(`failed: ${(error as Error).message}`);
  }
  const where = delegation && (await whereIs(delegation, server))?.name;
  const able = [wallet && !where, wallet && where === "staking", wallet && where, true];
  buttons.forEach((button, i) => (button.disabled = !able[i]));
}

const ACTIONS = {
  async stake() {
    const request = { finalityProvider: PROVIDER, value: 1_000_000n, timelock: 150 };
    const { staking, params } = await stake(wallet!, server, request, save);
    const { value } = staking.transaction.outs[staking.outputIndex]!;
    return `staked ${formatBtc(value)} in ${staking.transaction.getId()}; unbonding takes ${params.unbondingTime} blocks`;
  },
  unbond: async () => `unbonding in ${await unbond(wallet!, server, delegation!)}`,
  withdraw: async () => `withdrawn in ${await withdraw(wallet!, server, delegation!)}`,
  mine: async () => `mined: the height is ${await server.mine(20)}`,
};
for (const [id, work] of Object.entries(ACTIONS)) element(id).addEventListener("click", () => run(work));

// Extensions put their objects into the page before its scripts run, UniSat a moment later: see detectWallets.
const found = findWallets(window);
if (found.length === 0) found.push({ kind: "babylon", provider: demoWallet() });
for (const each of found) {
  const button = Object.assign(document.createElement("button"), { textContent: `Connect ${each.kind}` });
  button.addEventListener("click", () =>
    run(async () => {
      wallet = await connect(each);
      return `connected ${wallet.account.address}`;
    }),
  );
  element("wallets").append(button);
}
