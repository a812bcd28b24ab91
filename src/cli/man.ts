import type { Node } from "./walk.js";

export { walk } from "./walk.js";

/** The manual page of the command (section 1), in roff: each command with its options. */
export function manPage(nodes: readonly Node[], version: string): string {
  const [program, ...commands] = nodes;
  const lines = [
    `.TH TAPSTAKE 1 "" "tapstake ${version}"`,
    ".SH NAME",
    "tapstake \\- stake bitcoin on Babylon: build, sign, check and send every transaction of a stake",
    ".SH SYNOPSIS",
    `.B tapstake`,
    text("<command> [options]"),
    ".SH OPTIONS",
    ...program!.options.flatMap(option),
    ".SH COMMANDS",
    ...commands.flatMap((node) => [
      `.SS ${text(["tapstake", ...node.path, ...node.command.registeredArguments.map(argument)].join(" "))}`,
      text(`${node.command.summary()}. ${node.command.description()}`),
      ...node.options.filter(({ flags }) => !flags.includes("--help")).flatMap(option),
    ]),
    ".SH EXIT STATUS",
    ...[
      ["0", "done"],
      ["1", "refused: standard error says why, with the code of the error"],
      ["2", "wrong usage"],
      ["130", "Ctrl-C at a question"],
    ].flatMap(([code, means]) => [".TP", code!, means!]),
    ".SH SEE ALSO",
    text(
      "tapstake <command> --help has examples; tapstake help topics and tapstake help codes explain more.",
    ),
  ];
  return `${lines.join("\n")}\n`;
}

const option = ({ flags, takesValue, description }: Node["options"][number]) => [
  ".TP",
  `.B ${text(`${flags.join(", ")}${takesValue ? " <value>" : ""}`)}`,
  text(description),
];

const argument = (one: Node["command"]["registeredArguments"][number]) => {
  const name = `${one.name()}${one.variadic ? "..." : ""}`;
  return one.required ? `<${name}>` : `[${name}]`;
};

/** Escapes text: roff treats some of its characters as its own. */
const text = (plain: string) =>
  plain
    .replace(/\\/g, "\\e")
    .replace(/-/g, "\\-")
    .replace(/^(?=[.'])/gm, "\\&")
    .replace(
      /[^\n\x20-\x7e]/gu,
      (letter) => `\\[u${letter.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}]`,
    )
    .replace(/\n{2,}/g, "\n.PP\n");
