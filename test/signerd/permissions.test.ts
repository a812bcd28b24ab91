import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { commitRemotely } from "../../src/signer-client/commit.js";
import { readPermissions } from "../../src/signerd/permissions.js";
import { expectDone, expectRefused } from "../cli/fp-support.js";
import { inProcess } from "../cli/in-process.js";
import { temporaryFile, temporaryFolder } from "../cli/support.js";
import {
  type Authority,
  type CertificateFiles,
  hasOpenssl,
  newAuthority,
  tlsWith,
} from "../support/certificates.js";
import { failure as expectFailure } from "../support/errors.js";
import { eventually } from "../support/eventually.js";
import { refusal } from "../support/refusal.js";
import {
  addKey,
  ballot,
  CHAIN,
  connect,
  HMAC_KEY,
  homeWithKey,
  PASSPHRASE,
  startDaemon,
  startSigner,
  type TestHome,
} from "./support.js";

const fixture = (name: string) =>
  fileURLToPath(new URL(`../fixtures/signer-tls-${name}.pem`, import.meta.url));
const read = (name: string) => readFileSync(fixture(name));
const serverCa = read("cert");

const OTHER_CHAIN = "chain-a";

/** A list in a file of its own. */
function listFile(clients: readonly object[]): string {
  const path = join(temporaryFolder(), "permissions.json");
  writeFileSync(path, JSON.stringify({ version: 1, clients }), { mode: 0o600 });
  return path;
}

const client = (certificate: object, ...allow: object[]) => ({ name: "fpd", certificate, allow });
const may = (requests: readonly string[], key = "validator-1", chain = CHAIN) => ({ key, chain, requests });

describe("a list of permissions", () => {
  const { home } = homeWithKey();
  const good = client({ commonName: "fpd" }, may(["vote"]));

  it("is read, with a key by its name or as hexadecimal, and a fingerprint in any form", () => {
    const print = "AB:".repeat(31) + "cd";
    const path = listFile([good, client({ sha256: print }), client({ dnsName: "A.example" })]);
    expect(readPermissions(path, home).clients.map(({ certificate }) => certificate)).toEqual([
      { commonName: "fpd" },
      { sha256: "ab".repeat(31) + "cd" },
      { dnsName: "a.example" },
    ]);
  });

  it.each<[string, object, RegExp]>([
    ["an unknown field", { ...good, all: true }, /\.clients\[0\]\.all: unknown field$/],
    ["no certificate", client({}), /\.clients\[0\]\.certificate: must have exactly one of sha256/],
    [
      "two names of a certificate",
      client({ commonName: "a", uri: "b:c" }),
      /\.clients\[0\]\.certificate: must have exactly one/,
    ],
    [
      "a misspelt name of a certificate",
      client({ cn: "a" }),
      /\.clients\[0\]\.certificate\.cn: unknown field$/,
    ],
    [
      "a wildcard",
      client({ dnsName: "*.example" }),
      /certificate\.dnsName: must be a DNS name without a wildcard/,
    ],
    ["a short fingerprint", client({ sha256: "ab" }), /certificate\.sha256: must be the SHA-256/],
    [
      "a key that the home does not have",
      client({ commonName: "a" }, may(["vote"], "validator-9")),
      /\.clients\[0\]\.allow\[0\]\.key: this home has no key validator-9: /,
    ],
    [
      "a public key that the home does not have",
      client({ commonName: "a" }, may(["vote"], "11".repeat(32))),
      /\.clients\[0\]\.allow\[0\]\.key: this home has no key 1111/,
    ],
    [
      "another kind of request",
      client({ commonName: "a" }, may(["vote", "slash"])),
      /\.allow\[0\]\.requests\[1\]: must be /,
    ],
    [
      "no chain id",
      client({ commonName: "a" }, may(["vote"], "validator-1", "a b")),
      /chain: must be a chain id without a wildcard/,
    ],
    ...["*", "bbn-*", "bbn-?"].map((chain): [string, object, RegExp] => [
      `the wildcard ${chain} for a chain`,
      client({ commonName: "a" }, may(["vote"], "validator-1", chain)),
      /\.allow\[0\]\.chain: must be a chain id without a wildcard/,
    ]),
  ])("is refused with %s, by its file and field", (_what, entry, message) => {
    const path = listFile([entry]);
    const error = refusal("invalid-permissions", () => readPermissions(path, home));
    expect(error.message).toMatch(message);
    expect(error.message).toContain(path);
  });

  it("is refused without clients, with one certificate twice, in another version, and as no JSON", () => {
    const refuse = (path: string) =>
      refusal("invalid-permissions", () => readPermissions(path, home)).message;
    expect(refuse(listFile([]))).toMatch(/\.clients: must have a client/);
    expect(refuse(listFile([good, good]))).toMatch(
      /\.clients\[1\]\.certificate: names a certificate that an earlier/,
    );
    const path = listFile([good]);
    writeFileSync(path, '{"version": 2, "clients": []}');
    expect(refuse(path)).toMatch(/\.version: must be /);
    writeFileSync(path, "[]");
    expect(refuse(path)).toMatch(/permissions\.json: must be Object, not an array of 0$/);
    writeFileSync(path, "{");
    expect(refuse(path)).toMatch(/not JSON$/);
  });

  it("is refused where others can write to it", () => {
    const path = listFile([good]);
    chmodSync(path, 0o620);
    const { message } = refusal("insecure-permissions", () => readPermissions(path, home));
    expect(message).toContain("others than its owner can write to it");
    chmodSync(path, 0o644);
    expect(readPermissions(path, home).clients).toHaveLength(1);
  });
});

if (!hasOpenssl)
  process.emitWarning("not tested, as there is no openssl: clients' certificates of the signer");

describe.skipIf(!hasOpenssl)("a signer with a list of permissions", () => {
  let authority: Authority;
  let fpd: CertificateFiles;
  let stranger: CertificateFiles;
  beforeAll(() => {
    authority = newAuthority();
    fpd = authority.issue("fpd", { names: "DNS:fpd.example,URI:spiffe://example/fpd" });
    stranger = newAuthority().issue("fpd", { names: "DNS:fpd.example" });
  });

  const tls = () => ({
    certificate: serverCa,
    key: read("key"),
    clientCa: readFileSync(authority.file),
  });

  /** A signer with two keys and the list, and a client for each certificate. */
  async function started(clients: readonly object[], more: object = {}) {
    const made = homeWithKey(undefined, [CHAIN, OTHER_CHAIN]);
    const other = addKey(made.home, "validator-2", new Uint8Array(32).fill(7));
    const permissionsFile = listFile(clients);
    const unlock = ["validator-1", "validator-2"].map((key) => ({ key, passphrase: PASSPHRASE }));
    const signer = await startSigner(made, { tls: tls(), permissionsFile, unlock, ...more });
    const as = (certificate: CertificateFiles, extra: object = {}) =>
      connect(signer.address, { tls: tlsWith(serverCa, certificate), timeout: 20_000, ...extra });
    return { made, other, signer, as, permissionsFile };
  }

  const voteOf = ({ key }: TestHome, height: bigint, chainId = CHAIN) => ({
    key: key.publicKey,
    chainId,
    height,
    message: ballot(height),
  });

  it("serves the client that it names, by each kind of name", async () => {
    for (const named of [
      { commonName: "fpd" },
      { dnsName: "FPD.example" },
      { uri: "spiffe://example/fpd" },
      { sha256: fpd.sha256 },
    ]) {
      const { made, as } = await started([client(named, may(["vote"]))]);
      expect(await as(fpd).signEots(voteOf(made, 10n))).toMatchObject({ outcome: "new" });
    }
  });

  it("warns of a chain that is neither configured nor known, at the start and after a reload", async () => {
    const mistyped = CHAIN.toUpperCase();
    const list = (chain: string) => [client({ commonName: "fpd" }, may(["vote"], "validator-1", chain))];
    const { signer, permissionsFile } = await started([...list(CHAIN)]);
    expect(signer.warnings).toEqual([]);
    writeFileSync(permissionsFile, JSON.stringify({ version: 1, clients: list(mistyped) }));
    signer.reloadPermissions();
    const said = `--permissions: chain "${mistyped}" is neither configured nor known here`;
    expect(signer.logged()).toContain(JSON.stringify(said).slice(1, -1));
    const next = await started(list(mistyped));
    expect(next.signer.warnings).toEqual([expect.stringContaining(said)]);
    expect(next.signer.logged()).toContain(JSON.stringify(said).slice(1, -1));
  });

  it("refuses in TLS a client without a certificate, of another authority, and one that has expired", async () => {
    const { signer, as } = await started([client({ commonName: "fpd" }, may(["vote"]))]);
    const bare = connect(signer.address, { tls: { ca: serverCa }, timeout: 20_000 });
    const expired = authority.issue("fpd", { expired: true });
    for (const each of [bare, as(stranger), as(expired)]) {
      const { message } = await expectFailure(each.ping(), "signer-unreachable");
      expect(message).toContain("--tls-client");
    }
    await eventually(() => {
      const lines = signer.logged().match(/"msg":"TLS refused a connection"/g) ?? [];
      expect(lines.length).toBeGreaterThanOrEqual(3);
    });
    expect(signer.logged()).toMatch(/"reason":"[^"]*certificate[^"]*"/);
    await as(fpd).ping();
  });

  it("refuses another key, another chain and another kind of request, with a code, and logs it", async () => {
    const { made, other, signer, as } = await started([client({ commonName: "fpd" }, may(["vote"]))]);
    const caller = as(fpd);
    const { publicKey: key } = made.key;
    const refused: [Promise<unknown>, string][] = [
      [
        caller.signEots({ ...voteOf(made, 10n), key: other.publicKey }),
        `may not ask for "vote" with key ${hex.encode(other.publicKey)}`,
      ],
      [caller.signEots(voteOf(made, 10n, OTHER_CHAIN)), `on chain ${OTHER_CHAIN}`],
      [
        caller.signBatchEots({ key, chainId: OTHER_CHAIN, votes: [{ height: 10n, message: ballot(10n) }] }),
        `on chain ${OTHER_CHAIN}`,
      ],
      [
        caller.createRandomnessPairList({ key, chainId: OTHER_CHAIN, startHeight: 1n, count: 1 }),
        'may not ask for "info"',
      ],
      [caller.signSchnorr({ key, digest: new Uint8Array(32) }), 'may not ask for "commit"'],
      [caller.unlockKey({ key, passphrase: PASSPHRASE }), 'may not ask for "unlock"'],
      [caller.backup(), "fp protection backup"],
    ];
    for (const [call, said] of refused) {
      expect((await expectFailure(call, "client-not-permitted")).message).toContain(said);
    }
    expect(signer.logged()).toContain('"code":"client-not-permitted"');
    // What it may do, and the public randomness that goes with it.
    expect(await caller.signEots(voteOf(made, 10n))).toMatchObject({ outcome: "new" });
    expect(
      await caller.createRandomnessPairList({ key, chainId: CHAIN, startHeight: 10n, count: 1 }),
    ).toHaveLength(1);
    await caller.ping();
    // A certificate of the right authority that the list does not name may not even ping.
    await expectFailure(as(authority.issue("another")).ping(), "client-not-permitted");
  });

  it("keeps commitments of one chain from a client of another, once their randomness was handed out", async () => {
    const commits = authority.issue("committer");
    const { made, as } = await started([
      client({ commonName: "fpd" }, may(["commit"], "validator-1", OTHER_CHAIN)),
      client({ commonName: "committer" }, may(["commit"])),
    ]);
    const { publicKey: key } = made.key;
    const chain = { id: CHAIN, minCount: 1 };
    let digest: Uint8Array | undefined;
    const caller = as(commits);
    const spy = {
      ...caller,
      signSchnorr: (request: Parameters<typeof caller.signSchnorr>[0]) => {
        ({ digest } = request);
        return Promise.reject(new Error("not yet"));
      },
    };
    await expect(commitRemotely(spy, { key, chain, start: 1n, count: 4 })).rejects.toThrow("not yet");
    const { message } = await expectFailure(
      as(fpd).signSchnorr({ key, digest: digest! }),
      "client-not-permitted",
    );
    expect(message).toContain(`on chain ${CHAIN}`);
    expect((await commitRemotely(caller, { key, chain, start: 1n, count: 4 })).commitment.count).toBe(4);
  });

  it("still wants the HMAC where there is a key for it, and needs none on other addresses", async () => {
    const list = [client({ commonName: "fpd" }, may(["vote"]))];
    const both = await started(list, { hmacKey: HMAC_KEY });
    await expectFailure(both.as(fpd).signEots(voteOf(both.made, 10n)), "unauthenticated");
    const keyed = both.as(fpd, { hmacKey: HMAC_KEY });
    expect(await keyed.signEots(voteOf(both.made, 10n))).toMatchObject({ outcome: "new" });
    const open = await started(list, { address: "0.0.0.0:0" });
    expect(open.signer.logged()).toContain('"authenticated":true');
    const alone = { tls: { certificate: serverCa, key: read("key") }, address: "0.0.0.0:0" };
    await expectFailure(startSigner(homeWithKey(), alone), "insecure-address");
  });

  it("changes with its file at SIGHUP, for open connections too, and stays as it was with a bad one", async () => {
    const made = homeWithKey();
    const list = (requests: readonly string[]) =>
      JSON.stringify({ version: 1, clients: [client({ commonName: "fpd" }, may(requests))] });
    const permissions = listFile([client({ commonName: "fpd" }, may(["vote"]))]);
    const key = temporaryFile("key.pem", read("key").toString());
    const args = ["--tls-cert", fixture("cert"), "--tls-key", key];
    const daemon = await startDaemon(made, [
      ...args,
      "--tls-client-ca",
      authority.file,
      "--permissions",
      permissions,
    ]);
    const caller = connect(daemon.address, { tls: tlsWith(serverCa, fpd), timeout: 20_000 });
    expect(await caller.signEots(voteOf(made, 10n))).toMatchObject({ outcome: "new" });
    const reloadWith = async (content: string, said: string) => {
      writeFileSync(permissions, content);
      daemon.kill("SIGHUP");
      await eventually(() => expect(daemon.logged()).toContain(said));
    };
    await reloadWith("{", "the earlier list of permissions holds");
    expect(await caller.signEots(voteOf(made, 11n))).toMatchObject({ outcome: "new" });
    await reloadWith(list(["info"]), "reloaded the list of permissions");
    await expectFailure(caller.signEots(voteOf(made, 12n)), "client-not-permitted");
    // The commands show a certificate by one option, from one file or two.
    const status = ["fp", "status", "--remote", daemon.address, "--tls-ca", fixture("cert")];
    expectDone(await inProcess([...status, "--tls-client", fpd.certificate, fpd.key]));
    const pem = join(temporaryFolder(), "both.pem");
    writeFileSync(pem, `${readFileSync(fpd.key, "utf8")}${readFileSync(fpd.certificate, "utf8")}`, {
      mode: 0o600,
    });
    const env = { TAPSTAKE_TLS_CLIENT: pem };
    const named = ["--key", hex.encode(made.key.publicKey), "--chain", CHAIN];
    expectDone(await inProcess([...status, ...named], { env }));
    expect(expectRefused(await inProcess(status), "signer-unreachable")).toContain("--tls-client");
    const wrong = ["--tls-client", fpd.certificate, stranger.key];
    expect(expectRefused(await inProcess([...status, ...wrong]), "invalid-certificate")).toContain(
      "another certificate",
    );
  });

  it("is started with both options only, and without those that sign anything", async () => {
    const made = homeWithKey();
    const serve = ["fp", "serve", "--home", made.home.path, "--address", "127.0.0.1:0", "--no-metrics"];
    const key = temporaryFile("key.pem", read("key").toString());
    const own = ["--tls-cert", fixture("cert"), "--tls-key", key];
    const permissions = listFile([client({ commonName: "fpd" }, may(["vote"], "validator-9"))]);
    const both = ["--tls-client-ca", authority.file, "--permissions", permissions];
    expect(
      expectRefused(await inProcess([...serve, ...own, "--permissions", permissions]), "usage"),
    ).toContain("give both");
    expect(expectRefused(await inProcess([...serve, ...own, ...both, "--open-schnorr"]), "usage")).toContain(
      "--open-schnorr",
    );
    const said = expectRefused(await inProcess([...serve, ...own, ...both]), "invalid-permissions");
    expect(said).toContain(`${permissions}.clients[0].allow[0].key: this home has no key validator-9`);
  });
});
