import { createHmac } from "node:crypto";
import { networkInterfaces } from "node:os";
import { describe, expect, it, onTestFinished } from "vitest";
import { openProtection } from "../../src/finality/protection/protection.js";
import { encodeRequest, pathOf } from "../../src/signer-client/wire.js";
import { Backups } from "../../src/signerd/backup.js";
import { createHandlers } from "../../src/signerd/handlers.js";
import { KeyRing } from "../../src/signerd/key-ring.js";
import type { Signer } from "../../src/signerd/signer.js";
import {
  callService,
  HMAC_KEY,
  homeWithKey,
  PASSPHRASE,
  rawCall,
  readMetrics,
  startSigner,
  type TestHome,
} from "./support.js";

/** Addresses of this machine that lead out of it: who calls by one of them has it as the peer's, too. */
const outside = Object.values(networkInterfaces())
  .flatMap((each) => each ?? [])
  .filter(({ internal, address }) => !internal && !address.startsWith("fe80:"))
  .map(({ family, address }) =>
    family === "IPv6"
      ? { host: `[${address}]`, here: "[::1]", all: "[::]:0" }
      : { host: address, here: "127.0.0.1", all: "0.0.0.0:0" },
  );

/** A locked signer that other machines can reach, and UnlockKey as a caller sends it that takes no care itself. */
async function lockedFor(address: string, made: TestHome) {
  const signer = await startSigner(made, { address, hmacKey: HMAC_KEY, unlock: [] });
  const port = /\d+$/.exec(signer.address)![0];
  const bytes = encodeRequest("UnlockKey", { uid: made.key.publicKey, passphrase: PASSPHRASE });
  const code = createHmac("sha256", HMAC_KEY).update(bytes).digest("base64");
  const unlock = (host: string) =>
    rawCall(`${host}:${port}`, pathOf("UnlockKey"), bytes, { "X-FPD-HMAC": code });
  const opened = async () => (await readMetrics(signer.metricsAddress!)).get("tapstake_unlocked_keys");
  return { unlock, opened };
}

async function unlockFrom(peer: string, encrypted: boolean): Promise<string> {
  const { home, key } = homeWithKey();
  const protection = openProtection(home);
  onTestFinished(() => protection.close());
  const keys = new KeyRing(home);
  const signer = { showHeights: () => {} } as unknown as Signer;
  const handlers = createHandlers({ home, keys, signer, backups: new Backups(home, protection) });
  const request = encodeRequest("UnlockKey", { uid: key.publicKey, passphrase: PASSPHRASE });
  const answered = await callService({ handlers, encrypted }, "UnlockKey", request, peer);
  expect(keys.unlocked).toHaveLength(answered === null ? 1 : 0);
  keys.wipe();
  return answered === null ? "opened" : String(answered.metadata!.get("x-tapstake-code")[0]);
}

describe("UnlockKey by a caller on another machine", () => {
  it.each(outside)(
    "is refused without TLS, whatever the caller's software checks: by way of $host",
    async ({ host, here, all }) => {
      const { unlock, opened } = await lockedFor(all, homeWithKey());
      const answer = await unlock(host);
      expect(answer).toMatchObject({ status: "PERMISSION_DENIED", bytes: undefined });
      expect(answer.trailer["x-tapstake-code"]).toBe("insecure-address");
      expect(await opened()).toBe(0);
      // The same bytes by a way that does not leave the machine.
      expect((await unlock(here)).status).toBe("OK");
      expect(await opened()).toBe(1);
    },
  );

  it.each(["192.0.2.77:4000", "2001:db8::1:4000", "::ffff:192.0.2.77:4000", "unknown"])(
    "is refused without TLS, and accepted with it: %s",
    async (peer) => {
      expect(await unlockFrom(peer, false)).toBe("insecure-address");
      expect(await unlockFrom(peer, true)).toBe("opened");
    },
  );

  it.each(["127.0.0.1:4000", "::1:4000", "::ffff:127.0.0.1:4000"])(
    "is distinguished from one on this machine, which needs no TLS: %s",
    async (peer) => {
      expect(await unlockFrom(peer, false)).toBe("opened");
    },
  );
});
