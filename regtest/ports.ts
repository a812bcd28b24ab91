import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import { TapstakeError } from "../src/core/errors.js";

/**
 * Below the ports that systems give to outgoing connections (from 32768 on Linux, from 49152 elsewhere): a node that is
 * down for a moment finds its port again.
 */
const LOWEST = 20_000;
const HIGHEST = 32_000;
const ATTEMPTS = 200;

/**
 * Different ports of 127.0.0.1 on which no process listens at the moment. bitcoind refuses `-bind` with port 0, so it
 * cannot choose one itself; another process may still take a port before bitcoind does.
 * @throws TapstakeError `node-start-failed`
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  for (let attempt = 0; attempt < ATTEMPTS && ports.size < count; attempt++) {
    const port = randomInt(LOWEST, HIGHEST);
    if (!ports.has(port) && (await isFree(port))) ports.add(port);
  }
  if (ports.size < count) {
    const text = `found no free port from ${LOWEST} to ${HIGHEST}: stop programs that listen there`;
    throw new TapstakeError("node-start-failed", text);
  }
  return [...ports];
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
  } catch {
    return false;
  }
  server.close();
  await once(server, "close");
  return true;
}
