import { Metadata, type ServiceError, status } from "@grpc/grpc-js";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ErrorCode, TapstakeError } from "../../src/core/errors.js";
import { type ListedHeight, readHeights, writeHeights } from "../../src/signer-client/metadata.js";
import { fromStatus, toStatus } from "../../src/signer-client/status.js";
import { KeyRing } from "../../src/signerd/key-ring.js";
import { failure as expectFailure } from "../support/errors.js";
import { homeWithKey, PASSPHRASE } from "./support.js";

const serviceError = (code: status, details: string, metadata = new Metadata()): ServiceError =>
  Object.assign(new Error(details), { code, details, metadata });

describe("the list of refused heights", () => {
  const heights = fc.uniqueArray(fc.bigInt(0n, 60n), { maxLength: 40 });
  const codes = fc.constantFrom<ErrorCode>("double-vote", "below-watermark");

  it("is read as it was written, for any refusals", () => {
    fc.assert(
      fc.property(heights, fc.infiniteStream(codes), (asked, stream) => {
        const refused = asked.map((height): ListedHeight => ({ height, code: stream.next().value! }));
        const { text, unlisted } = writeHeights(refused);
        expect(unlisted).toBe(0);
        const find = readHeights(text);
        for (let height = 0n; height <= 61n; height++) {
          expect(find(height)?.code).toBe(refused.find((each) => each.height === height)?.code);
        }
      }),
    );
  });

  it("fits into the metadata, and says how many heights it omits", () => {
    const refused = Array.from({ length: 5000 }, (_, i): ListedHeight => ({
      height: 10n ** 18n + 2n * BigInt(i),
      code: "below-watermark",
    }));
    const { text, unlisted } = writeHeights(refused);
    expect(text.length).toBeLessThan(6001);
    expect(text.split(",")).toHaveLength(5000 - unlisted);
    const range = Array.from({ length: 5000 }, (_, i): ListedHeight => ({
      height: BigInt(i),
      code: "double-vote",
    }));
    expect(writeHeights(range)).toEqual({ text: "0-4999:double-vote", unlisted: 0 });
  });

  it("skips entries that it does not understand", () => {
    expect(readHeights("")(0n)).toBeUndefined();
    const find = readHeights("x:y,5,5-:a,7:double-vote");
    expect([4n, 5n, 7n].map(find)).toMatchObject([undefined, { code: undefined }, { code: "double-vote" }]);
  });
});

describe("errors over gRPC", () => {
  it("keep their code and message", () => {
    for (const code of ["double-vote", "key-locked", "protection-unwritable", "file-error"] as const) {
      const sent = toStatus(new TapstakeError(code, "what happened"));
      const got = fromStatus(serviceError(sent.code, sent.details, sent.metadata), "here:1", false);
      expect(got).toMatchObject({ code, message: "what happened", details: { address: "here:1" } });
    }
  });

  it("show nothing of a bug in the signer", () => {
    const sent = toStatus(new Error("secret 0123"));
    expect(sent).toMatchObject({ code: status.INTERNAL });
    expect(sent.details).not.toContain("secret");
    const got = fromStatus(serviceError(sent.code, sent.details, sent.metadata), "here:1", false);
    expect(got.code).toBe("signer-error");
  });

  it.each<[string, boolean, string]>([
    ["Error: connect ECONNREFUSED 127.0.0.1:1", false, "connect ECONNREFUSED 127.0.0.1:1"],
    [
      "Failed to connect (now)",
      true,
      "what listens there closed the connection: it may want a client certificate (--tls-client), or refuse this one. The signer's log says why",
    ],
    [
      "80AC:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:../ssl3_record.c:350:",
      true,
      "what listens there does not speak TLS: leave --tls-ca out (TAPSTAKE_TLS_CA), or give the signer --tls-cert",
    ],
    ["Error: certificate has expired", true, "certificate has expired"],
    [
      "Failed to connect (now)",
      false,
      "what listens there closed the connection; if the signer has TLS, say whom to trust (--tls-ca)",
    ],
  ])("of a failed connection say what to do: %s, encrypted %s", (reason, encrypted, said) => {
    const details = `No connection established. Last error: ${reason}. Resolution note: `;
    const got = fromStatus(serviceError(status.UNAVAILABLE, details), "here:1", encrypted);
    expect(got.message).toBe(`no signer answers at here:1: ${said}`);
  });

  it.each<[status, ErrorCode]>([
    [status.FAILED_PRECONDITION, "double-vote"],
    [status.UNAUTHENTICATED, "unauthenticated"],
    [status.UNAVAILABLE, "signer-unreachable"],
    [status.RESOURCE_EXHAUSTED, "message-too-large"],
    [status.UNKNOWN, "signer-error"],
  ])("of other software are recognised by their status: %s", (code, expected) => {
    expect(fromStatus(serviceError(code, "text"), "here:1", false).code).toBe(expected);
  });

  it("keep no code that other software sends", () => {
    const metadata = new Metadata();
    metadata.set("x-tapstake-code", "toString");
    const got = fromStatus(serviceError(status.UNKNOWN, "text", metadata), "here:1", false);
    expect(got.code).toBe("signer-error");
  });
});

describe("guessing a passphrase", () => {
  it("is delayed ever longer, up to a minute, separately for each key", async () => {
    const { home, key } = homeWithKey();
    let now = 0;
    const keys = new KeyRing(home, () => now);
    const guess = () => keys.unlock(key.publicKey, "guess");
    for (const seconds of [1, 2, 4, 8, 16, 32, 60, 60]) {
      await expectFailure(guess(), "wrong-passphrase");
      now += seconds * 1000 - 1;
      await expectFailure(guess(), "too-many-attempts");
      now += 1;
    }
    expect((await keys.unlock(key.publicKey, PASSPHRASE)).name).toBe(key.name);
    keys.wipe();
    expect(keys.unlocked).toEqual([]);
    await expectFailure(guess(), "wrong-passphrase");
  });

  it("allows one guess at a time", async () => {
    const { home, key } = homeWithKey();
    const keys = new KeyRing(home);
    const guesses = [1, 2, 3].map((i) =>
      keys.unlock(key.publicKey, `guess ${i}`).catch((error: TapstakeError) => error.code),
    );
    expect((await Promise.all(guesses)).sort()).toEqual([
      "too-many-attempts",
      "too-many-attempts",
      "wrong-passphrase",
    ]);
  });
});
