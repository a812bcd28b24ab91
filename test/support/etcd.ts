import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePorts } from "../../regtest/ports.js";
import { ETCD_HELP, findEtcd } from "../../scripts/find-etcd.mjs";
import { afterFile } from "./after-file.js";
import { atExit } from "./at-exit.js";

const programs = findEtcd();
if (!programs) process.stderr.write(`${ETCD_HELP}\n`);

/** Whether there is an etcd for the tests that need a cluster. */
export const hasEtcd = programs !== undefined;

/** The only files of a member that survive it: in memory where that is possible, as no test cuts the power. */
const SHARED_MEMORY = "/dev/shm";

export interface ClusterOptions {
  readonly size?: number;
  /** More arguments for each member. */
  readonly args?: readonly string[];
  /** The scheme of the members' client URLs. */
  readonly scheme?: "http" | "https";
  /** Where each member runs, and by which command: on this machine without it. */
  readonly machines?: readonly { readonly host: string; readonly by: readonly string[] }[];
  /** How etcdctl reaches members of the scheme `https`. */
  readonly ctlArgs?: readonly string[];
}

/** A member of a cluster, as a process. */
export class Member {
  #process: ChildProcess | undefined;
  #log = "";

  constructor(
    readonly name: string,
    /** `host:port` for clients. */
    readonly address: string,
    readonly peerUrl: string,
    readonly folder: string,
    private readonly args: (state: "new" | "existing") => readonly string[],
    private readonly by: readonly string[] = [],
  ) {}

  get pid(): number {
    return this.#process!.pid!;
  }

  get log(): string {
    return this.#log;
  }

  get isRunning(): boolean {
    const child = this.#process;
    return child?.exitCode === null && child.signalCode === null;
  }

  start(state: "new" | "existing" = "new", ...more: readonly string[]): void {
    const [program, ...args] = [...this.by, programs!.etcd, ...this.args(state), ...more] as [string];
    const child = spawn(program, args, {
      stdio: ["ignore", "ignore", "pipe"],
    });
    child.stderr
      .setEncoding("utf8")
      .on("data", (text: string) => (this.#log = (this.#log + text).slice(-65_536)));
    this.#process = child;
  }

  /** Ends the process at once, as a crash of it would. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (!child || !this.isRunning) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  pause(): void {
    this.#process!.kill("SIGSTOP");
  }

  resume(): void {
    this.#process!.kill("SIGCONT");
  }

  killNow(): void {
    this.#process?.kill("SIGKILL");
  }
}

/** A cluster on the loopback interface, on free ports. It ends with the test file. */
export class Cluster {
  private constructor(
    readonly folder: string,
    readonly members: readonly Member[],
    private readonly options: ClusterOptions,
  ) {}

  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    const cluster = await Cluster.prepare(options);
    cluster.members.forEach((member) => member.start());
    await cluster.ready();
    return cluster;
  }

  /** The folder and the ports of a cluster that is not started yet. */
  static async prepare(options: ClusterOptions = {}): Promise<Cluster> {
    const { machines = [], size = 3, args = [], scheme = "http" } = options;
    const folder = mkdtempSync(join(existsSync(SHARED_MEMORY) ? SHARED_MEMORY : tmpdir(), "tapstake-etcd-"));
    const ports = await freePorts(2 * size);
    const names = Array.from({ length: size }, (_, i) => `m${i}`);
    const hosts = names.map((_, i) => machines[i]?.host ?? "127.0.0.1");
    const peerUrls = hosts.map((host, i) => `http://${host}:${ports[size + i]!}`);
    const all = names.map((name, i) => `${name}=${peerUrls[i]!}`).join(",");
    const members = names.map((name, i) => {
      const [address, peerUrl] = [`${hosts[i]!}:${ports[i]!}`, peerUrls[i]!];
      const data = join(folder, name);
      const clientUrl = `${scheme}://${address}`;
      const settings = {
        name,
        "data-dir": data,
        "log-level": "error",
        logger: "zap",
        "listen-client-urls": clientUrl,
        "advertise-client-urls": clientUrl,
        "listen-peer-urls": peerUrl,
        "initial-advertise-peer-urls": peerUrl,
        "initial-cluster": all,
      };
      const fixed = Object.entries(settings).map(([setting, value]) => `--${setting}=${value}`);
      const argsFor = (state: string) => [...fixed, `--initial-cluster-state=${state}`, ...args];
      return new Member(name, address, peerUrl, data, argsFor, machines[i]?.by);
    });
    const cluster = new Cluster(folder, members, options);
    cluster.#notAtExit = atExit(cluster.#endNow);
    afterFile(() => cluster.end());
    return cluster;
  }

  /** Ends the cluster before the test file ends. */
  async end(): Promise<void> {
    await this.killAll();
    this.#endNow();
    this.#notAtExit();
  }

  #notAtExit = () => {};

  readonly #endNow = (): void => {
    this.members.forEach((member) => member.killNow());
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  };

  get addresses(): string[] {
    return this.members.map(({ address }) => address);
  }

  /** For `--arbiter`. */
  get url(): string {
    return `etcd://${this.addresses.join(",")}`;
  }

  get initialCluster(): string {
    return this.members.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(",");
  }

  /** Waits until the cluster answers. */
  async ready(): Promise<void> {
    for (;;) {
      try {
        this.ctl("get", "none");
        return;
      } catch {
        await sleep(50);
      }
    }
  }

  /** What etcdctl prints. */
  ctl(...args: readonly string[]): string {
    const { scheme = "http", ctlArgs = [] } = this.options;
    const endpoints = this.addresses.map((address) => `${scheme}://${address}`).join(",");
    return ctl("--endpoints", endpoints, "--command-timeout", "20s", ...ctlArgs, ...args);
  }

  /** The member that leads, by what the members say of themselves. There may be none at first, or one that does not answer. */
  leader(): Member {
    for (let asked = 0; asked < 100; asked++) {
      const leader = this.members.find((member) => this.#leads(member));
      if (leader) return leader;
    }
    throw new Error("no member leads");
  }

  #leads({ address }: Member): boolean {
    const { scheme = "http", ctlArgs = [] } = this.options;
    const one = ["--endpoints", `${scheme}://${address}`, "--command-timeout", "5s", ...ctlArgs];
    try {
      const text = ctl(...one, "endpoint", "status", "-w", "fields");
      const field = (name: string) => new RegExp(`^"${name}" : (\\d+)$`, "m").exec(text)?.[1];
      return field("MemberID") !== undefined && field("MemberID") === field("Leader");
    } catch {
      return false;
    }
  }

  /** Gives the lead to another member. */
  moveLeader(): void {
    const leader = this.leader();
    const ids = [...this.ctl("member", "list").matchAll(/^([0-9a-f]+), started, (\w+),/gm)];
    const [, id] = ids.find(([, , name]) => name !== leader.name)!;
    const { scheme = "http", ctlArgs = [] } = this.options;
    ctl("--endpoints", `${scheme}://${leader.address}`, ...ctlArgs, "move-leader", id!);
  }

  /** Starts or continues every member that does not run. */
  async mend(): Promise<void> {
    for (const member of this.members) {
      if (member.isRunning) member.resume();
      else member.start("existing");
    }
    await this.ready();
  }

  async killAll(): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()));
  }

  /**
   * All members are stopped, and begin anew from a snapshot.
   * @param options more options of `etcdctl snapshot restore`
   */
  async restore(snapshot: string, token = "etcd-cluster", options: readonly string[] = []): Promise<void> {
    await this.killAll();
    for (const { name, folder, peerUrl } of this.members) {
      rmSync(folder, { recursive: true, force: true });
      const cluster = ["--initial-cluster", this.initialCluster, "--initial-cluster-token", token];
      const member = ["--name", name, "--data-dir", folder, "--initial-advertise-peer-urls", peerUrl];
      ctl("snapshot", "restore", snapshot, ...member, ...cluster, ...options);
    }
    this.members.forEach((member) => member.start("existing"));
    await this.ready();
  }

  /** A copy of what some members, which do not run, have on their disks. @returns puts it back */
  copyOf(members: readonly Member[]): () => void {
    const copies = members.map(({ name, folder }) => {
      const copy = join(this.folder, `copy-of-${name}`);
      rmSync(copy, { recursive: true, force: true });
      cpSync(folder, copy, { recursive: true });
      return { copy, folder };
    });
    return () => {
      for (const { copy, folder } of copies) {
        rmSync(folder, { recursive: true, force: true });
        cpSync(copy, folder, { recursive: true });
      }
    };
  }

  /** A copy of the cluster's content, as a backup makes it. */
  snapshot(): string {
    const path = join(this.folder, `snapshot-${Date.now()}.db`);
    const { scheme = "http", ctlArgs = [] } = this.options;
    ctl("--endpoints", `${scheme}://${this.members[0]!.address}`, ...ctlArgs, "snapshot", "save", path);
    return path;
  }
}

/** Whether `etcdctl snapshot restore` has an option: releases differ. */
export const hasRestoreOption = (option: string): boolean =>
  programs !== undefined && ctl("snapshot", "restore", "--help").includes(option);

function ctl(...args: readonly string[]): string {
  const env = { ...process.env, ETCDCTL_API: "3" };
  const options = { encoding: "utf8", env, timeout: 60_000, maxBuffer: 1 << 30 } as const;
  const result = spawnSync(programs!.etcdctl, args, options);
  if (result.status !== 0)
    throw new Error(`etcdctl ${args.join(" ")}: ${result.stderr || result.error?.message}`);
  return result.stdout;
}
