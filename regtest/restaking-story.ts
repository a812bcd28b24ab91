import { formatBtc } from "../src/core/amount.js";
import { equalBytes, hex, utf8 } from "../src/core/bytes.js";
import { sha256 } from "../src/core/hashes.js";
import { TapstakeError } from "../src/core/errors.js";
import { evenSecret } from "../src/core/keys.js";
import { scalar } from "../src/core/scalar.js";
import { type Delegation, stakeCoin } from "../src/delegation/delegation.js";
import { extractFromVotes } from "../src/extract/evidence.js";
import { finishSlashing } from "../src/extract/slashing.js";
import { regtest } from "../src/params/data/regtest.js";
import { paramsAt } from "../src/params/in-force.js";
import { graphOfDelegations } from "../src/restaking/babylon.js";
import { type DoubleSign, doubleSign } from "../src/restaking/double-sign.js";
import { exposures } from "../src/restaking/exposure.js";
import { modelOf } from "../src/restaking/model.js";
import { signVoteUnprotected } from "../src/vote/vote.js";
import { expectThat, Narrator, type StoryEvent } from "./narrator.js";
import type { RegtestNode } from "./node.js";
import { committee, type Party, party } from "./parties.js";
import { mineToOneBlockEarly, refundCoin, refusal, sendAndMine, stake, withdrawal } from "./stage.js";

const params = paramsAt(regtest, 0);
const one = { ...party("finality provider one"), chainId: "chain-one" };
const two = { ...party("finality provider two"), chainId: "chain-two" };
const HEIGHT = 5_000n;
const TIMELOCK = 1_000;

/** Each stake by its holder. Ann's is restaked: two providers vote with it, each on a chain of its own. */
const STAKES = [
  { holder: "Ann", value: 1_000_000n, providers: [one, two] },
  { holder: "Bob", value: 3_000_000n, providers: [one] },
  { holder: "Cem", value: 500_000n, providers: [two] },
] as const;

/**
 * One bitcoin stake behind two providers of two chains. One provider votes twice. The graph of the stakes says before who
 * loses what; then the node shows it, and each number is compared.
 * @throws TapstakeError `unexpected-verdict`, and the codes of all parts
 */
export async function tellRestakingStory(
  node: RegtestNode,
  onEvent: (event: StoryEvent) => void,
): Promise<void> {
  const scene: Scene = { node, narrator: new Narrator(onEvent) };
  const held = await openStakes(scene);
  const forecast = foretell(scene, held);
  const secretKey = voteTwice(scene);
  await slashAll(scene, held, forecast, secretKey);
  await lookAtChains(scene, held, forecast);
}

interface Scene {
  readonly node: RegtestNode;
  readonly narrator: Narrator;
}

interface Held {
  readonly holder: string;
  readonly staker: Party;
  readonly delegation: Delegation;
}

async function openStakes({ node, narrator }: Scene): Promise<Held[]> {
  narrator.begin("Three stakes behind two chains");
  const held: Held[] = [];
  for (const { holder, value, providers } of STAKES) {
    const staker = party(`staker ${holder}`);
    const finalityProviders = providers.map(({ publicKey }) => publicKey);
    const terms = {
      staker: staker.publicKey,
      finalityProviders,
      covenant: params.covenant,
      timelock: TIMELOCK,
    };
    const members = committee.slice(0, params.covenant.quorum);
    const delegation = await stake(node, { terms, params, value, stakers: [staker], committee: members });
    held.push({ holder, staker, delegation });
    const chains = providers.map(({ chainId }) => chainId).join(" and ");
    narrator.done(`${holder} stakes ${formatBtc(value)} behind ${chains}`, {
      ...(providers.length > 1 && {
        why: "One stake, two providers: each can slash all of it, and is paid by its chain.",
      }),
      txid: delegation.staking.transaction.getId(),
      data: { holder, satoshi: `${value}`, chains },
    });
  }
  return held;
}

const graphOf = (held: readonly Held[]) =>
  graphOfDelegations(
    held.map(({ delegation }) => delegation),
    {
      chains: Object.fromEntries(
        [one, two].map(({ publicKey, chainId }) => [hex.encode(publicKey), chainId]),
      ),
    },
  );

const poolOf = ({ delegation: { staking } }: Held): string =>
  `${staking.transaction.getId()}:${staking.outputIndex}`;

/** What the graph says of provider one's double vote, before it happens. */
function foretell({ narrator }: Scene, held: readonly Held[]): DoubleSign {
  narrator.begin("Before: what the graph says");
  const graph = graphOf(held);
  const forecast = doubleSign(graph, hex.encode(one.publicKey));
  const ann = exposures(graph).find(({ pool }) => pool === poolOf(held[0]!))!;
  narrator.done(
    `Ann's stake counts for ${ann.to.length} chains: ${ann.to
      .map(({ service }) => service)
      .toSorted()
      .join(", ")}`,
    {
      why: `Her worst case is ${formatBtc(ann.worstLoss)}, and not twice as much: the output is spent once.`,
      data: { holder: "Ann", worstLoss: `${ann.worstLoss}` },
    },
  );
  for (const each of held) {
    const loss = forecast.pools.find(({ pool }) => pool === poolOf(each));
    if (!loss) {
      narrator.done(`${each.holder} would lose nothing: provider one has no part in this stake`);
      continue;
    }
    const { backingLost, locked, lockedBlocks } = loss;
    const amounts = `${formatBtc(loss.loss)}, and ${formatBtc(locked)} would be locked for ${lockedBlocks} blocks`;
    narrator.done(`If provider one votes twice, ${each.holder} loses ${amounts}`, {
      data: {
        holder: each.holder,
        backing: `${backingLost}`,
        loss: `${loss.loss}`,
        locked: `${locked}`,
        blocks: lockedBlocks,
      },
    });
  }
  for (const { service, before, after } of forecast.services) {
    narrator.done(`${service} would keep ${formatBtc(after)} of ${formatBtc(before)}`, {
      ...(service === two.chainId && {
        why: "Provider two did nothing wrong. Its chain loses the stake that it shares.",
      }),
      data: { service, before: `${before}`, after: `${after}` },
    });
  }
  return forecast;
}

/** Returns the key that the two votes give. */
function voteTwice({ narrator }: Scene): Uint8Array {
  narrator.begin("Provider one votes twice");
  const vote = (block: string) =>
    signVoteUnprotected({ ...one, height: HEIGHT, appHash: sha256(utf8(block)) });
  const canonical = vote("a block");
  const secretKey = extractFromVotes({ ...canonical, canonical, fork: vote("another block") });
  const own = scalar.toBytes(evenSecret(one.secretKey).d);
  expectThat(equalBytes(secretKey, own), "the key is the provider's own");
  narrator.done(`Two votes at height ${HEIGHT} of ${one.chainId} give its secret key`, {
    why: "From now on anyone can finish the slashing transactions of its stakes.",
    data: { finalityProvider: hex.encode(one.publicKey), height: Number(HEIGHT) },
  });
  return secretKey;
}

async function slashAll(
  { node, narrator }: Scene,
  held: readonly Held[],
  forecast: DoubleSign,
  secretKey: Uint8Array,
): Promise<void> {
  narrator.begin("After: what the node shows");
  for (const each of held) {
    const said = forecast.pools.find(({ pool }) => pool === poolOf(each));
    if (!said) {
      const code = codeOf(() => finishSlashing(each.delegation, "staking", secretKey));
      expectThat(
        code === "unknown-finality-provider",
        "the leaked key does not slash another provider's stake",
      );
      expectThat((await outputOf(node, each)) !== null, "the stake is unspent");
      narrator.done(`${each.holder}'s stake is untouched: the leaked key has no part in it`);
      continue;
    }
    const slashing = finishSlashing(each.delegation, "staking", secretKey);
    const txid = await sendAndMine(node, slashing);
    const { vout } = await node.rpc.gettransactioninfo(txid);
    const coin = stakeCoin(each.delegation);
    const refunded = vout[1]!.value;
    const lost = coin.value - refunded;
    expectThat(lost === said.loss, `${each.holder} loses what the graph said`);
    expectThat(refunded === said.locked, `${each.holder} keeps what the graph said`);
    const amounts = `${formatBtc(lost)} lost, ${formatBtc(refunded)} refunded, as the graph said`;
    narrator.done(`${each.holder}'s stake is slashed and mined: ${amounts}`, {
      txid,
      data: { holder: each.holder, loss: `${lost}`, locked: `${refunded}` },
    });
    if (each.holder === "Ann")
      await waitForRefund({ node, narrator }, each, said.lockedBlocks, refundCoin(slashing));
  }
}

/** The refund is locked for so many blocks as the graph said, and not one fewer. */
async function waitForRefund(
  { node, narrator }: Scene,
  { holder, delegation, staker }: Held,
  blocks: number,
  coin: ReturnType<typeof refundCoin>,
): Promise<void> {
  const { signed } = await withdrawal(node, { delegation, from: "refund", coin, stakers: [staker] });
  await mineToOneBlockEarly(node, coin, blocks);
  narrator.refused(`${holder} withdraws the refund after ${blocks - 1} blocks`, await refusal(node, signed), {
    why: `The graph said ${blocks} blocks.`,
  });
  await node.mine();
  const txid = await sendAndMine(node, signed);
  narrator.done(`${holder} withdraws the refund after ${blocks} blocks`, { txid, data: { holder, blocks } });
}

/** The stake of each chain, from the outputs that the node still has. */
async function lookAtChains(
  { node, narrator }: Scene,
  held: readonly Held[],
  forecast: DoubleSign,
): Promise<void> {
  const left: Held[] = [];
  for (const each of held) if ((await outputOf(node, each)) !== null) left.push(each);
  const { services } = modelOf(graphOf(left));
  for (const { service, before, after } of forecast.services) {
    const power = services.find(({ id }) => id === service)?.power ?? 0n;
    expectThat(power === after, `${service} keeps what the graph said`);
    narrator.done(`${service} has ${formatBtc(power)} of ${formatBtc(before)} left, as the graph said`, {
      data: { service, before: `${before}`, after: `${power}` },
    });
  }
}

const outputOf = ({ rpc }: RegtestNode, { delegation: { staking } }: Held) =>
  rpc.gettxout(staking.transaction.getId(), staking.outputIndex);

function codeOf(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof TapstakeError) return error.code;
    throw error;
  }
}
