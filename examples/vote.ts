// A finality provider votes once per height: the second vote at a height is refused, and the key stays secret.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  chainConfig,
  commitStored,
  createKey,
  openHome,
  openProtection,
  unlockKey,
  Voter,
} from "tapstake/finality";

// A home for this example alone, with a new key. `tapstake fp keys new validator-1` makes a real one.
process.env["TAPSTAKE_HOME"] = mkdtempSync(join(tmpdir(), "tapstake-vote-"));
const passphrase = "from a prompt, a file or a vault";
const secretKey = crypto.getRandomValues(new Uint8Array(32));
createKey(openHome(), { name: "validator-1", passphrase, secretKey, origin: "generated" });
const [blockA, blockB] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];

const home = openHome(); // TAPSTAKE_HOME, or ~/.tapstake
const [key, protection] = [unlockKey(home, "validator-1", passphrase), openProtection(home)];
const chain = chainConfig(home, "bbn-1");
await commitStored({ key, chain, protection, start: 120_000n, count: 1_000 });
const voter = new Voter({ key, protection, chain });
const vote = voter.vote({ height: 120_001n, appHash: blockA });
console.log(vote.kind); // "new": the vote is on disk, and the signature is in vote.signature
const second = voter.vote({ height: 120_001n, appHash: blockB });
console.log(second.kind); // "refused": second.code is "double-vote", and nothing was signed

key.wipe();
protection.close();
rmSync(home.path, { recursive: true });
if (second.kind !== "refused" || second.code !== "double-vote") throw new Error("the vote was not refused");
