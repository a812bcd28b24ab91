import { Option } from "@commander-js/extra-typings";
import { hex } from "../../../core/bytes.js";
import { TapstakeError } from "../../../core/errors.js";
import { readState } from "../../../finality/arbiter/state.js";
import {
  arbiterReport,
  type ArbiterStart,
  endHalt,
  enrolSigner,
  haltArbiter,
  initArbiter,
  renewArbiter,
  retireSigner,
} from "../../../finality/arbiter/store.js";
import { findHome, type Home, homeAt, peekHome } from "../../../finality/home.js";
import { bindKey, showKey, unlockKey } from "../../../finality/keys/keystore.js";
import { assertChainId } from "../../../vote/chain.js";
import { arbiterOption, arbiterTlsOption, withArbiter } from "../../arbiter.js";
import { type Described, groupCommand, type LazyCommands, newCommand } from "../../command.js";
import { UsageError } from "../../errors.js";
import { arbiterFacts, arbiterText } from "../../format/arbiter.js";
import {
  chainHeight,
  chainOption,
  homeOption,
  jsonOption,
  keyOption,
  passphraseCommandOption,
  passphraseOption,
  yesOption,
} from "../../options.js";
import { answer } from "../../output.js";
import { currentPassphrase, mustType, withPassphrase } from "../../secrets.js";
import { publicKeyNamed, withProtection } from "../../signer.js";

const COMMANDS: LazyCommands = {
  init: { summary: "Set where votes of a key begin in the arbiter", load: () => init },
  enrol: { summary: "Bind a key of this home to the arbiter", load: () => enrol },
  status: { summary: "Show what the arbiter keeps, and how its members are", load: () => status },
  halt: { summary: "Stop every signer of the arbiter, or end that", load: () => halt },
  retire: { summary: "End one signer for good", load: () => retire },
  renew: { summary: "Begin the arbiter's store anew after a restore", load: () => renew },
};

const GROUP = {
  description: `Several machines can vote with one key if each vote is claimed first in an etcd cluster, the arbiter. It keeps the digest of
each vote and takes one digest per height. Without a clear answer of the arbiter, a signer signs nothing.

docs/arbiter.md says how to set it up, what no signer can notice, and what to do after a restore.`,
  examples: `
tapstake fp arbiter status --arbiter etcd://127.0.0.1:2379
`,
  topics: ["home"],
} as const;

/** Several machines with one key: begin the arbiter, enrol signers, stop them, and see what is there. */
export const command = (args: readonly string[]) => groupCommand("arbiter", GROUP, COMMANDS, args);

const asking = (name: string, about: Described) =>
  newCommand(name, about)
    .addOption(arbiterOption().makeOptionMandatory())
    .addOption(arbiterTlsOption())
    .addOption(homeOption())
    .addOption(jsonOption());

const INIT = {
  description: `Danger: if the key votes again at a height where it voted before, it reveals its secret and every stake with it can be
slashed. Stop every signer of the key, find its last vote on the chain (docs/emergency.md), and begin above it.

The first init makes the arbiter's store. Each key and chain has an init of its own, once.`,
  examples: `
tapstake fp arbiter init --arbiter etcd://127.0.0.1:2379 \\
  --key validator-1 --chain bbn-1 --from-height 5000
`,
  topics: ["home"],
  refused: "the arbiter knows the key and chain, gives no clear answer, or not confirmed",
} as const;

const init = () =>
  asking("init", INIT)
    .addOption(keyOption().makeOptionMandatory())
    .addOption(chainOption().makeOptionMandatory())
    .addOption(
      new Option("--from-height <height>", "lowest height that the key may vote for")
        .argParser(chainHeight)
        .makeOptionMandatory(),
    )
    .addOption(yesOption())
    .action(async ({ json: asJson = false, yes = false, key: name, chain, fromHeight, ...options }) => {
      const key = publicKeyNamed(peekHome(options.home), name);
      assertChainId(chain);
      await mustType(`${fromHeight}`, {
        warning: beginning(key, chain, fromHeight),
        message: "Type the height again to begin there",
        yes,
      });
      const start = { key, chainId: chain, fromHeight };
      const store = await withArbiter(options, ({ client, prefix }) => initArbiter(client, prefix, start));
      answer(
        asJson,
        { store, key, chain, fromHeight },
        () => `votes begin at ${fromHeight}, in store ${store}`,
      );
    });

const beginning = (key: Uint8Array, chain: string, height: bigint): string =>
  `From height ${height} on, ${hex.encode(key)} will vote on ${chain}. If it voted for ${height} or above anywhere before, it loses its stake.`;

const ENROL = {
  description: `Enrols this home with the arbiter and binds the key to it. From then on, the key votes here only with --arbiter. The arbiter
takes no vote at heights that this home has signed. Enrol each machine by itself, and never copy a home.

A key that is enrolled, or a signer that found something wrong, is enrolled anew only with --end-hold, and gets another
signer id. A further key of this home shares the first one's.`,
  examples: `
tapstake fp arbiter enrol --arbiter etcd://127.0.0.1:2379 --key validator-1
`,
  topics: ["home", "secrets"],
  refused: "the key is enrolled, a signer runs, or the arbiter does not know the key, or is halted",
} as const;

const enrol = () =>
  asking("enrol", ENROL)
    .addOption(keyOption().makeOptionMandatory())
    .option("--end-hold", "enrol anew a key that is enrolled, or a signer that signs nothing")
    .addOption(passphraseOption())
    .addOption(passphraseCommandOption())
    .addOption(yesOption())
    .action(async ({ json: asJson = false, yes = false, key: name, endHold = false, ...options }) => {
      const home = findHome(options.home);
      showKey(home, name);
      if (endHold) {
        await mustType("enrol", { warning: END_HOLD, message: "Type enrol to end the hold", yes });
      }
      const { publicKey, store, signer } = await withProtection(home, (protection) =>
        withPassphrase(currentPassphrase(options), async (passphrase) => {
          const key = unlockKey(home, name, passphrase);
          key.wipe();
          const state = await withArbiter(options, ({ client, prefix }) =>
            enrolSigner(protection, client, prefix, key, { endHold }),
          );
          bindKey(home, key.name, passphrase, state.store);
          return { ...state, publicKey: key.publicKey };
        }),
      );
      answer(
        asJson,
        { key: publicKey, store, signer },
        () => `enrolled as signer ${signer}, in store ${store}`,
      );
    });

const END_HOLD =
  "A signer is enrolled anew after a renewal, or once the cause of its hold is known. If the arbiter lost votes, or is another one than other machines ask, signing now can reveal the key.";

const STATUS = {
  description: `Shows the arbiter's store, its halt, where votes of each key begin, its signers, and the release and the faults of each member;
and whether this home is enrolled. It changes nothing.`,
  examples: `
tapstake fp arbiter status --arbiter etcd://127.0.0.1:2379
`,
  topics: ["home"],
  refused: "the arbiter gives no clear answer",
} as const;

const status = () =>
  asking("status", STATUS).action(async ({ json: asJson = false, ...options }) => {
    const state = readState(homeAt(options.home));
    const report = await withArbiter(options, ({ client, prefix }) => arbiterReport(client, prefix));
    answer(asJson, arbiterFacts(report, state), arbiterText);
  });

const HALT = {
  description: `While there is a halt, no signer of the arbiter signs a vote that it does not know. Do not end the halt of a store that went
back: renew it (docs/arbiter.md).`,
  examples: `
tapstake fp arbiter halt --arbiter etcd://127.0.0.1:2379 --reason "maintenance of all machines"
tapstake fp arbiter halt --arbiter etcd://127.0.0.1:2379 --end
`,
  topics: ["home"],
  refused: "the arbiter gives no clear answer, or not confirmed",
} as const;

const halt = () =>
  asking("halt", HALT)
    .option("--reason <text>", "why: each stopped signer says it")
    .addOption(new Option("--end", "end the halt").conflicts("reason"))
    .addOption(yesOption())
    .action(async ({ json: asJson = false, reason, end = false, yes = false, ...options }) => {
      if (!end && reason === undefined) throw new UsageError("give --reason, or --end to end the halt");
      if (end) {
        const warning =
          "Every signer of this arbiter will sign again. If its store lost votes, that can reveal the key.";
        await mustType("end", { warning, message: "Type end to end the halt", yes });
      }
      const changed = await withArbiter(options, async ({ client, prefix }) => {
        if (end) return endHalt(client, prefix);
        await haltArbiter(client, prefix, reason!);
        return true;
      });
      const text = changed ? "ended" : "there was no halt";
      answer(asJson, { halted: !end }, () => (end ? text : "halted: no signer signs"));
    });

const RETIRE = {
  description: `Ends a signer: its next claim finds that, and it signs nothing until a person enrols it anew. Use it for a machine that you
cannot reach. fp arbiter status lists the signers; the default is the signer of this home.`,
  examples: `
tapstake fp arbiter retire --arbiter etcd://127.0.0.1:2379 --signer 00112233445566ff
`,
  topics: ["home"],
  refused: "there is no such signer, or the arbiter gives no clear answer",
} as const;

const retire = () =>
  asking("retire", RETIRE)
    .option("--signer <id>", "signer, as status lists it (default: that of this home)")
    .action(async ({ json: asJson = false, signer: given, ...options }) => {
      const signer = given ?? ownSigner(homeAt(options.home));
      if (!/^[0-9a-f]{16}$/.test(signer))
        throw new UsageError(`a signer has 16 hexadecimal digits, not ${signer}`);
      const wasThere = await withArbiter(options, ({ client, prefix }) =>
        retireSigner(client, prefix, signer),
      );
      if (!wasThere) {
        throw new TapstakeError("arbiter-conflict", `the arbiter has no signer ${signer}`, { signer });
      }
      answer(asJson, { retired: signer }, () => `retired: ${signer}`);
    });

function ownSigner(home: Home): string {
  const state = readState(home);
  if (state) return state.signer;
  throw new UsageError("this home is not enrolled: give --signer");
}

const RENEW = {
  description: `The last step after etcd was restored, or lost votes: the store becomes a new one of the next generation, and each key and
chain begins above everything that may have been voted. Every signer must then be enrolled anew.

Danger: give for each key and chain a height above its last vote on the chain (docs/emergency.md), with a margin.`,
  examples: `
tapstake fp arbiter renew --arbiter etcd://127.0.0.1:2379 --begin validator-1@bbn-1=5000
`,
  topics: ["home"],
  refused: "a key and chain without a height, a height below the arbiter's, or not confirmed",
} as const;

const renew = () =>
  asking("renew", RENEW)
    .addOption(
      new Option(
        "--begin <key@chain=height...>",
        "where each key and chain of the arbiter begins",
      ).makeOptionMandatory(),
    )
    .addOption(yesOption())
    .action(async ({ json: asJson = false, yes = false, begin, ...options }) => {
      const home = peekHome(options.home);
      const starts = begin.map((text) => startIn(home, text));
      const warning = starts
        .map(({ key, chainId, fromHeight }) => beginning(key, chainId, fromHeight))
        .join("\n");
      await mustType("renew", { warning, message: "Type renew to begin the store anew", yes });
      const store = await withArbiter(options, ({ client, prefix }) => renewArbiter(client, prefix, starts));
      answer(asJson, { store }, () => `renewed as store ${store}: enrol every signer anew`);
    });

function startIn(home: Home, text: string): ArbiterStart {
  const match = /^([^@]+)@(.+)=(\d{1,20})$/.exec(text);
  if (!match) throw new UsageError(`--begin must be such as validator-1@bbn-1=5000, not ${text}`);
  const [, name, chainId, height] = match;
  assertChainId(chainId!);
  return { key: publicKeyNamed(home, name!), chainId: chainId!, fromHeight: chainHeight(height!) };
}
