import { TapstakeError } from "../../../../core/errors.js";
import { type DamagedKey, listKeys } from "../../../../finality/keys/keystore.js";
import { homeCommand } from "../../../fp-options.js";
import { helpText } from "../../../help.js";
import { keyFacts } from "../../../key-text.js";
import { answer, colors, table } from "../../../output.js";

const DESCRIPTION = `Lists the keys of the home. Nothing here is secret, and no passphrase is needed; so what a file
says is taken on trust until its key is unlocked.

A key whose file is damaged, or open to others, is listed with the code of what is wrong, which is explained on
standard error; the exit code is 1 then, as somebody has to see to it. The other keys can be used.`;

const HELP = helpText({
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
(umask 077 && tapstake fp keys new validator-1 > words)
tapstake fp keys list
tapstake fp keys list --json
`,
  refused: "a damaged key file, or one that others can reach",
});

export const command = () =>
  homeCommand("list", { description: DESCRIPTION, help: HELP }, (home, asJson) => {
    const { keys, damaged } = listKeys(home);
    const facts = {
      keys: keys.map(keyFacts),
      damaged: damaged.map(({ name, error: { code, message } }) => ({ name, code, message })),
    };
    answer(asJson, facts, () =>
      keys.length + damaged.length === 0
        ? `no keys in ${home.keysFolder}: make one with tapstake fp keys new`
        : listText(facts),
    );
    if (damaged.length > 0) throw damageError(damaged);
  });

interface Facts {
  readonly keys: readonly { readonly name: string; readonly publicKey: string; readonly origin: string }[];
  readonly damaged: readonly { readonly name: string; readonly code: string }[];
}

function listText({ keys, damaged }: Facts): string {
  const rows = [
    ...keys.map(({ name, publicKey, origin }) => [name, `${publicKey}  ${origin}`] as const),
    ...damaged.map(({ name, code }) => [name, `${colors.red("damaged")}  ${code}`] as const),
  ];
  return table(rows.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function damageError(damaged: readonly DamagedKey[]): TapstakeError {
  const names = damaged.map(({ name }) => name);
  const [first] = damaged;
  const message =
    damaged.length === 1
      ? first!.error.message
      : `${damaged.length} keys cannot be used:\n${damaged.map(({ error }) => `  ${error.message}`).join("\n")}`;
  return new TapstakeError(first!.error.code, message, { names });
}
