import type { Network } from "../core/network.js";
import type { Delegation } from "../delegation/delegation.js";
import type { ProtocolParams } from "../params/types.js";
import type { Commitment } from "../vote/vote.js";
import {
  readAddInclusionProof,
  readCovenantSignatures,
  readSelectiveSlashing,
  readUndelegate,
} from "./lifecycle.js";
import type { NamedMessage } from "./messages.js";
import {
  readAddFinalitySignature,
  readCommitRandomness,
  readCreateFinalityProvider,
  readEquivocation,
} from "./provider.js";
import { readCreateDelegation, readExpand } from "./stake.js";

/** What messages do not hold, and checking them needs. */
export interface MessageSources {
  /** Of a new stake: the version that the chain applies. */
  readonly params?: ProtocolParams | undefined;
  /** The stake that a message is about; of an expansion, the one that is expanded. */
  readonly delegation?: Delegation | undefined;
  /** That covers a vote's height. */
  readonly commitment?: Commitment | undefined;
  /** The signing context, where the chain uses one. */
  readonly context?: string | undefined;
  /** Of the Bitcoin addresses in proofs of possession of a finality provider. */
  readonly network?: Network | undefined;
}

/**
 * Checks a message that was decoded, whichever it is, by the reader of its own.
 * @returns what is lacking for it; undefined when every rule was checked, and holds
 * @throws TapstakeError the codes of the message's reader
 */
export function checkedMessage(
  named: NamedMessage,
  { params, delegation, commitment, context, network }: MessageSources,
): "params" | "delegation" | "commitment" | undefined {
  const about = (check: (stake: Delegation) => unknown) => {
    if (!delegation) return "delegation" as const;
    check(delegation);
    return undefined;
  };
  switch (named.name) {
    case "MsgCreateBTCDelegation":
      if (!params) return "params";
      return void readCreateDelegation(named.message, params, { context });
    case "MsgBtcStakeExpand":
      if (!params) return "params";
      return about((previous) => readExpand(named.message, params, previous, { context }));
    case "MsgAddBTCDelegationInclusionProof":
      return about((stake) => readAddInclusionProof(named.message, stake));
    case "MsgBTCUndelegate":
      return about((stake) => readUndelegate(named.message, stake));
    case "MsgAddCovenantSigs":
      return about((stake) => readCovenantSignatures(named.message, stake));
    case "MsgSelectiveSlashingEvidence":
      return about((stake) => readSelectiveSlashing(named.message, stake));
    case "MsgCreateFinalityProvider":
      return void readCreateFinalityProvider(named.message, { context, network });
    case "MsgEquivocationEvidence":
      return void readEquivocation(named.message);
    case "MsgCommitPubRandList":
      return void readCommitRandomness(named.message, { context });
    case "MsgAddFinalitySig":
      if (!commitment) return "commitment";
      return void readAddFinalitySignature(named.message, commitment, { context });
  }
}
