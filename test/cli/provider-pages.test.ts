import { spawnSync } from "node:child_process";
import { cpSync, existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { DEFAULT_PATH, secretFromMnemonic } from "../../src/finality/keys/mnemonic.js";
import { type DaemonProcess, startDaemon } from "../signerd/support.js";
import { serviceArguments } from "../deploy/unit-file.js";
import { PAGES, type Page, parsePage, read } from "../support/pages.js";
import { made as go, writeEotsd, writeFpd } from "../support/go-daemons.js";
import { lightenScrypt } from "../support/light-scrypt.mjs";
import { serve } from "../support/server.js";
import { providersBlocks, UNRUN } from "../support/unrun.js";
import { inProcess } from "./in-process.js";
import { shellInProcess } from "./shell-in-process.js";
import { hasBash, hasTerminal, lineOnTerminal, type Outcome, temporaryFolder } from "./support.js";

lightenScrypt();

const PASSPHRASE = "passphrase";
const WORDS = `${"abandon ".repeat(23)}art`;
const keyAt = (path: string) => hex.encode(publicKeyOf(secretFromMnemonic(WORDS, path)));
const KEY = keyAt(DEFAULT_PATH);
const ACCOUNT = "bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu";
const TIP = 4_200_123;
const LAST_VOTE = 120_001;

const has = (command: string) => spawnSync("sh", ["-c", `command -v ${command}`]).status === 0;
const hasTools = hasBash && hasTerminal && ["curl", "jq", "openssl"].every(has);

/** What a page's blocks find when they begin, and what a reader puts in the place of words in angle brackets. */
interface Story {
  /** Whether its commands ask at a real terminal: one page's are enough, as the terminal's part in them is small. */
  readonly terminal?: "real";
  readonly filled?: Readonly<Record<string, string>>;
  /** Brings what the reader has in an empty folder before the page, and where the page begins anew. */
  readonly begin?: (cwd: string, isFresh: boolean) => Promise<void>;
  readonly prints: readonly RegExp[];
}

const STORIES: Readonly<Record<string, Story>> = {
  "docs/operators.md": {
    terminal: "real",
    // 50,000 heights would take most of this file's time.
    filled: { "<your bbn1 address>": ACCOUNT, "--count 50000": "--count 8192" },
    prints: [
      /health +serving\r?\nkey +unlocked, and ours to use/,
      /from +120000\n|128191/,
      /^tapstake_up 1$/m,
      /height +120001/,
    ],
  },
  "docs/daemon.md": {
    filled: { "<its x-only key>": keyAt("m"), "<height>": "120000", "--count 50000": "--count 256" },
    prints: [/^tapstake_signatures_total\{outcome="new",code=""\} 0$/m],
  },
  "docs/service.md": {
    begin: async (cwd) => {
      copy(await voted(), cwd);
      const [, list] = /```json\n(\{\n {2}"version": 1,\n {2}"clients"[^]*?)```/.exec(
        read("docs/service.md"),
      )!;
      writeFileSync(join(cwd, "permissions.json"), list!, { mode: 0o600 });
    },
    filled: { "IP:10.0.0.5": "IP:127.0.0.1" },
    prints: [/health +serving/, /"healthy":true/, /"subjects":/],
  },
  "docs/keys.md": {
    filled: { "<its x-only key>": keyAt("m") },
    prints: [new RegExp(KEY), new RegExp(keyAt("m"))],
  },
  "docs/migration.md": {
    begin: async (cwd) => {
      writeEotsd(join(cwd, ".eotsd"), "test");
      writeFpd(join(cwd, ".fpd"));
      writeFileSync(join(cwd, "words"), `${go.words[0]}\n`);
    },
    filled: { "bbn-1": go.chain, "<last vote>": "1298" },
    prints: [
      /votes added +294\r?\n +nothing is signed below +1298/,
      /heights +1200 to 1399/,
      /^tapstake_signatures_total\{outcome="new",code=""\} 0$/m,
    ],
  },
  "docs/emergency.md": {
    begin: async (cwd) => {
      copy(await voted(), cwd);
      copy(join(await voted(), ".tapstake"), join(cwd, "second"));
    },
    filled: { "<the height that the script prints>": `${TIP + 20}`, "<height>": `${LAST_VOTE}` },
    prints: [
      /key +unlocked, and ours to use/,
      /last vote +4200121\njailed +false\nslashed +false\nbegin above +--from-height 4200143/,
      new RegExp(`^${TIP}\n${LAST_VOTE}\ntrue$`, "m"),
      /missed_blocks_counter/,
    ],
  },
  "docs/recipes.md": {
    // The key moves to an empty home. It votes on in that of who prunes.
    begin: async (cwd, isFresh) => {
      const own = await voted();
      if (isFresh) copy(own, cwd);
      else copy(join(own, "interchange.json"), join(cwd, "interchange.json"));
    },
    filled: { "<height of the script>": `${TIP + 20}`, "--below 4100000": `--below ${LAST_VOTE}` },
    prints: [
      /votes forgotten +1\r?\nnothing is signed below +120001/,
      /pub_rand_commit/,
      /health +serving/,
      /unauthenticated_total\{method="SignEOTS"\} 0/,
    ],
  },
};

/** A page's reader, in an empty folder: what they type, one line after another, and the daemon that answers. */
class Reader {
  readonly cwd = temporaryFolder();
  readonly filled: Readonly<Record<string, string>>;
  printed = "";
  #daemon: DaemonProcess | undefined;
  /** What a shell keeps from one block to the next. */
  #exports = "";

  constructor(
    filled: Readonly<Record<string, string>>,
    lcd: string,
    private readonly terminal?: "real",
  ) {
    this.filled = { "<public key>": KEY, "<address of the node>": lcd, ...filled };
    const files = { words: WORDS, passphrase: PASSPHRASE, "hmac-key": "ab".repeat(32) };
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(join(this.cwd, name), `${text}\n`, { mode: 0o600 });
    }
    for (const name of ["cert", "key"]) {
      const given = fileURLToPath(new URL(`../fixtures/signer-tls-${name}.pem`, import.meta.url));
      cpSync(given, join(this.cwd, name === "cert" ? "signer.pem" : "signer-key.pem"));
    }
  }

  get env(): Record<string, string> {
    return { HOME: this.cwd, TAPSTAKE_HOME: join(this.cwd, ".tapstake") };
  }

  async type(script: string): Promise<void> {
    const words = Object.entries(this.filled);
    const text = words.reduce((all, [word, value]) => all.replaceAll(word, value), script);
    for (const part of partsOf(text)) await this.#run(part);
  }

  async #run(part: string): Promise<void> {
    if (/\bfp serve\b/.test(part)) return this.#serve(part);
    if (/\bfp protection (init|import)\b/.test(part)) await this.stop();
    else if (/--remote|\bfp status\b|:2113\/|--unix-socket/.test(part) && !this.#daemon)
      await this.#serve(unitsCommand(this.cwd));
    const outcome = await (ASKS.test(part) ? this.#atTerminal(part) : this.#inShell(part));
    this.#exports += [...part.matchAll(/^export .*$/gm)].map(([line]) => `${line}\n`).join("");
    this.printed += outcome.stdout;
    const { code, stdout, stderr } = outcome;
    // What a command has written, and where, is no warning; nor is what openssl says of its work.
    const said =
      code === 0
        ? stderr.replace(/^(wrote .*|-----|Certificate request self-signature ok|subject=.*|[.+*]+)\n/gm, "")
        : stdout + stderr;
    if (code !== 0 || said !== "") throw new Error(`${part}\nended with ${code}, and said\n${said}`);
  }

  async #serve(line: string): Promise<void> {
    await this.stop();
    const args = line.replace(/\\\n/g, " ").replaceAll("10.0.0.5:12582", "127.0.0.1:0").split(/\s+/).slice(3);
    const made = { home: { path: this.env["TAPSTAKE_HOME"]! }, key: { name: "validator-1" } };
    const light = new URL("../support/light-scrypt-preload.mjs", import.meta.url);
    const env = { NODE_OPTIONS: `--import=${light.href}`, TAPSTAKE_PASSPHRASE: PASSPHRASE };
    this.#daemon = await startDaemon(made, args, { locked: true, env, cwd: this.cwd });
  }

  /** Stops the daemon, if it runs. */
  async stop(): Promise<void> {
    const daemon = this.#daemon;
    this.#daemon = undefined;
    daemon?.kill("SIGTERM");
    const end = await daemon?.ended;
    if (end && end.code !== 0) throw new Error(`the daemon ended with ${end.code ?? end.signal}`);
  }

  #inShell(part: string): Promise<Outcome> {
    const { address = "none", metricsAddress = "none" } = this.#daemon ?? {};
    const there = part.replaceAll("10.0.0.5:12582", address).replaceAll("127.0.0.1:2113", metricsAddress);
    const env = {
      ...this.env,
      TAPSTAKE_PASSPHRASE: PASSPHRASE,
      ...(this.#daemon && { TAPSTAKE_REMOTE: address }),
    };
    return shellInProcess(`${this.#exports}${there}`, { cwd: this.cwd, env });
  }

  #atTerminal(part: string): Promise<Outcome> {
    const answered = new Set<string>();
    const surroundings = { env: { ...this.env, NO_COLOR: "1" }, cwd: this.cwd };
    const type = (said: string) => {
      const asked = [...said.matchAll(QUESTIONS)]
        .map(([question]) => question)
        .find((each) => !answered.has(each));
      if (asked === undefined) return undefined;
      answered.add(asked);
      return `${answerTo(asked, part, said)}\r`;
    };
    return this.terminal === "real"
      ? lineOnTerminal(part, surroundings, type)
      : shellInProcess(part, { ...surroundings, type });
  }
}

const copy = (from: string, to: string) => cpSync(from, to, { recursive: true });

let votedHome: Promise<string> | undefined;

/** A folder whose home has the key, with two votes, and beside it the interchange file of the old machine. */
const voted = () => (votedHome ??= haveVoted());

async function haveVoted(): Promise<string> {
  const { cwd, env } = new Reader({}, "none");
  const named = ["--key", "validator-1", "--chain", "bbn-1"];
  const vote = (height: number) => ["vote", ...named, "--height", `${height}`, "--hash", "ab".repeat(32)];
  for (const args of [
    ["keys", "import", "validator-1", "--mnemonic-file", join(cwd, "words")],
    ["protection", "init", ...named, "--from-height", "120000", "--yes"],
    ["commit", ...named, "--start", "120000", "--count", "100"],
    vote(LAST_VOTE - 1),
    vote(LAST_VOTE),
    ["protection", "export", "--copy", "--out", join(cwd, "interchange.json")],
  ]) {
    const secrets = { TAPSTAKE_PASSPHRASE: PASSPHRASE, TAPSTAKE_NEW_PASSPHRASE: PASSPHRASE };
    expect(await inProcess(["fp", ...args], { env: { ...env, ...secrets } })).toMatchObject({ code: 0 });
  }
  return cwd;
}

/** The commands that ask at the terminal. */
const ASKS = /^tapstake fp (?:keys (?:new|import|passphrase)|protection (?:init|import|prune))\b/;

/** The lines of a script in pieces: those that ask, and those that start the daemon, for themselves. */
function partsOf(script: string): string[] {
  const parts: string[] = [];
  let isOpen = false;
  for (const line of script.split(/(?<!\\)\n/)) {
    const isAlone = ASKS.test(line) || /\bfp serve\b/.test(line);
    if (isOpen && !isAlone) parts[parts.length - 1] += `\n${line}`;
    else parts.push(line);
    isOpen = !isAlone;
  }
  return parts.filter((part) => part.trim() !== "");
}

const QUESTIONS =
  /A passphrase|The new passphrase|The same again|Passphrase of the key|Word \d+(?=\D)|Type the height|Type the key's last vote/g;

function answerTo(question: string, line: string, said: string): string {
  if (question === "Type the height") return /--(?:from-height|below) (\d+)/.exec(line)![1]!;
  if (question === "Type the key's last vote") return `${LAST_VOTE}`;
  const [, place] = /^Word (\d+)$/.exec(question) ?? [];
  if (place === undefined) return PASSPHRASE;
  const [, shown] = said.split("Write these words down");
  return [...shown!.split("Word ")[0]!.matchAll(/\d+ ([a-z]+)/g)][Number(place) - 1]![1]!;
}

/** How the unit starts the signer, with the folders of a test. */
const unitsCommand = (cwd: string) =>
  ["tapstake", ...serviceArguments(read("deploy/systemd/tapstake.service"), cwd)]
    .join(" ")
    .replaceAll("/var/lib/tapstake/", `${cwd}/`);

/** A node's LCD on which the key has voted. */
async function startLcd(): Promise<{ readonly url: string; readonly unknown: string[] }> {
  const provider = `/babylon/finality/v1/finality_providers/${KEY}`;
  const answers: Readonly<Record<string, object>> = {
    "/cosmos/base/tendermint/v1beta1/blocks/latest": {
      block: { header: { chain_id: "bbn-1", height: `${TIP}`, time: new Date().toISOString() } },
    },
    [`/babylon/btcstaking/v1/finality_providers/${KEY}/finality_provider`]: {
      finality_provider: { highest_voted_height: LAST_VOTE, jailed: false, slashed_babylon_height: "0" },
    },
    [`${provider}/evidence`]: { code: 2, message: "codespace finality code 1110", details: [] },
    [`${provider}/power/${LAST_VOTE}`]: { voting_power: "600000" },
    [`${provider}/pub_rand_commit_list`]: { pub_rand_commit_list: [{ start_height: "120000" }] },
    "/babylon/finality/v1/params": { params: { signed_blocks_window: "10000" } },
    [`/babylon/finality/v1/signing_infos/${KEY}`]: { signing_info: { missed_blocks_counter: "0" } },
  };
  const unknown: string[] = [];
  const url = await serve((_body, { url: asked }, response) => {
    const [, height] = /^\/babylon\/finality\/v1\/votes\/(\d+)$/.exec(asked!) ?? [];
    const isOwn = height === `${LAST_VOTE}` || height === `${TIP - 2}`;
    const votes = { btc_pks: ["cd".repeat(32), ...(isOwn ? [KEY] : [])] };
    const answer = height === undefined ? answers[asked!] : votes;
    if (answer === undefined) unknown.push(asked!);
    response.writeHead(answer === undefined ? 404 : 200).end(JSON.stringify(answer ?? {}));
  });
  return { url, unknown };
}

const blocksOf = (path: string, page: Page = parsePage(read(path))) => providersBlocks(page, UNRUN[path]);

describe.skipIf(!hasTools)("the commands of a provider's page", () => {
  it.each(Object.entries(STORIES))(
    "run in order: %s",
    async (path, { terminal, filled = {}, begin, prints }) => {
      const lcd = await startLcd();
      let printed = "";
      const newReader = async (isFresh = false) => {
        const reader = new Reader(filled, lcd.url, terminal);
        await begin?.(reader.cwd, isFresh);
        return reader;
      };
      let reader = await newReader();
      for (const { isFresh, script } of blocksOf(path)) {
        if (isFresh) {
          printed += reader.printed;
          await reader.stop();
          reader = await newReader(true);
        }
        await reader.type(script);
      }
      printed += reader.printed;
      await reader.stop();
      for (const part of prints) expect(printed).toMatch(part);
      expect(lcd.unknown).toEqual([]);
      const text = read(path);
      expect(Object.keys(filled).filter((word) => !text.includes(word))).toEqual([]);
    },
  );

  it("run for every page that has provider blocks", () => {
    const marked = PAGES.filter((path) => blocksOf(path).length > 0);
    expect(marked.sort()).toEqual(Object.keys(STORIES).sort());
  });

  it("stop at the first that fails", async () => {
    const reader = new Reader({}, "none");
    await expect(reader.type("tapstake fp keys list\ntapstake --version > seen")).rejects.toThrow(
      "ended with 1, and said",
    );
    expect(existsSync(join(reader.cwd, "seen"))).toBe(false);
  });
});
