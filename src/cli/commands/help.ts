import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { adviceText } from "../../core/advice.js";
import { adviceOf, ERROR_CODES } from "../../core/error-codes.js";
import type { ErrorCode } from "../../core/errors.js";
import { nearest } from "../../core/text.js";
import { newCommand } from "../command.js";
import { UsageError } from "../errors.js";
import { type HelpTopic, TOPICS } from "../help-topics.js";
import { jsonOption } from "../options.js";
import { answer, colors, table } from "../output.js";
import { reflowed, widthOf, wrapped } from "../wrap.js";

const HELP = {
  description: `For an error code, says what it means, what to do now, and what never to do. codes lists all codes, and topics all topics.

Every refusal begins with its code, as in "tapstake: double-vote: …".`,
  examples: `
tapstake help double-vote
tapstake help stake create
`,
  refused: "does not happen; an unknown topic is wrong usage",
};

export const command = () => {
  const help = newCommand("help", HELP)
    .argument("<topic...>", "an error code, codes, a topic or a command")
    .addOption(jsonOption());
  return help.action((words, { json = false }) => {
    // As in an error line: with its colon.
    const asked = words.join(" ");
    const topic = asked.toLowerCase().replace(/:$/, "");
    if (topic === "codes") {
      const codes = codesOf().map((code) => ({ code, means: adviceOf(code).means }));
      return answer(json, { codes }, (facts) => table(facts.codes.map(({ code, means }) => [code, means])));
    }
    if (isCode(topic)) {
      return answer(json, { code: topic, ...adviceOf(topic) }, () =>
        fitting(`${colors.bold(topic)}\n${explained(topic)}`),
      );
    }
    const found = topicNamed(topic);
    if (found)
      return answer(json, { topic, ...found }, ({ text }) => reflowed(text.trim(), widthOf(process.stdout)));
    throw unknownTopic(asked, namesOf(help));
  });
};

/** Whether `tapstake help` explains a word that names no command. */
export const explains = (word: string): boolean =>
  word === "codes" || isCode(word) || topicNamed(word) !== undefined;

/** What is known of a code, and where its reader finds the page that it names. */
function explained(code: ErrorCode): string {
  const text = adviceText(code);
  return text.includes("docs/emergency.md") ? `${text}\nMore: tapstake help emergency` : text;
}

const fitting = (text: string) => wrapped(text, widthOf(process.stdout));

const isCode = (text: string): text is ErrorCode => Object.hasOwn(ERROR_CODES, text);

const codesOf = () => Object.keys(ERROR_CODES) as ErrorCode[];

const topicNamed = (name: string): HelpTopic | undefined =>
  Object.hasOwn(TOPICS, name) ? TOPICS[name] : undefined;

/** All names that help knows. */
const namesOf = ({ parent }: CommandUnknownOpts): string[] => [
  ...(parent?.commands.map((each) => each.name()) ?? []),
  "codes",
  ...codesOf(),
  ...Object.keys(TOPICS),
];

function unknownTopic(topic: string, names: readonly string[]): UsageError {
  const near = nearest(topic, names) ?? names.find((name) => name.split("-").includes(topic));
  const meant = near === undefined ? "" : ` (Did you mean ${near}?)`;
  return new UsageError(`no command, error code or topic is named '${topic}'${meant}`);
}
