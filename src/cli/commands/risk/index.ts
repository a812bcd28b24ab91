import { groupCommand, type LazyCommands } from "../../command.js";

const stakes = () => import("./stakes.js");
const attacks = () => import("./attacks.js");
const changes = () => import("./changes.js");
const page = () => import("./page.js");

const COMMANDS: LazyCommands = {
  graph: {
    summary: "Make a restaking file from delegations, a chain or logs",
    load: async () => (await import("./graph.js")).graphCommand,
  },
  report: {
    summary: "Show what each stake stands for, and what it can lose",
    load: async () => (await stakes()).report,
  },
  "double-sign": {
    summary: "Show who loses what when an operator signs twice",
    load: async () => (await stakes()).doubleSignCommand,
  },
  concentration: {
    summary: "Show how few operators have how much of the stake",
    load: async () => (await stakes()).concentration,
  },
  attack: {
    summary: "Say whether operators can gain by an attack",
    load: async () => (await attacks()).attack,
  },
  cascade: {
    summary: "Show what is lost after a first loss, step by step",
    load: async () => (await attacks()).cascadeCommand,
  },
  "opt-in": {
    summary: "Show what joining one more service changes",
    load: async () => (await changes()).optInCommand,
  },
  collateral: {
    summary: "Say how much stake is missing to a safety margin, and where",
    load: async () => (await changes()).collateralCommand,
  },
  page: {
    summary: "Write a page for a browser, with pictures, that needs no network",
    load: async () => (await page()).pageCommand,
  },
};

const GROUP = {
  description: `risk graph makes the file. Each other command reads it: which stakes stand behind which services, and which operators decide about them. Numbers
are exact. Each answer says how it is known: certified, proved, by a coalition that was found, or unknown between bounds.

docs/restaking.md explains the file and each number.`,
  examples: `
tapstake risk report restaking.json
tapstake risk double-sign restaking.json --operator north
`,
} as const;

/** Risk over restaking graphs. */
export const command = (args: readonly string[]) => groupCommand("risk", GROUP, COMMANDS, args);
