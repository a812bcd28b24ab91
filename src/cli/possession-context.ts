import { TapstakeError } from "../core/errors.js";
import { loadChains } from "../finality/chains.js";
import { findHome } from "../finality/home.js";
import { warn } from "./output.js";

interface Options {
  readonly home?: string | undefined;
  readonly chain?: string | undefined;
}

/**
 * The context for proofs of possession on the chain of `--chain`; undefined where the chain has none, or is not named.
 * A chain that is not configured is warned of, as it may be one that has.
 * @throws TapstakeError `context-mismatch` where the chain has contexts, and this one is not known; as `loadChains`
 */
export function possessionContext({ home, chain: id }: Options): string | undefined {
  if (id === undefined) return undefined;
  const chain = loadChains(findHome(home)).get(id);
  if (!chain) {
    const message = `${id} is not configured (tapstake fp chains list), so no signing context is used: is the id right?`;
    warn({ code: "unknown-chain", message, details: { chain: id } });
    return undefined;
  }
  if (chain.voteContext !== undefined && chain.popContext === undefined) {
    const text = `${id} has signing contexts, and the one for proofs of possession is not known here: tapstake fp chains set ${id} --staking-module-address … says whose it is`;
    throw new TapstakeError("context-mismatch", text, { chain: id });
  }
  return chain.popContext;
}
