import { Command } from "@commander-js/extra-typings";
import { startNode } from "../../../regtest/index.js";
import { tellStory } from "../../../regtest/story.js";
import { jsonOption } from "../arguments.js";
import { helpText, paragraphs } from "../help.js";
import { toJson, say } from "../output.js";
import { addToChapters, type Chapter, eventText, seconds } from "../story-text.js";

const DESCRIPTION = `Tells the whole life of a stake, as it happens on a private regtest bitcoind.

Four stakes, a committee of five of whom three must sign, two finality providers: one stake is slashed because
its provider votes twice, one unbonds early, one is slashed while it unbonds, one runs out. ✓ is what the node
accepted or what was verified, ✗ what it refused as it must, with its answer. The coins are worth nothing and
the node is gone afterwards.`;

const HELP = helpText({
  examples: `
tapstake demo
tapstake demo --json
`,
  more: `bitcoind is taken from BITCOIND (a path), from PATH, or from where npm run demo of a clone
installed one; without one, a regtest node that answers at TAPSTAKE_REGTEST_URL is used
(http://user:password@127.0.0.1:port).`,
  refused: "no bitcoind, or something in the story turned out otherwise",
});

export function command() {
  return new Command("demo")
    .description(paragraphs(DESCRIPTION))
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(async ({ json }) => {
      const started = performance.now();
      const node = await startNode();
      const stopped = stopOnSignal(() => node.stop());
      const chapters: Chapter[] = [];
      try {
        if (!json) say(`bitcoind ${node.version}   (✓ accepted or verified, ✗ refused as it must be)`);
        await tellStory(node, (event) => {
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
}

/** Ctrl-C ends the node first. Returns what takes the listener away again. */
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
