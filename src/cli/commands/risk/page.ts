import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { TapstakeError } from "../../../core/errors.js";
import { restakingParts } from "../../../restaking/file.js";
import type { RestakingGraph } from "../../../restaking/graph.js";
import { newCommand } from "../../command.js";
import { checkOut, writeOut } from "../../files.js";
import { say } from "../../output.js";
import { GRAPH, readGraph } from "./read.js";

export const pageCommand = () =>
  newCommand("page", {
    description: `One HTML file with the graph in it: stakes, operators and services as a picture, what falls when an operator signs
twice, loads, concentration, losses, and what one more service changes. Open it by a double click.

The page loads nothing and sends nothing. It does not search for attacks as risk attack does with the package highs.`,
    examples: `
tapstake risk page restaking.json --out risk.html
`,
    refused: "an invalid file",
  })
    .argument(...GRAPH)
    .option("--out <file>", "new file for the page, instead of standard output")
    .action(async (path, { out }) => {
      await checkOut(out);
      const html = await riskPage(jsonOf(await readGraph(path)));
      if (out === undefined) return say(html.trimEnd());
      await writeOut(out, html, { what: "the page", otherwise: "Give --out another file" });
    });

/** A browser takes no longer text, and no user more patience. */
const MAX_MEGABYTES = 64;

/** @throws TapstakeError `invalid-graph` where the page would be too large */
function jsonOf(graph: RestakingGraph): string {
  const parts: string[] = [];
  let length = 0;
  for (const part of restakingParts(graph)) {
    parts.push(part);
    if ((length += part.length) <= MAX_MEGABYTES * 1024 * 1024) continue;
    const text = `restaking: the page shows at most ${MAX_MEGABYTES} MB of JSON. Use the other commands of tapstake risk`;
    throw new TapstakeError("invalid-graph", text, { path: "restaking" });
  }
  return parts.join("");
}

const PLACE = '<script type="application/json" id="graph">';

/** The page with a graph in it. */
async function riskPage(json: string): Promise<string> {
  const empty = await readFile(createRequire(import.meta.url).resolve("#risk-page"), "utf8");
  // Inside an element of a script, `<` could end it. In JSON it stands in texts only.
  const safe = json.replaceAll("<", "\\u003c");
  return empty.replace(PLACE, () => `${PLACE}${safe}`);
}
