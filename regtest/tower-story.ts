import { mkdir, mkdtemp, rename, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Transaction } from "../src/bitcoin/transaction-class.js";
import { formatOutpoint } from "../src/bitcoin/transaction.js";
import { formatBtc } from "../src/core/amount.js";
import { hex } from "../src/core/bytes.js";
import { TapstakeError } from "../src/core/errors.js";
import { type Delegation, presignedSlashing, stakeCoin } from "../src/delegation/delegation.js";
import { delegationToJson } from "../src/delegation/json.js";
import { finishUnbonding, signUnbonding } from "../src/delegation/sign.js";
import { evidenceToJson } from "../src/extract/evidence.js";
import { regtest } from "../src/params/data/regtest.js";
import { paramsAt } from "../src/params/in-force.js";
import type { ProtocolParams } from "../src/params/types.js";
import { keySigner } from "../src/spending/spend.js";
import type { Slashable } from "../src/stake/slashing.js";
import { doubleVote } from "./life.js";
import { expectThat, Narrator, type StoryEvent } from "./narrator.js";
import type { RegtestNode } from "./node.js";
import { committee, party } from "./parties.js";
import { sendAndMine, stake } from "./stage.js";
import { startTower, type TowerProcess } from "./tower-process.js";

const STAKE = 2_000_000n;
const HEIGHT = 5_000n;
const own = paramsAt(regtest, 0);
/** Mainnet's fees: with those of regtest, an unbonding in the mempool would keep its slashing out. */
const params: ProtocolParams = {
  ...own,
  unbondingFee: 9_600n,
  slashing: { ...own.slashing!, minFee: 100_000n },
};
const staker = party("staker");
const one = party("finality provider one");
const two = party("finality provider two");

/** Options of the second act. */
export interface TowerStoryOptions {
  /** The program that `watch run` is an argument of: by default this package's command. */
  readonly command?: readonly string[];
}

/**
 * The demo's second act: `tapstake watch run` in a process of its own follows the node, as scanner and watchtower. One
 * finality provider votes twice while two stakers leave. The tower slashes everything, and no one touches it.
 * @throws TapstakeError `unexpected-verdict`, `wait-timeout`, and the codes of all parts
 */
export async function tellTowerStory(
  node: RegtestNode,
  onEvent: (event: StoryEvent) => void,
  {
    command = [process.execPath, fileURLToPath(new URL("../cli/main.js", import.meta.url))],
  }: TowerStoryOptions = {},
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "tapstake-tower-"));
  const tower = await startTower(node, folder, command);
  try {
    const scene: Scene = { node, narrator: new Narrator(onEvent), tower, folder };
    const stakes = await openStakes(scene);
    await voteTwice(scene, stakes);
    await lookAtSlashings(scene, stakes);
  } finally {
    await tower.end();
  }
}

interface Scene {
  readonly node: RegtestNode;
  readonly narrator: Narrator;
  readonly tower: TowerProcess;
  readonly folder: string;
}

/** Each by what its staker does. */
interface Stakes {
  readonly idle: Delegation;
  readonly leaving: Delegation;
  readonly unbonded: Delegation;
  readonly honest: Delegation;
}

async function openStakes({ node, narrator, tower, folder }: Scene): Promise<Stakes> {
  narrator.begin("Second act: a tower that no one touches");
  narrator.done(
    "tapstake watch run follows the node in a process of its own: scanner and watchtower in one",
    {
      why: "It holds no key. All it gets are two folders: one of delegations, one of evidence.",
      data: { process: tower.pid },
    },
  );
  const delegations: Delegation[] = [];
  for (const [i, provider] of [one, one, one, two].entries()) {
    const delegation = await stake(node, {
      terms: {
        staker: staker.publicKey,
        finalityProviders: [provider.publicKey],
        covenant: params.covenant,
        timelock: 1_000 + i,
      },
      params,
      value: STAKE,
      stakers: [staker],
      committee: committee.slice(0, params.covenant.quorum),
    });
    delegations.push(delegation);
    await put(join(folder, "delegations", `stake-${i + 1}.json`), delegationToJson(delegation));
    const name = provider === one ? "one" : "two";
    narrator.done(`Stake ${i + 1}: ${formatBtc(STAKE)}, finality provider ${name}, mainnet's fees`, {
      txid: delegation.staking.transaction.getId(),
      data: { satoshi: `${STAKE}`, finalityProvider: hex.encode(provider.publicKey) },
    });
  }
  const [idle, leaving, unbonded, honest] = delegations as [Delegation, Delegation, Delegation, Delegation];
  const txid = await sendAndMine(node, await unbondingOf(unbonded));
  narrator.done("The staker of stake 3 unbonds, and a block has it", { txid });
  await tower.until(async () => {
    const found = await tower.ask<{ stakes: { outpoint: string; view: string }[] }>("stakes");
    return views(found.stakes, delegations).join() === "active,active,unbonding,active";
  }, "the tower to have seen the stakes");
  narrator.done("tapstake watch stakes, beside it: three are active, and one is unbonding");
  return { idle, leaving, unbonded, honest };
}

async function voteTwice({ node, narrator, tower, folder }: Scene, stakes: Stakes): Promise<void> {
  narrator.begin("Finality provider one votes twice, while a staker tries to leave");
  const unbonding = await unbondingOf(stakes.leaving);
  await node.send(unbonding.toBuffer());
  narrator.done("The staker of stake 2 unbonds: the transaction waits in the mempool", {
    txid: unbonding.getId(),
  });
  const { evidence } = doubleVote({ provider: one, chainId: "chain-one", height: HEIGHT });
  await put(join(folder, "evidence", "votes.json"), evidenceToJson(evidence));
  const slashings = slashingsOf(stakes);
  await tower.until(async () => {
    const waiting = new Set(await node.rpc.getrawmempool());
    return slashings.every(([, , transaction]) => waiting.has(transaction.getId()));
  }, "the tower to send the slashings");
  const said = await tower.line(/alarm double-vote: .*/);
  narrator.done(`Provider one's two votes at height ${HEIGHT} come into the folder, and the tower acts`, {
    said,
    data: { finalityProvider: hex.encode(one.publicKey), height: Number(HEIGHT) },
  });
  const waiting = await node.rpc.getrawmempool();
  expectThat(!waiting.includes(unbonding.getId()), "the slashing replaced the unbonding");
  narrator.done("Its slashing of stake 2 has replaced the unbonding in the mempool", {
    txid: slashings[1]![2].getId(),
    why: `It pays ${params.slashing!.minFee} satoshi, and the unbonding ${params.unbondingFee}. Both were signed in advance.`,
  });
  narrator.refused("The staker of stake 2 sends the unbonding again", await refusalOf(node, unbonding));
}

async function lookAtSlashings({ node, narrator, tower }: Scene, stakes: Stakes): Promise<void> {
  narrator.begin("The next block");
  await node.mine();
  for (const [stakeName, from, transaction] of slashingsOf(stakes)) {
    const txid = transaction.getId();
    const { confirmations, vout } = await node.rpc.gettransactioninfo(txid);
    expectThat(confirmations === 1, "the slashing is mined");
    const burnt = vout[0]!.value;
    narrator.done(`${stakeName} is slashed from its ${from} output: ${burnt} satoshi burnt`, {
      txid,
      data: { from, slashed: `${burnt}` },
    });
  }
  await tower.until(async () => {
    const { duties } = await tower.ask<{ duties: { state: string }[] }>("duties");
    return duties.length === 6 && duties.every(({ state }) => state === "mined" || state === "impossible");
  }, "the tower to see the block");
  narrator.done("tapstake watch duties: nothing is left to do, until a reorganisation opens it again");
  const { stakes: found } = await tower.ask<{ stakes: { outpoint: string; view: string }[] }>("stakes");
  const [honest] = views(found, [stakes.honest]);
  expectThat(honest === "active", "the stake with the honest provider is active");
  narrator.done("Stake 4 has another finality provider: it is active, as before");
  const last = await tower.end();
  narrator.done("The tower is stopped", { said: last });
}

/** The slashings that the tower must send: from which output depends on what the staker did. */
const slashingsOf = ({ idle, leaving, unbonded }: Stakes): [string, Slashable, Transaction][] =>
  (
    [
      ["Stake 1", idle, "staking"],
      ["Stake 2", leaving, "staking"],
      ["Stake 3", unbonded, "unbonding"],
    ] as const
  ).map(([name, delegation, from]) => [name, from, presignedSlashing(delegation, from).transaction]);

const views = (found: readonly { outpoint: string; view: string }[], delegations: readonly Delegation[]) =>
  delegations.map((each) => {
    const outpoint = formatOutpoint(stakeCoin(each).outpoint);
    return found.find((seen) => seen.outpoint === outpoint)?.view;
  });

const unbondingOf = async (delegation: Delegation): Promise<Transaction> =>
  finishUnbonding(await signUnbonding(delegation, keySigner(staker.secretKey)));

/** What the node says when it is given a transaction; `testmempoolaccept` looks at no replacement of one's own. */
async function refusalOf(node: RegtestNode, transaction: Transaction): Promise<string> {
  try {
    await node.send(transaction.toBuffer());
  } catch (error) {
    if (error instanceof TapstakeError && error.code === "node-refused")
      return String(error.details["reason"]);
    throw error;
  }
  throw new TapstakeError(
    "unexpected-verdict",
    `the node accepts ${transaction.getId()}, which it must refuse`,
  );
}

/** A file that is whole when it is there. */
async function put(path: string, text: string): Promise<void> {
  await mkdir(join(path, ".."), { recursive: true });
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}
