import { type Block, type Page, scriptOf } from "./pages.js";

const INSTALLS = "installs software, for minutes";
const ADMINISTRATOR = "changes the machine, as an administrator";
const OTHER_USER = "is another user's shell; the lines in it run";
const EXAMPLE = "is an example, which .ci/run and test/pages run";
const ENGINE = "needs a container engine; test/deploy parses the commands";
const PUBLIC = "locks coins on mainnet; other blocks run the same commands on regtest";

const SERVER = "asks a public server; test/cli runs the commands against a simulated one";

/**
 * What stands in the pages and does not run, with its reason: a whole block with the mark `no-run` by its first line,
 * or a line of a block with the mark `provider`.
 */
export const UNRUN: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "README.md": { "git clone <url> && cd tapstake # <url> is the URL of this repository": INSTALLS },
  "CONTRIBUTING.md": {
    "git clone <url> && cd tapstake # <url> is the URL of this repository": INSTALLS,
    "npm test                                             # all": "runs the tests that run this one",
  },
  "deploy/README.md": {
    "cd /opt/tapstake/lib/node_modules/tapstake/deploy": "needs systemd, as an administrator",
    "sudo useradd --system --create-home --base-dir /var/lib --shell /usr/sbin/nologin tapstake-watch":
      ADMINISTRATOR,
    "sudo install --directory --mode 700 /etc/tapstake-watch": ADMINISTRATOR,
    "npm ci": INSTALLS,
    "sudo install --directory --mode 711 /etc/tapstake": ADMINISTRATOR,
    "docker compose run --rm signer fp keys new validator-1": ENGINE,
    "docker compose run --rm watch watch init --network mainnet --store watch.db": ENGINE,
  },
  "docs/emergency.md": {
    "sudo -iu tapstake": OTHER_USER,
    exit: OTHER_USER,
    "journalctl --no-pager --lines 20 --unit tapstake": "needs systemd, with the service in it",
  },
  "docs/keys.md": {
    "systemd-creds encrypt --name=passphrase passphrase /etc/tapstake/passphrase.cred":
      "needs systemd, as an administrator; test/cli/fp-passphrase-command.test.ts runs systemd-creds",
  },
  "docs/operators.md": {
    "git clone <url of the repository> tapstake": INSTALLS,
    "sudo useradd --system --create-home --base-dir /var/lib --shell /bin/bash tapstake": ADMINISTRATOR,
    "sudo chmod 700 /var/lib/tapstake": ADMINISTRATOR,
    "sudo -iu tapstake": OTHER_USER,
    "sudo install --directory --mode 700 /etc/tapstake": ADMINISTRATOR,
    "sudo cp /opt/tapstake/lib/node_modules/tapstake/deploy/systemd/tapstake.service /etc/systemd/system/":
      "needs systemd, as an administrator",
  },
  "docs/recipes.md": {
    "NODE_OPTIONS=--experimental-vm-modules npx jest":
      "needs jest, which is no dependency; .ci/run compiles and requires",
    "export TAPSTAKE_ESPLORA=https://blockstream.info/api": PUBLIC,
    "openssl rand -hex 32 | sudo install --mode 600 /dev/stdin /var/lib/tapstake/hmac-key --owner tapstake":
      ADMINISTRATOR,
  },
  "docs/registration.md": {
    "tapstake register unjail --fp $FP --address $ACCOUNT --check --lcd https://lcd.example": SERVER,
  },
  "docs/stakers.md": {
    "tapstake pop make --address $ACCOUNT --secret-file staker.key --out proof.json": SERVER,
    "tapstake register inclusion-proof stake.json --address $ACCOUNT --rpc $RPC --send --lcd $LCD --chain bbn-1 \\":
      SERVER,
    "tapstake register undelegate stake.json --transaction unbonding.hex --address $ACCOUNT --rpc $RPC --send --lcd $LCD \\":
      SERVER,
    "bitcoind -regtest -daemonwait -fallbackfee=0.0001":
      "takes the ports of a node that the reader may have; the tests start one on free ports",
    "tapstake stake create --params mainnet-phase1 --staker $STAKER --fp $FP --time 64000 --value 600000 \\":
      PUBLIC,
  },
  "docs/service.md": {
    "sudo cp /opt/tapstake/lib/node_modules/tapstake/deploy/systemd/tapstake.service /etc/systemd/system/":
      "needs systemd, as an administrator",
  },
  "docs/testing.md": {
    "NODE_OPTIONS=--experimental-vm-modules npx jest --testMatch '**/*.test.mjs' --transform '{}' --testTimeout 120000":
      "needs Jest, which is not a dependency",
  },
  "docs/wallets.md": {
    "npm run example -- wallet": EXAMPLE,
    "npm run example -- browser": EXAMPLE,
  },
};

const MARKS: ReadonlySet<string> = new Set(["", "fresh", "provider", "provider fresh", "no-run"]);

/** What is wrong with the mark of a block; undefined when nothing is. */
export function wrongMark(
  { language, mark, code }: Block,
  unrun: Readonly<Record<string, string>> = {},
): string | undefined {
  if (mark !== "" && language !== "bash" && language !== "console") return `${language} has no marks`;
  if (!MARKS.has(mark)) return `unknown mark: ${mark}`;
  const [first] = code.split("\n");
  const isListed = mark !== "no-run" || Object.hasOwn(unrun, first!);
  return isListed ? undefined : `not in test/support/unrun.ts, with a reason: ${first}`;
}

/** The entries of a page's table that no block of the page needs. */
export function needless({ blocks }: Page, unrun: Readonly<Record<string, string>> = {}): string[] {
  const needed = new Set(
    blocks.flatMap(({ mark, code }) => {
      const lines = code.split("\n");
      if (mark === "no-run") return lines.slice(0, 1);
      return isProviders(mark) ? lines : [];
    }),
  );
  return Object.keys(unrun).filter((line) => !needed.has(line));
}

const isProviders = (mark: string) => /^provider\b/.test(mark);

/** The blocks of a page that test/cli/provider-pages.test.ts runs, without the lines that do not run. */
export const providersBlocks = (
  page: Page,
  unrun: Readonly<Record<string, string>> = {},
): { readonly line: number; readonly isFresh: boolean; readonly script: string }[] =>
  page.blocks
    .filter(({ mark }) => isProviders(mark))
    .map((block) => ({
      line: block.line,
      isFresh: block.mark.endsWith("fresh"),
      script: scriptOf(block)!
        .split("\n")
        .filter((line) => !Object.hasOwn(unrun, line))
        .join("\n"),
    }));
