import { base64 } from "@scure/base";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { messageFromJson, messageToJson, TYPE_URLS } from "../../src/babylon/messages.js";
import { refusal } from "../support/refusal.js";
import { runs } from "../support/runs.js";

const typeUrl = TYPE_URLS.MsgEquivocationEvidence;

describe("a message in JSON", () => {
  it("has its bytes in base64, as protobuf's own JSON, and is read back", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (value) => {
        const text = messageToJson({ typeUrl, value });
        expect(JSON.parse(text)).toEqual({ typeUrl, value: base64.encode(value) });
        expect(messageFromJson(text)).toEqual({ typeUrl, value });
      }),
      { numRuns: runs(50) },
    );
  });

  it("is refused in another form", () => {
    refusal("invalid-json", () => messageFromJson("{"));
    refusal("invalid-json", () => messageFromJson(JSON.stringify({ typeUrl })));
    refusal("invalid-json", () => messageFromJson(JSON.stringify({ typeUrl, value: "", more: 1 })));
    refusal("invalid-message", () => messageFromJson(JSON.stringify({ typeUrl, value: "no base64" })));
    refusal("invalid-bytes", () => messageToJson({ typeUrl, value: "00" as never }));
  });
});
