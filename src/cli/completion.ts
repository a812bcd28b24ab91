import type { Node } from "./walk.js";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** A script that completes the command in a shell. The command tree gives its names and descriptions. */
export const completionOf = (shell: Shell, nodes: readonly Node[]): string => SCRIPTS[shell](nodes).trim();

const nameOf = ({ path }: Node) => ["tapstake", ...path].join(" ");
const flagsOf = ({ options }: Node) => options.flatMap(({ flags }) => flags);
const wordsOf = (node: Node) => [...node.commands.map(({ name }) => name), ...node.choices, ...flagsOf(node)];

/** `tapstake fp vote|--key`: the values of an option. Files are completed if an option has no choices. */
const valuesOf = (nodes: readonly Node[]) =>
  nodes.flatMap((node) =>
    node.options
      .filter(({ takesValue }) => takesValue)
      .flatMap(({ flags, choices }) => flags.map((flag) => ({ key: `${nameOf(node)}|${flag}`, choices }))),
  );

/** Both shells read their cases alike: the words so far name the command, the last one the option. */
const cases = (nodes: readonly Node[]) => ({
  commands: nodes.map((node) => `    '${nameOf(node)}') names='${wordsOf(node).join(" ")}' ;;`).join("\n"),
  paths: nodes.map((node) => `'${nameOf(node)}'`).join("|"),
  values: valuesOf(nodes)
    .map(({ key, choices }) => `    '${key}') isValue=1; names='${choices.join(" ")}' ;;`)
    .join("\n"),
});

/** Finds the command in the words before the cursor, then the names that may follow: shared by bash and zsh. */
function finder(nodes: readonly Node[], words: string): string {
  const { commands, paths, values } = cases(nodes);
  return `
  local at=tapstake last= word= names= isValue=
  for word in ${words}; do
    case "$at $word" in
    ${paths}) at="$at $word" ;;
    esac
    last=$word
  done
  case "$at|$last" in
${values}
    *) case "$at" in
${commands}
    esac ;;
  esac`;
}

const SCRIPTS: Readonly<Record<Shell, (nodes: readonly Node[]) => string>> = {
  bash: (nodes) => `
# bash completion of tapstake
_tapstake() {${finder(nodes, '"${COMP_WORDS[@]:1:COMP_CWORD-1}"')}
  COMPREPLY=($(compgen -W "$names" -- "\${COMP_WORDS[COMP_CWORD]}"))
  # Files, where no name is meant.
  if [ \${#COMPREPLY[@]} -eq 0 ]; then compopt -o default 2>/dev/null; fi
}
complete -F _tapstake tapstake
`,
  zsh: (nodes) => `
#compdef tapstake
# zsh completion of tapstake
_tapstake() {${finder(nodes, '"${(@)words[2,CURRENT-1]}"')}
  local -a known
  known=(\${=names})
  if (( \${#known} )); then compadd -a known; fi
  # Files, where no name is meant.
  if [[ -n $isValue && -z $names || $names == -* ]]; then _files; fi
}
if [[ $funcstack[1] == _tapstake ]]; then _tapstake "$@"; else compdef _tapstake tapstake; fi
`,
  fish: (nodes) => `
# fish completion of tapstake
function __tapstake_at
    set -l at tapstake
    for word in (commandline -opc)[2..-1]
        if contains -- "$at $word" ${nodes.map((node) => quoted(nameOf(node))).join(" ")}
            set at "$at $word"
        end
    end
    test "$at" = "$argv"
end
${nodes.flatMap(fishLines).join("\n")}
`,
};

/** In single quotes of a shell: fish reads \\' in them. */
const quoted = (text: string) => `'${text.replace(/[\\']/g, "\\$&")}'`;

function fishLines(node: Node): string[] {
  const line = (rest: string) => `complete -c tapstake -n ${quoted(`__tapstake_at ${nameOf(node)}`)} ${rest}`;
  return [
    ...node.commands.map(({ name, summary }) => line(`-f -a ${name} -d ${quoted(summary)}`)),
    ...node.choices.map((choice) => line(`-f -a ${choice}`)),
    ...node.options.map(({ flags, description, takesValue, choices }) => {
      const names = flags.map((flag) =>
        flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`,
      );
      const value = choices.length > 0 ? ` -x -a ${quoted(choices.join(" "))}` : takesValue ? " -r" : "";
      return line(`${names.join(" ")}${value} -d ${quoted(description)}`);
    }),
  ];
}
