import { describe, expect, it } from "vitest";
import type { TapstakeError } from "../../src/core/errors.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { eots } from "../../src/crypto/eots.js";
import { randomness } from "../../src/crypto/randomness.js";
import { ballot, CHAIN, connect, homeWithKey, startDaemon } from "./support.js";

const CLIENTS = 20;
const message = (height: bigint, i: number) => ballot(height, `of client ${i}`);

/** What one client got for its message: a signature, or why there is none. */
type Outcome = { readonly signature: Uint8Array } | { readonly code: string };

const signatureOf = (outcome: Outcome) => ("signature" in outcome ? outcome.signature : undefined);

describe("twenty clients that race with different messages for one height", () => {
  it("get one message signed, and all others refused, repeatedly", async () => {
    const made = homeWithKey();
    const { address } = await startDaemon(made);
    const key = made.key.publicKey;
    const clients = Array.from({ length: CLIENTS }, () => connect(address));
    for (const height of [1n, 2n, 3n, 4n, 5n]) {
      const ask = (i: number): Promise<Outcome> =>
        clients[i]!.signEots({ key, chainId: CHAIN, height, message: message(height, i) }).then(
          ({ signature }) => ({ signature }),
          ({ code }: TapstakeError) => ({ code }),
        );
      const won = winnerOf(await Promise.all(clients.map((_, i) => ask(i))), made.secretKey, height);
      expect(winnerOf(await Promise.all(clients.map((_, i) => ask(i))), made.secretKey, height)).toEqual(won);
    }
  });

  it("get one message signed in batches and in single votes, too", async () => {
    const made = homeWithKey();
    const { address } = await startDaemon(made);
    const key = made.key.publicKey;
    const clients = Array.from({ length: CLIENTS }, () => connect(address));
    const heights = Array.from({ length: 10 }, (_, i) => BigInt(i));
    const ask = async (i: number): Promise<Outcome[]> => {
      const votes = heights.map((height) => ({ height, message: message(height, i) }));
      if (i % 2 === 0) {
        const answers = await clients[i]!.signBatchEots({ key, chainId: CHAIN, votes });
        return answers.map((each) =>
          each.kind === "refused" ? { code: each.code } : { signature: each.signature },
        );
      }
      return Promise.all(
        votes.map((vote) =>
          clients[i]!.signEots({ key, chainId: CHAIN, ...vote }).then(
            ({ signature }) => ({ signature }),
            ({ code }: TapstakeError) => ({ code }),
          ),
        ),
      );
    };
    const first = await Promise.all(clients.map((_, i) => ask(i)));
    const again = await Promise.all(clients.map((_, i) => ask(i)));
    for (const [at, height] of heights.entries()) {
      const of = (outcomes: Outcome[][]) => outcomes.map((each) => each[at]!);
      const won = winnerOf(of(first), made.secretKey, height);
      expect(winnerOf(of(again), made.secretKey, height)).toEqual(won);
    }
  });
});

/** The one client whose message was signed, and its signature; fails unless everyone else was refused. */
function winnerOf(outcomes: readonly Outcome[], secretKey: Uint8Array, height: bigint) {
  const signed = outcomes.flatMap((outcome, i) => {
    const signature = signatureOf(outcome);
    return signature ? [{ client: i, signature }] : [];
  });
  expect(signed).toHaveLength(1);
  const refused = outcomes.filter((outcome) => "code" in outcome && outcome.code === "double-vote");
  expect(refused).toHaveLength(CLIENTS - 1);
  const [winner] = signed;
  const R = randomness.derive(secretKey, CHAIN, height).public;
  expect(eots.verify(publicKeyOf(secretKey), R, message(height, winner!.client), winner!.signature)).toBe(
    true,
  );
  return winner!;
}
