import { Option } from "@commander-js/extra-typings";
import { startNode } from "../../../regtest/index.js";
import type { StoryEvent } from "../../../regtest/narrator.js";
import { tellRestakingStory } from "../../../regtest/restaking-story.js";
import { tellStory } from "../../../regtest/story.js";
import { tellTowerStory } from "../../../regtest/tower-story.js";
import { newCommand } from "../command.js";
import { jsonOption } from "../options.js";
import { colors, say, toJson } from "../output.js";

const DEMO = {
  description: `Four stakes, a committee of five with a quorum of three, two finality providers. One stake is slashed because its
provider votes twice. One unbonds early. One is slashed while it unbonds. One reaches the end of its time lock.

✓ marks what the node accepted or tapstake verified. ✗ marks what the node refused as it should, with the node's answer.
The coins have no value, and the node is removed afterwards.`,
  examples: `
tapstake demo
tapstake demo --watch
tapstake demo --restaking
`,
  more: `With --watch, the second act: tapstake watch run, in a process of its own, slashes everything after
one double vote, while a staker tries to unbond. No one touches it.

With --restaking: one stake behind two providers of two chains. One votes twice, and the node
shows what the graph of the stakes said before: who loses what.

tapstake starts the bitcoind of BITCOIND (a path), of PATH, or the one that npm run demo installed.
Without one, it uses the regtest node at TAPSTAKE_REGTEST_URL (http://user:password@127.0.0.1:port).`,
  refused: "no bitcoind, or a step that ended otherwise than expected",
};

export const command = () =>
  newCommand("demo", DEMO)
    .addOption(
      new Option("--watch", "the second act: a watchtower slashes after a double vote").conflicts(
        "restaking",
      ),
    )
    .option("--restaking", "stakes behind two chains: the forecast of a double vote, and what happens")
    .addOption(jsonOption())
    .action(async ({ json, restaking, watch }) => {
      const tell = watch ? tellTowerStory : restaking ? tellRestakingStory : tellStory;
      const started = performance.now();
      const node = await startNode();
      const stopped = stopOnSignal(() => node.stop());
      const chapters: Chapter[] = [];
      try {
        if (!json) say(`bitcoind ${node.version}   (✓ accepted or verified, ✗ refused as it must be)`);
        await tell(node, (event) => {
          addToChapters(chapters, event);
          if (!json) say(eventText(event));
        });
      } finally {
        stopped();
        await node.stop();
      }
      const took = seconds(performance.now() - started);
      say(json ? toJson({ node: node.version, seconds: took, chapters }) : `\nAll of it took ${took} s.`);
    });

/** Ends the node before Ctrl-C ends the process. Returns a function that removes the listener. */
function stopOnSignal(stop: () => Promise<void>): () => void {
  const listeners = (["SIGINT", "SIGTERM"] as const).map((signal) => {
    const listener = () => {
      const exit = () => process.exit(signal === "SIGINT" ? 130 : 143);
      stop().then(exit, exit);
    };
    process.once(signal, listener);
    return () => process.off(signal, listener);
  });
  return () => listeners.forEach((remove) => remove());
}

/** A chapter of the demo as data. */
export interface Chapter {
  readonly title: string;
  readonly events: Omit<StoryEvent, "chapter">[];
}

/** Adds an event to its chapter; a chapter's own event opens it. */
export function addToChapters(chapters: Chapter[], { chapter, ...event }: StoryEvent): void {
  let current = chapters.at(-1);
  if (current?.title !== chapter) {
    current = { title: chapter, events: [] };
    chapters.push(current);
  }
  if (event.kind !== "chapter") current.events.push(event);
}

const COLUMNS = 100;
const INDENT = "    ";

/** An event for a terminal of 100 columns. */
export function eventText({ chapter, kind, text, why, txid, answer, said }: StoryEvent): string {
  if (kind === "chapter") return `\n${colors.bold(chapter)}`;
  const mark = kind === "done" ? colors.green("✓") : colors.yellow("✗");
  return [
    ...wrap(text).map((line, i) => (i === 0 ? `  ${mark} ${line}` : `${INDENT}${line}`)),
    ...(answer === undefined ? [] : wrap(`bitcoind: ${answer}`).map((line) => INDENT + colors.yellow(line))),
    ...(said === undefined ? [] : wrap(`tower: ${said}`).map((line) => INDENT + colors.yellow(line))),
    ...(why === undefined ? [] : wrap(why).map((line) => INDENT + colors.dim(line))),
    ...(txid === undefined ? [] : [INDENT + colors.dim(`txid ${txid}`)]),
  ].join("\n");
}

/** Milliseconds as seconds, to a tenth. */
const seconds = (milliseconds: number): number => Math.round(milliseconds / 100) / 10;

function wrap(text: string): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > COLUMNS - INDENT.length) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
