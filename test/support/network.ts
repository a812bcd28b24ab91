import { execFileSync, spawnSync } from "node:child_process";
import { afterFile } from "./after-file.js";
import { atExit } from "./at-exit.js";

/** Whether this process may make networks of its own: as root, with the program `ip`. */
export const hasNetworks =
  process.platform === "linux" &&
  process.getuid?.() === 0 &&
  spawnSync("unshare", ["-n", "ip", "link"], { stdio: "ignore" }).status === 0;

const ip = (...args: readonly string[]) => execFileSync("ip", args, { stdio: "pipe" });

/** Machines that reach each other, and this one, over a bridge. Each way can be cut. They end with the test file. */
export class Network {
  /** For `Cluster`. */
  readonly machines: readonly { readonly host: string; readonly by: readonly string[] }[];
  readonly #name = `ts${process.pid}`;
  readonly #subnet = `10.213.${process.pid % 250}`;

  constructor(size: number) {
    const names = Array.from({ length: size }, (_, i) => `${this.#name}-${i}`);
    const end = () => {
      for (const name of names) spawnSync("ip", ["netns", "delete", name]);
      spawnSync("ip", ["link", "delete", this.#name]);
    };
    const notAtExit = atExit(end);
    afterFile(() => {
      end();
      notAtExit();
    });
    ip("link", "add", this.#name, "type", "bridge");
    ip("address", "add", `${this.#subnet}.1/24`, "dev", this.#name);
    ip("link", "set", this.#name, "up");
    this.machines = names.map((name, i) => {
      const host = this.#hostOf(i);
      ip("netns", "add", name);
      ip("link", "add", `${name}v`, "type", "veth", "peer", "name", "eth0", "netns", name);
      ip("link", "set", `${name}v`, "master", this.#name, "up");
      ip("-n", name, "address", "add", `${host}/24`, "dev", "eth0");
      ip("-n", name, "link", "set", "eth0", "up");
      ip("-n", name, "link", "set", "lo", "up");
      return { host, by: ["ip", "netns", "exec", name] };
    });
  }

  /** @returns mends it */
  cutFromPeers(machine: number): () => void {
    return this.#cut(
      machine,
      this.machines.flatMap((_, i) => (i === machine ? [] : [this.#hostOf(i)])),
    );
  }

  /** @returns mends it */
  cutFromClients(machine: number): () => void {
    return this.#cut(machine, [`${this.#subnet}.1`]);
  }

  #hostOf(machine: number): string {
    return `${this.#subnet}.${10 + machine}`;
  }

  /** Packets to these addresses vanish. */
  #cut(machine: number, addresses: readonly string[]): () => void {
    const routes = (what: "add" | "delete") => {
      for (const address of addresses) {
        ip("-n", `${this.#name}-${machine}`, "route", what, "blackhole", `${address}/32`);
      }
    };
    routes("add");
    return () => routes("delete");
  }
}
