import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, renameSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { hex, utf8 } from "../../src/core/bytes.js";
import { sha256 } from "../../src/core/hashes.js";
import { chainConfig } from "../../src/finality/chains.js";
import { EotsdHome } from "../../src/finality/go-daemons/eotsd.js";
import { findHome } from "../../src/finality/home.js";
import { unlockKey } from "../../src/finality/keys/keystore.js";
import { openProtection } from "../../src/finality/protection/protection.js";
import { Voter } from "../../src/finality/voter.js";
import { databaseOf, type GoKey, made, writeEotsd, writeFpd } from "../support/go-daemons.js";
import { refusal } from "../support/refusal.js";
import { randomOf, runs } from "../support/runs.js";
import { expectRefused, fp, passphrase } from "./fp-support.js";
import { hasTerminal, onTerminal, type Outcome, temporaryFile, temporaryFolder } from "./support.js";

const { chain, other, test: validator, file: inFile } = made;
const last = validator.lastVoted!;
/** With two letters in the wrong order. */
const mistyped = chain.replace("te", "et");

interface Moved {
  readonly publicKey: string;
  readonly chains: readonly {
    readonly chain: string;
    readonly votes: number;
    readonly lowest: string;
    readonly highest: string | null;
    readonly held: boolean;
    readonly conflicts: readonly string[];
    readonly unverified: readonly string[];
  }[];
  readonly commitments: readonly { readonly from: string; readonly to: string; readonly root: string }[];
  readonly leftOut: readonly { readonly from: string; readonly to: string; readonly why: string }[];
}

const newHome = () => join(temporaryFolder(), "home");
const eotsd = (database?: Uint8Array) => writeEotsd(temporaryFolder(), "test", database);
const eotsdOfFile = () => writeEotsd(temporaryFolder(), "file");
const fpd = (database?: Uint8Array) => writeFpd(temporaryFolder(), database);
const passphraseFile = () => temporaryFile("keyring", `${made.passphrase}\n`);

const importing = (home: string, args: readonly string[], env = {}): Promise<Outcome> =>
  fp(home, ["keys", "import", "moved", "--json", ...args], { env });

/** An import that works. */
async function moved(home: string, args: readonly string[]): Promise<Moved> {
  const { code, stdout, stderr } = await importing(home, args);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  return JSON.parse(stdout) as Moved;
}

/** What a signer of the home does. */
function asVoter<T>(home: string, use: (voter: Voter) => T, uncommitted?: string): T {
  const found = findHome(home);
  const protection = openProtection(found);
  const key = unlockKey(found, "moved", passphrase);
  try {
    return use(new Voter({ key, chain: chainConfig(found, chain), protection, uncommitted }));
  } finally {
    key.wipe();
    protection.close();
  }
}

const bytesOf = (text: string) => Uint8Array.from(hex.decode(text));

/** A message for a vote at a height, and not one that eotsd signed. */
const another = (height: number) => {
  const message = new Uint8Array(40).fill(9);
  new DataView(message.buffer).setBigUint64(0, BigInt(height));
  return message;
};

const messageAt = (height: number, hash: Uint8Array) => {
  const message = another(height);
  message.set(hash, 8);
  return message;
};

/** The application hash of the vote that the Go program made at a height. */
const hashAt = (height: number) => sha256(utf8(`block ${height}`));

const refusalOf = (voter: Voter, height: number, message: Uint8Array): string => {
  const answer = voter.voteMessage({ height: BigInt(height), message });
  return answer.kind === "refused" ? answer.code : answer.kind;
};

/** What tapstake signs at the next height is what eotsd signs. */
function expectSame(home: string, { next }: GoKey, uncommitted?: string): void {
  asVoter(
    home,
    (voter) => {
      const answer = voter.voteMessage({ height: BigInt(next.height), message: bytesOf(next.message) });
      expect(answer).toMatchObject({ kind: "new" });
      if (answer.kind === "refused") throw new Error(answer.message);
      expect(hex.encode(answer.signature)).toBe(next.signature);
      expect(hex.encode(answer.publicRandomness)).toBe(next.randomness);
    },
    uncommitted,
  );
}

describe("fp keys import --eotsd", () => {
  it("takes the key, every vote and every commitment", async () => {
    const home = newHome();
    const facts = await moved(home, ["--eotsd", eotsd(), "--fpd", fpd(), "--yes"]);
    expect(facts.publicKey).toBe(validator.publicKey);
    expect(facts.chains).toMatchObject([
      { chain, votes: validator.signed.length, lowest: `${last}`, highest: `${last}`, unverified: [] },
      { chain: other, votes: 2, lowest: "8", highest: "8" },
    ]);
    expect(facts.commitments.map(({ from, root }) => `${from} ${root}`)).toEqual(
      validator.roots!.map(({ start, root }) => `${start} ${root}`),
    );
    expect(facts.leftOut).toEqual([]);
    asVoter(home, (voter) => {
      // A vote that eotsd made: below the last one, it is not given out again.
      expect(refusalOf(voter, 1200, messageAt(1200, hashAt(1200)))).toBe("below-watermark");
      expect(refusalOf(voter, 1200, another(1200))).toBe("double-vote");
      expect(refusalOf(voter, last, another(last))).toBe("double-vote");
      expect(refusalOf(voter, last, messageAt(last, hashAt(last)))).toBe("same");
      // eotsd left this height out.
      expect(refusalOf(voter, 1249, another(1249))).toBe("below-watermark");
      expect(refusalOf(voter, 1400, another(1400))).toBe("no-commitment");
    });
    expectSame(home, validator);
  });

  it("begins above the last vote on the chain that the operator states", async () => {
    const home = newHome();
    const facts = await moved(home, [
      "--eotsd",
      eotsd(),
      "--fpd",
      fpd(),
      "--last-vote",
      `${chain}=1310`,
      "--last-vote",
      `${other}=8`,
    ]);
    expect(facts.chains[0]).toMatchObject({ lowest: "1311", highest: `${last}` });
    asVoter(home, (voter) => {
      expect(refusalOf(voter, 1310, another(1310))).toBe("below-watermark");
      expect(refusalOf(voter, 1311, another(1311))).toBe("new");
    });
  });

  it("begins above a stated last vote on a chain of chains.json that no daemon remembers", async () => {
    const home = newHome();
    expect(await fp(home, ["chains", "set", "chain-x"])).toMatchObject({ code: 0 });
    const facts = await moved(home, ["--eotsd", eotsd(), "--yes", "--last-vote", "chain-x=5000"]);
    expect(facts.chains.find((one) => one.chain === "chain-x")).toMatchObject({ lowest: "5001" });
  });

  it("reads each key of a keyring with a passphrase, and only that of --public-key", async () => {
    const folder = eotsdOfFile();
    for (const key of inFile) {
      const home = newHome();
      const facts = await moved(home, [
        "--eotsd",
        folder,
        "--yes",
        "--public-key",
        key.publicKey,
        "--keyring-passphrase-file",
        passphraseFile(),
      ]);
      expect(facts).toMatchObject({ publicKey: key.publicKey, chains: [{ votes: key.signed.length }] });
      expectSame(home, key, "committed by eotsd");
    }
    const usage = await importing(newHome(), ["--eotsd", folder, "--yes"]);
    expect(usage.stderr).toContain(`${inFile[0]!.publicKey} (alpha), ${inFile[1]!.publicKey} (beta/2)`);
  });

  it("reads the passphrase of the keyring from a command or the environment", async () => {
    const args = ["--eotsd", eotsdOfFile(), "--yes", "--public-key", inFile[0]!.publicKey];
    await moved(newHome(), [...args, "--keyring-passphrase-command", `cat ${passphraseFile()}`]);
    const outcome = await importing(newHome(), args, { TAPSTAKE_KEYRING_PASSPHRASE: made.passphrase });
    expect(outcome).toMatchObject({ code: 0 });
  });

  it("locks a key without votes until protection init", async () => {
    const home = newHome();
    const empty = withoutVotes();
    const facts = await moved(home, ["--eotsd", eotsd(empty), "--yes"]);
    expect(facts.chains).toEqual([]);
    asVoter(home, (voter) => {
      expect(() => voter.voteMessage({ height: 5n, message: another(5) })).toThrow("protection init");
    });
  });

  it("keeps a key locked that the home knew before", async () => {
    const home = newHome();
    await moved(home, ["--eotsd", eotsd(), "--yes"]);
    expect(await fp(home, ["keys", "delete", "moved", "--yes"])).toMatchObject({ code: 0 });
    const facts = await moved(home, ["--eotsd", eotsd(), "--yes"]);
    expect(facts.chains[0]).toMatchObject({ held: true, votes: 0, conflicts: [] });
    asVoter(home, (voter) => {
      expect(() => voter.voteMessage({ height: 1311n, message: another(1311) })).toThrow("protection init");
    });
  });

  it.skipIf(!hasTerminal)("asks for the last vote at a terminal", async () => {
    const args = ["fp", "keys", "import", "moved", "--eotsd", eotsd(), "--home", newHome()];
    const asked = (on: string, typed: string) => [`Type the key's last vote on ${on}`, `${typed}\r`] as const;
    const env = { TAPSTAKE_PASSPHRASE: passphrase, NO_COLOR: "1" };
    const refused = await onTerminal(args, env, asked(chain, "1200"));
    expect(refused.stdout).toContain("would-lower-mark");
    const done = await onTerminal(args, env, asked(chain, "1300"), asked(other, "8"));
    expect(done).toMatchObject({ code: 0 });
    expect(done.stdout).toMatch(/nothing is signed below +1301/);
  });
});

/** A database without a vote: that of two other keys, with the votes' public keys changed. */
function withoutVotes(): Buffer {
  const database = Buffer.from(databaseOf("eotsd-test"));
  const key = Buffer.from(validator.publicKey, "hex");
  const name = Buffer.concat([key, Buffer.from("validator")]);
  const kept = database.indexOf(name);
  for (let at = database.indexOf(key); at !== -1; at = database.indexOf(key, at + 1)) {
    const isName = database.subarray(at, at + name.length).equals(name);
    if (!isName) database[at + 31]! ^= 1;
  }
  expect(kept).toBeGreaterThan(0);
  return database;
}

describe("fp keys import --fpd", () => {
  it("takes the commitments beside a key from words", async () => {
    const home = newHome();
    const words = temporaryFile("words", made.words[0]!);
    const args = ["--mnemonic-file", words, "--path", "m", "--fpd", fpd()];
    expect((await importing(home, args)).stderr).toContain("votes-missing");
    const facts = await moved(home, [...args, "--last-vote", `${chain}=${last}`]);
    expect(facts).toMatchObject({
      chains: [{ lowest: `${last + 1}` }],
      commitments: [{ from: "900" }, { from: "1200" }],
    });
    expectSame(home, validator);
  });

  it("leaves out what is not to the key's randomness, and names it", async () => {
    const home = newHome();
    const database = Buffer.from(databaseOf("fpd"));
    // The chain of the proofs gets another name, for which the key's randomness is another.
    for (let at = database.indexOf(chain); at !== -1; at = database.indexOf(chain, at + 1))
      database.write("bbn-test-7", at);
    const facts = await moved(home, [
      "--eotsd",
      eotsd(),
      "--fpd",
      fpd(database),
      "--last-vote",
      `${chain}=${last}`,
      "--last-vote",
      `bbn-test-7=${last}`,
      "--last-vote",
      `${other}=8`,
    ]);
    expect(facts.commitments).toEqual([]);
    expect(facts.leftOut.map(({ from, to, why }) => `${from} ${to} ${why}`)).toEqual([
      expect.stringMatching(/^900 1199 it is not to the randomness of this key/),
      expect.stringMatching(/^1200 1399 it is not to the randomness of this key/),
    ]);
  });

  it("names each proof that does not verify, and keeps the commitment", async () => {
    const database = Buffer.from(databaseOf("fpd"));
    const at = proofOf(database, 1350);
    database[at + 30]! ^= 1;
    const facts = await moved(newHome(), ["--eotsd", eotsd(), "--fpd", fpd(database), "--yes"]);
    expect(facts.commitments).toHaveLength(2);
    expect(facts.leftOut).toMatchObject([{ from: "1350", to: "1350" }]);
  });
});

/** Where the proof of a height is, in the page that is in use: the one that is written last. */
function proofOf(database: Buffer, height: number): number {
  const key = Buffer.alloc(8);
  key.writeBigUInt64BE(BigInt(height));
  const whole = Buffer.concat([Buffer.from(chain), Buffer.from(validator.publicKey, "hex"), key]);
  return database.lastIndexOf(whole) + whole.length;
}

it("a folder of a daemon that is relative is looked at in one place, and named once", async () => {
  const folder = relative(process.cwd(), temporaryFolder());
  mkdirSync(join(folder, "data"));
  for (const settings of [undefined, "[dbconfig]\nDBFileName = eots.db\n"]) {
    if (settings !== undefined) writeFileSync(join(folder, "eotsd.conf"), settings);
    const { message } = refusal("file-error", () => EotsdHome.open(folder));
    const none = `there is no ${join(folder, "data", "eots.db")}. Do: `;
    expect(message.startsWith(`${folder} has no database of eotsd: ${none}`)).toBe(true);
  }
});

describe("an import that is refused", () => {
  const cases: [string, string, RegExp, () => { args: string[]; env?: object }][] = [
    [
      "no folder",
      "file-error",
      /none must be the folder of eotsd, and does not exist\. Do: give the folder that has data\/eots\.db/,
      () => ({ args: ["--eotsd", join(temporaryFolder(), "none")] }),
    ],
    [
      "no database",
      "file-error",
      /has no database of eotsd: there is no \S+\/data\/eots\.db\. Do: give the folder/,
      () => {
        const folder = eotsd();
        unlinkSync(join(folder, "data", "eots.db"));
        return { args: ["--eotsd", folder] };
      },
    ],
    [
      "two databases",
      "file-error",
      /has two databases/,
      () => {
        const folder = eotsd();
        const elsewhere = join(temporaryFolder(), "eots.db");
        writeFileSync(elsewhere, databaseOf("eotsd-test"));
        writeFileSync(join(folder, "eotsd.conf"), `[dbconfig]\nDBPath = ${join(elsewhere, "..")}\n`);
        return { args: ["--eotsd", folder] };
      },
    ],
    [
      "no keyring",
      "invalid-keyring",
      /no keyring that can be read/,
      () => {
        const folder = eotsd();
        rmSync(join(folder, "keyring-test"), { recursive: true });
        return { args: ["--eotsd", folder] };
      },
    ],
    [
      "a key's file of another key",
      "invalid-keyring",
      /it holds the key "validator"/,
      () => {
        const folder = eotsdOfFile();
        rmSync(join(folder, "keyring-file"), { recursive: true });
        const keyring = join(folder, "keyring-test");
        mkdirSync(keyring);
        renameSync(join(eotsd(), "keyring-test", "validator.info"), join(keyring, "alpha.info"));
        return { args: ["--eotsd", folder, "--public-key", inFile[0]!.publicKey] };
      },
    ],
    [
      "a torn file of a key",
      "invalid-keyring",
      /validator\.info cannot be read: it is no JWE/,
      () => {
        const folder = eotsd();
        writeFileSync(join(folder, "keyring-test", "validator.info"), "eyJ");
        return { args: ["--eotsd", folder] };
      },
    ],
    [
      "a wrong passphrase of the keyring",
      "wrong-keyring-passphrase",
      /alpha\.info[^]*^Do: Enter the passphrase that eotsd asks for/m,
      () => ({
        args: ["--eotsd", eotsdOfFile(), "--public-key", inFile[0]!.publicKey],
        env: { TAPSTAKE_KEYRING_PASSPHRASE: "another passphrase" },
      }),
    ],
    [
      "a public key that eotsd does not have",
      "key-not-found",
      /it has 2548ed/,
      () => ({ args: ["--eotsd", eotsd(), "--public-key", inFile[1]!.publicKey] }),
    ],
    [
      "a database that is cut short",
      "invalid-database",
      /eots\.db, page 15: the file ends at 65000 bytes/,
      () => ({ args: ["--eotsd", eotsd(databaseOf("eotsd-test").subarray(0, 65_000))] }),
    ],
    [
      "fpd's database in eotsd's place",
      "invalid-database",
      /there is no bucket fpKeyNames/,
      () => ({ args: ["--eotsd", eotsd(databaseOf("fpd"))] }),
    ],
    [
      "eotsd's database in fpd's place",
      "invalid-database",
      /there is no bucket finalityProviders/,
      () => ({ args: ["--eotsd", eotsd(), "--fpd", fpd(databaseOf("eotsd-test"))] }),
    ],
    [
      "a last vote below a known one",
      "would-lower-mark",
      /at height 1298/,
      () => ({ args: ["--eotsd", eotsd(), "--last-vote", `${chain}=1297`] }),
    ],
    [
      "a last vote that no chain reaches",
      "height-too-high",
      /at most 1000000000000, not 1000000000001/,
      () => ({ args: ["--eotsd", eotsd(), "--last-vote", `${chain}=1000000000000`] }),
    ],
    [
      "a last vote on a mistyped chain",
      "unknown-chain",
      new RegExp(`they know ${[chain, other].sort().join(", ")};[^]*Did you mean ${chain}\\?`),
      () => ({ args: ["--eotsd", eotsd(), "--fpd", fpd(), "--last-vote", `${mistyped}=5000`] }),
    ],
    [
      "a last vote on a chain where nothing knows one",
      "unknown-chain",
      /the chain chain-x of --last-vote: they know no chain;[^]*tapstake fp chains set chain-x/,
      () => ({ args: ["--eotsd", eotsd(withoutVotes()), "--last-vote", "chain-x=5000"] }),
    ],
    [
      "no vote in eotsd where fpd voted",
      "votes-missing",
      /eotsd remembers no vote, fpd's last vote is 1298/,
      () => ({ args: ["--eotsd", eotsd(withoutVotes()), "--fpd", fpd()] }),
    ],
    [
      "a record that does not verify",
      "votes-missing",
      /1 record cannot be trusted, the first at height 1298/,
      () => {
        const database = Buffer.from(databaseOf("eotsd-test"));
        database[proofOf(database, last) + 6]! ^= 1;
        return { args: ["--eotsd", eotsd(database)] };
      },
    ],
  ];

  it.each(cases)("for %s leaves no home: %s", async (_, code, text, given) => {
    const { args, env = {} } = given();
    const home = newHome();
    const outcome = await fp(home, ["keys", "import", "moved", "--yes", ...args], { env });
    expect(expectRefused(outcome, code)).toMatch(text);
    expect(() => findHome(home)).toThrow("there is no home");
  });

  it.each([
    [["--eotsd", "a", "--mnemonic-file", "b"]],
    [["--eotsd", "a", "--secret-file", "b"]],
    [["--mnemonic-file", "b", "--yes"]],
    [["--mnemonic-file", "b", "--last-vote", "a=1"]],
    [["--mnemonic-file", "b", "--keyring-passphrase-file", "a"]],
  ])("for options that do not go together: %j", async (args) => {
    expectRefused(await fp(newHome(), ["keys", "import", "moved", ...args]), "usage");
  });

  it("without a terminal and without a word on the last vote, it says what to give", async () => {
    const outcome = await fp(newHome(), ["keys", "import", "moved", "--eotsd", eotsd()]);
    expect(expectRefused(outcome, "usage")).toContain(`--last-vote ${chain}=<height>`);
  });
});

const hasFlock = spawnSync("flock", ["--version"]).status === 0;

describe.skipIf(!hasFlock)("a daemon that runs", () => {
  it.each(["eotsd", "fpd"])("is seen by its lock: %s", async (which) => {
    const folders = { eotsd: eotsd(), fpd: fpd() };
    const path = join(folders[which as "fpd"], "data", which === "fpd" ? "finality-provider.db" : "eots.db");
    const daemon = spawn("flock", ["-n", "-x", path, "sh", "-c", "echo locked; exec sleep 60"]);
    onTestFinished(() => void daemon.kill());
    await new Promise((resolve) => daemon.stdout.once("data", resolve));
    const args = ["--eotsd", folders.eotsd, "--fpd", folders.fpd, "--yes"];
    const outcome = await fp(newHome(), ["keys", "import", "moved", ...args]);
    expect(expectRefused(outcome, "database-in-use")).toContain(path);
  });
});

describe("a database with a wrong bit", () => {
  it("is refused, or the key begins no lower than after the whole one", async () => {
    const random = randomOf("database");
    for (let i = 0; i < runs(100); i++) {
      const database = Buffer.from(databaseOf("eotsd-test"));
      database[random.below(database.length)]! ^= 1 << random.below(8);
      const home = newHome();
      const { code, stdout, stderr } = await importing(home, ["--eotsd", eotsd(database), "--yes"]);
      if (code === 0) {
        const { chains } = JSON.parse(stdout) as Moved;
        expect(chains.find((one) => one.chain === chain)).toMatchObject({ lowest: `${last}` });
      } else expect(stderr).toMatch(/"code":"(invalid-database|votes-missing|key-mismatch)"/);
    }
  });
});
