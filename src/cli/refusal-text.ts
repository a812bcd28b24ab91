import type { RefusalCode } from "../finality/protection/decide.js";

/** What an operator needs to know of a refusal in the middle of the night. */
interface Advice {
  readonly means: string;
  readonly remedy: string;
  readonly never: string;
}

/** Whether a code is the answer of the protection to one height, and no failure. */
export const isRefusal = (code: string): code is RefusalCode => Object.hasOwn(ADVICE, code);

/** What a refusal means, what to do, and what not to, as lines below its message: in the form of `instructions.ts`. */
export function adviceText(code: RefusalCode): string {
  const { means, remedy, never } = ADVICE[code];
  return `What it means: ${means}\nWhat to do: ${remedy}\nWhat not to do: ${never}`;
}

const ADVICE: Readonly<Record<RefusalCode, Advice>> = {
  "double-vote": {
    means:
      "At this height nothing was signed, and the key is safe. Someone asked for a second vote where there is one.",
    remedy:
      "Leave the first vote as it is and go on with the next height. Find out who asked: a fork of the chain, a node that was rolled back, a second node with this key, or signing contexts that were changed: the same block under another signing context is another message.",
    never:
      "Do not sign it another way (another home, another tool, --remote elsewhere): two votes give the key away, and every stake with it is slashed.",
  },
  "unknown-earlier-vote": {
    means:
      "At this height nothing was signed. It has a vote, made here or where the history was imported from, and what it was for is not known.",
    remedy:
      "Skip this height: a vote that is missed costs far less than one too many. If the first vote reached the chain, nothing is missing.",
    never:
      "Do not delete the record, or begin with a fresh home, to get past it: the first vote exists, whether it is remembered or not.",
  },
  "below-watermark": {
    means:
      "At this height nothing was signed. It is older than what this signer remembers: it was pruned, or is below the height that votes began at.",
    remedy:
      "See that your node is at the tip of the chain. Votes for old blocks are not needed: go on with new ones.",
    never:
      "Do not look for a way to lower the mark: there is none, because what was signed below it is forgotten.",
  },
  "at-or-below-chain-height": {
    means:
      "At this height nothing was signed. The chain has votes up to the height you gave, and this signer has none for this one: another machine or a newer copy of this home may have made it.",
    remedy:
      "Go on with heights above it. If the key moved here, import its history: tapstake fp protection import.",
    never:
      "Do not give a lower --chain-height, or leave it out, to get past this, unless you are certain that this key never voted at this height.",
  },
};
