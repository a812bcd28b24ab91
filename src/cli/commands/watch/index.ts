import { groupCommand, type LazyCommands } from "../../command.js";

const stakes = () => import("./stakes.js");

const COMMANDS: LazyCommands = {
  init: {
    summary: "Make the store of a watch",
    load: async () => (await import("./init.js")).init,
  },
  run: {
    summary: "Follow Bitcoin and keep every stake's state",
    load: async () => (await import("./run.js")).runCommand,
  },
  add: {
    summary: "Add delegations to watch",
    load: async () => (await import("./add.js")).add,
  },
  status: {
    summary: "Show how far the watch is, and how many stakes it has",
    load: async () => (await stakes()).status,
  },
  stakes: {
    summary: "List stakes by state, staker or provider",
    load: async () => (await stakes()).list,
  },
  show: {
    summary: "Show the life of one stake, with every transaction",
    load: async () => (await stakes()).show,
  },
  checkpoints: {
    summary: "Show the checkpoints of the staking chain, and their alarms",
    load: async () => (await import("./checkpoints.js")).checkpoints,
  },
  duties: {
    summary: "Show the watchtower's evidence, and what became of each slashing",
    load: async () => (await import("./duties.js")).duties,
  },
  alarms: {
    summary: "List the open alarms",
    load: async () => (await import("./duties.js")).alarms,
  },
  verify: {
    summary: "Scan everything again and compare",
    load: async () => (await import("./verify.js")).verify,
  },
  export: {
    summary: "Print what happened after a number, as JSON lines",
    load: async () => (await import("./export.js")).exportCommand,
  },
};

const GROUP = {
  description: `A watch follows the blocks of a bitcoind or an Esplora server. It keeps the state of every stake in one file: of
phase-1 stakes, which it finds by itself, and of the delegations that you add. Alone it sends nothing: as a watchtower
it slashes the stakes of providers whose keys leaked.

One process writes to a store. The commands that read can run beside it.`,
  examples: `
tapstake watch init --network mainnet --store watch.db
tapstake watch add --store watch.db stake.json
tapstake watch run --store watch.db --rpc http://127.0.0.1:8332 --rpc-auth-file ~/.bitcoin/.cookie
tapstake watch show --store watch.db <txid:vout>
`,
} as const;

/** Watching Bitcoin for what becomes of stakes. */
export const command = (args: readonly string[]) => groupCommand("watch", GROUP, COMMANDS, args);
