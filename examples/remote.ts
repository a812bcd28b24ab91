// A finality provider whose key is elsewhere: `tapstake fp serve` keeps it and remembers its votes, and this asks.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { merkle, TapstakeError, verifyCommitment, verifyVote, voteMessage } from "tapstake";
import { chainConfig, createKey, openHome } from "tapstake/finality";
import { commitRemotely, createEotsClient } from "tapstake/signer-client";

// 1. The signer, with a new key. On a machine of its own, this is `tapstake fp keys new` and `tapstake fp serve`.
const home = openHome(mkdtempSync(join(tmpdir(), "tapstake-signer-")));
const passphrase = "from a prompt, a file or a vault";
const hmacKey = "what the callers and the signer share";
const secretKey = crypto.getRandomValues(new Uint8Array(32));
const { publicKey: key } = createKey(home, {
  name: "validator-1",
  passphrase,
  secretKey,
  origin: "generated",
});
secretKey.fill(0);
const command = new URL("dist/cli/main.js", import.meta.resolve("tapstake/package.json"));
const args = ["fp", "serve", "--home", home.path, "--unlock", "validator-1", "--address", "127.0.0.1:0"];
const signer = spawn(
  process.execPath,
  [fileURLToPath(command), ...args, "--no-metrics", "--log-level", "error", "--json"],
  {
    env: { ...process.env, TAPSTAKE_PASSPHRASE: passphrase, TAPSTAKE_HMAC_KEY: hmacKey },
    stdio: ["ignore", "pipe", "inherit"],
  },
);
const ended = once(signer, "close");
try {
  let said = "";
  for await (const part of signer.stdout.setEncoding("utf8")) {
    said += String(part);
    if (said.endsWith("}\n")) break;
  }
  const { address } = JSON.parse(said) as { address: string };

  // 2. Its client. What a chain signs with is configured where the client runs too: `tapstake fp chains set`.
  const client = createEotsClient({ address, hmacKey });
  const chain = chainConfig(home, "bsn-1");
  const context = chain.voteContext;

  // 3. The promise of randomness. The signer keeps it, and gives the points that proofs are made of.
  const { commitment, points } = await commitRemotely(client, { key, chain, start: 1_000n, count: 5_000 });
  console.log(`${commitment.count} heights from ${commitment.startHeight} on:`, verifyCommitment(commitment));

  // 4. A vote. The message is made here, and the signer refuses one that is no vote for the height.
  const block = {
    height: 1_003n,
    appHash: new Uint8Array(32).fill(1),
    ...(context !== undefined && { context }),
  };
  const { height } = block;
  const message = voteMessage(block);
  const { signature, outcome } = await client.signEots({ key, chainId: chain.id, height, message });

  // 5. What the chain holds against the promise.
  const index = Number(height - commitment.startHeight);
  const vote = { ...block, finalityProvider: key, publicRandomness: points[index]!, signature };
  console.log(`${outcome}; it verifies:`, verifyVote(commitment, vote, merkle.proof(points, index)));

  // 6. Another block at that height is refused: by an error here, with the signer's own code.
  const fork = voteMessage({ ...block, appHash: new Uint8Array(32).fill(2) });
  try {
    await client.signEots({ key, chainId: chain.id, height, message: fork });
  } catch (error) {
    if (!(error instanceof TapstakeError)) throw error;
    console.log(`refused (${error.code}): ${error.message}`);
  }

  // 7. In a batch, a refusal is an answer.
  const votes = [
    { height, message: fork },
    { height: height + 1n, message: voteMessage({ ...block, height: height + 1n }) },
  ];
  for (const answer of await client.signBatchEots({ key, chainId: chain.id, votes })) {
    console.log(`${answer.height}: ${answer.kind}`, answer.kind === "refused" ? answer.code : "");
  }
  client.close();
} finally {
  signer.kill();
  await ended;
  rmSync(home.path, { recursive: true });
}
