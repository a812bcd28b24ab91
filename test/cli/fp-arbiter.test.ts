import { describe, expect, it } from "vitest";
import { hasEtcd, Cluster } from "../support/etcd.js";
import {
  block,
  chain,
  expectDone,
  expectRefused,
  expectVoted,
  fp,
  homeWithKey,
  publicKey,
  voteFor,
  type Votes,
} from "./fp-support.js";
import { type Outcome, parsed } from "./support.js";

describe.runIf(hasEtcd)("fp arbiter", async () => {
  const cluster = hasEtcd ? await Cluster.start({ size: 1 }) : undefined!;
  let stores = 0;

  /** A store of its own, and what asks it. */
  const fresh = () => {
    const url = `${cluster.url}/cli-${stores++}`;
    const arbiter = (home: string, name: string, ...args: readonly string[]) =>
      fp(home, ["arbiter", name, "--arbiter", url, ...args]);
    return { url, arbiter };
  };
  const named = ["--key", "validator-1"] as const;
  const begin = ["--chain", chain, "--from-height", "5", "--yes"] as const;
  const kinds = (outcome: Outcome) =>
    parsed<Votes>(expectVoted(outcome)).votes.map(({ kind, code }) => code ?? kind);
  const codeOf = ({ code, stderr }: Outcome) => {
    expect(code).toBe(1);
    return /^(?:tapstake: |\{"error":\{"code":")([a-z-]+)/m.exec(stderr)?.[1];
  };

  it("fp arbiter: two machines vote with one key, and never twice at a height", async () => {
    const { url, arbiter } = fresh();
    const [one, other] = [homeWithKey(), homeWithKey()];
    expect(codeOf(await arbiter(one, "enrol", ...named))).toBe("arbiter-uninitialised");
    expectDone(await arbiter(one, "init", ...named, ...begin));
    expect(codeOf(await arbiter(one, "init", ...named, ...begin))).toBe("arbiter-conflict");
    expect(codeOf(await voteFor(one, 6, block(1), ["--arbiter", url]))).toBe("arbiter-not-enrolled");
    for (const home of [one, other]) expectDone(await arbiter(home, "enrol", ...named));
    expect(codeOf(await arbiter(one, "enrol", ...named))).toBe("arbiter-conflict");
    expect(kinds(await voteFor(one, 6, block(1), ["--arbiter", url]))).toEqual(["new"]);
    expect(codeOf(await voteFor(other, 6, block(2), ["--arbiter", url]))).toBe("double-vote");
    expect(codeOf(await voteFor(other, 4, block(2), ["--arbiter", url]))).toBe("below-watermark");
    // Bound to its arbiter, the key does not vote without it, nor through another.
    expect(codeOf(await voteFor(one, 7, block(1)))).toBe("arbiter-required");
    expect(codeOf(await voteFor(one, 7, block(1), ["--arbiter", fresh().url]))).toBe("arbiter-not-enrolled");
    const status = parsed<{ store: string; starts: object[]; signers: object[]; home: { hold: null } }>(
      expectDone(await arbiter(one, "status", "--json")),
    );
    expect(status).toMatchObject({ halt: null, home: { store: status.store, hold: null } });
    expect(status.starts).toEqual([{ key: publicKey, chainId: chain, fromHeight: "5" }]);
    expect(status.signers).toHaveLength(2);
    expect(expectDone(await arbiter(one, "status")).stdout).toMatch(
      /etcd 3\.\d+\.\d+, leader[^]*not noticed by any signer\n {2}a restored copy[^]*\n {2}a restore of the store while[^]*\n {2}a machine with the key/,
    );
  });

  it("fp arbiter: a halt, a retirement and a renewal stop a signer until a person acts", async () => {
    const { url, arbiter } = fresh();
    const home = homeWithKey();
    expectDone(await arbiter(home, "init", ...named, ...begin));
    expectDone(await arbiter(home, "enrol", ...named));
    const voted = (height: number) => voteFor(home, height, block(1), ["--arbiter", url]);
    expectDone(await arbiter(home, "halt", "--reason", "a drill"));
    expect(codeOf(await voted(6))).toBe("arbiter-halted");
    expectDone(await arbiter(home, "halt", "--end", "--yes"));
    expect(kinds(await voted(6))).toEqual(["new"]);
    expectDone(await arbiter(home, "retire"));
    expect(codeOf(await arbiter(home, "retire"))).toBe("arbiter-conflict");
    expect(codeOf(await voted(7))).toBe("arbiter-held");
    // What the home has recorded needs no arbiter.
    expect(kinds(await voted(6))).toEqual(["same"]);
    expect(codeOf(await arbiter(home, "enrol", ...named))).toBe("arbiter-held");
    expectDone(await arbiter(home, "enrol", ...named, "--end-hold", "--yes"));
    expect(kinds(await voted(7))).toEqual(["new"]);
    expectDone(await arbiter(home, "renew", "--begin", `validator-1@${chain}=100`, "--yes"));
    expect(codeOf(await voted(101))).toBe("arbiter-held");
    expectDone(await arbiter(home, "enrol", ...named, "--end-hold", "--yes"));
    expect(codeOf(await voted(99))).toBe("below-watermark");
    expect(kinds(await voted(101))).toEqual(["new"]);
  });

  it("fp arbiter: refuses what it cannot ask safely", async () => {
    const home = homeWithKey();
    const status = (...args: readonly string[]) => fp(home, ["arbiter", "status", ...args]);
    expect(codeOf(await status("--arbiter", "etcd://10.0.0.1:2379"))).toBe("insecure-address");
    expect(codeOf(await status("--arbiter", "http://127.0.0.1:1"))).toBe("invalid-address");
    expect(codeOf(await status("--arbiter", cluster.url, "--arbiter-tls", home))).toBe("file-error");
    expect((await fp(home, ["arbiter", "halt", "--arbiter", cluster.url])).code).toBe(2);
  });
});

it("fp arbiter: an address that refuses the connection is named, without the words of gRPC", async () => {
  const outcome = await fp(homeWithKey(), ["arbiter", "status", "--arbiter", "etcd://127.0.0.1:1"]);
  const said = expectRefused(outcome, "arbiter-unclear");
  expect(said).toContain(": 127.0.0.1:1: it refused the connection. Ask for the same vote again");
  expect(said).not.toMatch(/Error:|Resolution note/);
});
