import { describe, expect, it } from "vitest";
import { hex } from "../../../src/core/bytes.js";
import { openHome } from "../../../src/finality/home.js";
import { recordGenerated } from "../../../src/finality/keys/provenance.js";
import { killedAtEachStep } from "../../support/killed.js";
import { hash, inHome, newHome, testKey, voterOf } from "../../support/signer.js";

describe("a signer that is killed", () => {
  it("at each of its writes, or while SQLite writes, forgets no signature that it printed", () => {
    const begin = () => {
      const home = newHome();
      recordGenerated(home, testKey().publicKey);
      return home.path;
    };
    let most = 0;
    for (const { path, printed } of killedAtEachStep(begin, ["votes", "40"])) {
      const lines = printed.split("\n").filter(Boolean);
      most = Math.max(most, lines.length);
      inHome(openHome(path), (protection) => {
        const voter = voterOf(protection);
        for (const line of lines) {
          const [height, appHash, signature] = line.split(" ") as [string, string, string];
          const again = voter.vote({ height: BigInt(height), appHash: hash(255) });
          expect(again).toMatchObject({ kind: "refused", code: "double-vote" });
          const same = voter.vote({ height: BigInt(height), appHash: hex.decode(appHash) });
          expect(same.kind).toBe("same");
          expect(hex.encode((same as { signature: Uint8Array }).signature)).toBe(signature);
        }
        // What was on its way out when the process died is never followed by another.
        const next = { height: BigInt(lines.length), appHash: hash(255) };
        expect(["new", "refused"]).toContain(voter.vote(next).kind);
      });
    }
    expect(most).toBeGreaterThan(30);
  });
});
