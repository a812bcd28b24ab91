import { describe, expect, it } from "vitest";
import { keyHashScript } from "../../src/bitcoin/output-script.js";
import { readWalletScript } from "../../src/bitcoin/wallet-script.js";
import { concatBytes } from "../../src/core/bytes.js";

const key = (fill: number, length = 33) => new Uint8Array(length).fill(fill);
const push = (data: Uint8Array) => concatBytes(Uint8Array.of(data.length), data);
const script = (...parts: readonly (Uint8Array | number)[]) =>
  concatBytes(...parts.map((part) => (typeof part === "number" ? Uint8Array.of(part) : push(part))));

const [CHECKSIG, CHECKSIGADD, CHECKMULTISIG, NUMEQUAL] = [0xac, 0xba, 0xae, 0x9c];
const op = (n: number) => 0x50 + n;

describe("the script of a wallet's coin", () => {
  it("is read as one key, a key hash, or M of N", () => {
    expect(readWalletScript(script(key(1), CHECKSIG), "witness-v0")).toEqual({ kind: "pk", key: key(1) });
    expect(readWalletScript(script(key(1, 32), CHECKSIG), "tapscript")).toEqual({
      kind: "pk",
      key: key(1, 32),
    });
    const keyHash = key(7, 20);
    for (const rules of ["witness-v0", "tapscript"] as const) {
      expect(readWalletScript(keyHashScript(keyHash), rules)).toEqual({ kind: "pkh", keyHash });
    }
    for (const count of [1, 2, 3, 15, 16]) {
      const keys = Array.from({ length: count }, (_, i) => key(i));
      for (const quorum of new Set([1, count])) {
        const multi = script(op(quorum), ...keys, op(count), CHECKMULTISIG);
        expect(readWalletScript(multi, "witness-v0")).toEqual({ kind: "multi", keys, quorum });
        expect(readWalletScript(multi, "tapscript")).toBeNull();
      }
    }
    for (const count of [2, 3, 16, 40]) {
      const keys = Array.from({ length: count }, (_, i) => key(i, 32));
      const [first, ...others] = keys;
      const added = others.flatMap((each) => [each, CHECKSIGADD]);
      const multi = script(first!, CHECKSIG, ...added, op(Math.min(count, 16)), NUMEQUAL);
      expect(readWalletScript(multi, "tapscript")).toEqual({
        kind: "multi",
        keys,
        quorum: Math.min(count, 16),
      });
      expect(readWalletScript(multi, "witness-v0")).toBeNull();
    }
  });

  it.each([
    ["a quorum of none", script(0, key(1), op(1), CHECKMULTISIG)],
    ["a quorum above the keys", script(op(2), key(1), op(1), CHECKMULTISIG)],
    ["fewer keys than it counts", script(op(1), key(1), op(2), CHECKMULTISIG)],
    ["more keys than it counts", script(op(1), key(1), key(2), op(1), CHECKMULTISIG)],
    ["an uncompressed key", script(op(1), key(4, 65), op(1), CHECKMULTISIG)],
    ["x-only keys", script(op(1), key(1, 32), op(1), CHECKMULTISIG)],
    ["CHECKMULTISIGVERIFY", script(op(1), key(1), op(1), 0xaf)],
    ["a lock before it", script(op(9), 0xb2, 0x75, key(1), CHECKSIG)],
    ["one key of 32 bytes", script(key(1, 32), CHECKSIG)],
    ["nothing", new Uint8Array(0)],
  ])("is not recognised with %s", (_, other) => {
    expect(readWalletScript(other, "witness-v0")).toBeNull();
  });

  it.each([
    ["a quorum of none", script(key(1, 32), CHECKSIG, 0, NUMEQUAL)],
    ["a quorum above the keys", script(key(1, 32), CHECKSIG, op(2), NUMEQUAL)],
    ["CHECKSIG twice", script(key(1, 32), CHECKSIG, key(2, 32), CHECKSIG, op(1), NUMEQUAL)],
    ["CHECKSIGADD first", script(key(1, 32), CHECKSIGADD, op(1), NUMEQUAL)],
    ["NUMEQUALVERIFY", script(key(1, 32), CHECKSIG, op(1), 0x9d)],
    ["a key of 33 bytes", script(key(1), CHECKSIG)],
    ["nothing", new Uint8Array(0)],
  ])("is not recognised as a leaf with %s", (_, other) => {
    expect(readWalletScript(other, "tapscript")).toBeNull();
  });
});
