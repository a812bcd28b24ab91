import { Metadata, status } from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import { methodNames } from "../../src/signer-client/wire.js";
import type { Handlers } from "../../src/signerd/handlers.js";
import { createLog } from "../../src/signerd/log.js";
import { callService } from "./support.js";

const codeOf = (metadata: Metadata | undefined) => metadata?.get("x-tapstake-code");

describe("a signer that is stopping", () => {
  it.each(methodNames)("refuses new work: %s", async (method) => {
    const answered = await callService({ stopping: () => true }, method, new Uint8Array());
    expect(answered).toMatchObject({ code: status.UNAVAILABLE });
    expect(codeOf(answered?.metadata)).toEqual(["signer-stopping"]);
  });
});

describe("a bug in the signer", () => {
  const secret = "0123456789abcdef";

  it.each<[string, () => void]>([
    [
      "an error",
      () => {
        throw new TypeError(`cannot read ${secret}\n    at ${secret}`);
      },
    ],
    // Its stack has a code between name and message.
    ["an error of Node", () => void Buffer.alloc(secret as never)],
  ])("is hidden from the caller, and logged with its place but not its message: %s", async (_what, fail) => {
    const handlers = { Ping: fail } as unknown as Handlers;
    let logged = "";
    const log = createLog("debug", { write: (line) => void (logged += line) });
    const answered = await callService({ handlers, log }, "Ping", new Uint8Array());
    expect(answered).toMatchObject({
      code: status.INTERNAL,
      details: "signer-error: a bug in the signer; see its log",
    });
    expect(codeOf(answered?.metadata)).toEqual(["signer-error"]);
    expect(JSON.stringify(answered?.metadata?.toJSON())).not.toContain(secret);
    const line = JSON.parse(logged) as Record<string, string>;
    expect(line).toMatchObject({ level: "error", code: "signer-error", name: "TypeError" });
    expect(line["stack"]).toMatch(/^at [^]*service\.test\.ts:\d+/);
    expect(logged).not.toContain(secret);
  });
});
