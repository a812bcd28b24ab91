import { createHmac } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { closedAddress, serveText } from "../test/support/server.js";
import { attachableUrl, findBitcoind, type RegtestNode, startNode } from "./index.js";

/** To play the node of docker-compose.yml, one has to be started with its user. */
const bitcoind = process.env["TAPSTAKE_REGTEST_URL"] ? undefined : findBitcoind();

let host: RegtestNode;
beforeAll(async () => {
  if (bitcoind) host = await startNode({ blocks: 0, args: [`-rpcauth=${rpcauth("tapstake", "tapstake")}`] });
});
afterAll(() => host?.stop());
afterEach(() => {
  vi.unstubAllEnvs();
});

describe.runIf(bitcoind)("attaching to a running node", () => {
  test("uses the node with a separate wallet each time, and leaves it running", async () => {
    vi.stubEnv("TAPSTAKE_REGTEST_URL", host.rpc.url);
    expect(await attachableUrl()).toBe(host.rpc.url);
    // One after the other: two that mine on one node at the same moment overtake each other's blocks.
    const nodes = [await startNode(), await startNode()];
    expect(nodes.map(({ attached }) => attached)).toEqual([true, true]);
    expect(await wallets()).toHaveLength(3);
    for (const node of nodes) {
      const coin = await node.fund(await node.rpc.getnewaddress("bech32m"), 70_000n);
      expect(coin.value).toBe(70_000n);
    }
    await Promise.all(nodes.map((node) => node.stop()));
    expect(await wallets()).toEqual(["tapstake"]);
    expect(await host.height()).toBeGreaterThan(202);
  });

  test("accepts another user in the address, and hides it", async () => {
    vi.stubEnv("TAPSTAKE_REGTEST_URL", host.rpc.url.replace("//", "//tapstake:tapstake@"));
    expect(await attachableUrl()).toBe(host.rpc.url);
    vi.stubEnv("TAPSTAKE_REGTEST_URL", host.rpc.url.replace("//", "//mallory:hunter2@"));
    expect(await attachableUrl()).toBeUndefined();
    await expect(startNode()).rejects.toMatchObject({
      code: "node-error",
      details: { reason: "unauthorized" },
    });
  });
});

describe("attaching", () => {
  test.each(["main", "test", "testnet4", "signet"])("is refused for a node of chain %j", async (chain) => {
    vi.stubEnv("TAPSTAKE_REGTEST_URL", await serveText(`{"result":{"chain":"${chain}","blocks":1},"id":1}`));
    await expect(startNode()).rejects.toMatchObject({ code: "wrong-network", details: { chain } });
  });

  test("is node-unreachable where no node answers", async () => {
    vi.stubEnv("TAPSTAKE_REGTEST_URL", await closedAddress());
    expect(await attachableUrl()).toBeUndefined();
    await expect(startNode()).rejects.toMatchObject({ code: "node-unreachable" });
  });
});

const wallets = () => host.rpc.call<string[]>("listwallets");

/** A user for bitcoind's `-rpcauth`, beside the cookie. */
function rpcauth(user: string, password: string): string {
  const salt = "00112233445566778899aabbccddeeff";
  return `${user}:${salt}$${createHmac("sha256", salt).update(password).digest("hex")}`;
}
