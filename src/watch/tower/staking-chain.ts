import type { BabylonChain } from "../../babylon-client/client.js";
import { TapstakeError } from "../../core/errors.js";
import { pause } from "../pause.js";
import type { Watchtower } from "./tower.js";

/** Where a tower gets the staking chain's evidence. */
export interface ChainEvidenceOptions {
  readonly chain: Pick<BabylonChain, "evidences" | "chainId">;
  readonly tower: Pick<Watchtower, "addEvidence">;
  /** Seconds between two readings: 60 by default. */
  readonly every?: number;
  /** Called for what the chain answers and the tower refuses, and when the chain does not answer. */
  readonly onTrouble?: (error: TapstakeError) => void;
}

/**
 * Reads the evidence of the staking chain again and again, all of it each time: evidence for an old height can come late.
 * Evidence that reveals no key is refused, and does not hinder what follows.
 * @returns what stops it
 */
export function followChainEvidence(options: ChainEvidenceOptions): { close(): Promise<void> } {
  const stop = new AbortController();
  const running = follow(options, stop.signal);
  return {
    async close() {
      stop.abort();
      await running;
    },
  };
}

async function follow(options: ChainEvidenceOptions, signal: AbortSignal): Promise<void> {
  const { chain, tower, every = 60, onTrouble = () => {} } = options;
  const refused = new Set<string>();
  while (!signal.aborted) {
    try {
      for await (const { evidence } of chain.evidences(0n)) {
        if (signal.aborted) return;
        if (!evidence) continue;
        try {
          tower.addEvidence(evidence, `staking chain ${chain.chainId}`);
        } catch (error) {
          if (!(error instanceof TapstakeError) || error.code === "store-unwritable") throw error;
          const name = `${error.code} ${evidence.height}`;
          if (!refused.has(name)) onTrouble(error);
          refused.add(name);
        }
      }
    } catch (error) {
      if (!(error instanceof TapstakeError)) throw error;
      onTrouble(error);
    }
    await pause(every * 1000, signal);
  }
}
