import { describe, expect, it } from "vitest";
import { utf8 } from "../../src/core/bytes.js";
import { parseAnswer, type PsbtLike } from "../../src/psbt/read.js";
import { signOptions } from "../../src/wallets/sign-options.js";
import { refusal } from "../support/refusal.js";
import { walletLife } from "../support/wallet-life.js";
import { unisat } from "../support/wallet-signers.js";

describe("a wallet's answer", () => {
  it("is read from the object, list or JSON in which wallets give it", async () => {
    const life = await walletLife("p2tr");
    const request = signOptions("slashing", life.delegation, { wallet: "unisat", account: life.account });
    const hex = unisat(life, request.psbtHex, request.native);
    const base64 = Buffer.from(hex, "hex").toString("base64");
    const objects = [
      { psbt: base64 },
      { hex },
      { result: { hex } },
      { status: "success", result: { psbt: base64, txid: null } },
      { jsonrpc: "2.0", result: hex, error: null },
      [hex],
      [{ psbt: base64 }],
    ] as readonly PsbtLike[];
    for (const answer of objects) {
      const json = ` ${JSON.stringify(answer)}\n`;
      for (const form of [answer, json, utf8(json)]) expect(request.accept(form)).toHaveLength(1);
    }
  });

  it.each([
    [{ step: "slashing", wallet: "unisat", psbtHex: "70", psbtBase64: "cA==" }, "the request itself"],
    [{ error: "User rejected" }, 'an error of the wallet: "User rejected"'],
    [{ error: { code: 4001, message: "no" } }, 'an error of the wallet: "no"'],
    ["User rejected the request", "text that says that the user declined"],
    ["", "empty"],
    [" \n", "empty"],
    [new Uint8Array(), "empty"],
    [utf8("User rejected the request\n"), "text that says that the user declined"],
    [Promise.resolve("70"), "a promise: await the call"],
    [["70", "70"], "a list of 2: give one answer at a time"],
    [[], "a list of 0"],
    [{ delegation: 1 }, "an object without psbt, hex or result"],
    ["[".repeat(100) + "]".repeat(100), "an object within objects"],
  ])("that has no PSBT is refused by what it is: %o", (answer, what) => {
    const { message } = refusal("invalid-psbt", () => parseAnswer(answer as unknown as PsbtLike));
    expect(message).toContain(what);
  });
});
