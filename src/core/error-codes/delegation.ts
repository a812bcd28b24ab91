import type { ErrorGroup } from "./advice.js";

const REBUILD = "Build the transaction again with tapstake, or ask its maker to do so.";
const SIGN_NOTHING = "Do not sign this delegation, and do not send its transactions: coins could be lost.";

/** Protocol parameters. */
export const PARAMETERS = {
  "invalid-params": {
    means: "Protocol parameters contradict the rules for parameters.",
    do: "Correct the field that the message names, or take the parameters from their chain again.",
  },
  "unknown-params": {
    means: "tapstake knows no such parameter set or version.",
    do: "List the sets and versions with `tapstake params`, or give your own file with `--params`.",
  },
  "not-active": {
    means: "No version of these parameters is in force at this Bitcoin height.",
    do: "Check the height and the set. `tapstake params` shows where each version begins.",
  },
  "unsupported-by-release": {
    means: "The staking chain's release does not accept this form of stake.",
    do: "Change what the message names, or name the chain's own release with `--release`.",
    never: "Do not send the staking transaction: the coins would be locked and not registered.",
  },
} as const satisfies ErrorGroup;

/** Rules of a delegation. */
export const DELEGATION = {
  "unknown-version": {
    means: "A file has a version that this release does not know.",
    do: "Check that it is the right kind of file. If it is, install a newer release of tapstake.",
  },
  "wrong-network": {
    means: "A file, the parameters or a server belong to another Bitcoin network.",
    do: "Use parameters, files and a server of one network (`--params`, `--rpc`, `--esplora`).",
  },
  "delegation-mismatch": {
    means: "Two copies of a delegation describe different stakes.",
    do: "Combine only copies of one stake.",
  },
  "covenant-mismatch": {
    means: "The stake's committee does not fit the committee of the parameters.",
    do: "Use the committee and the parameters that are in force for this stake.",
  },
  "params-mismatch": {
    means: "The delegation's parameters differ from those that you trust.",
    do: "Compare the field that the message names. Ask the staker for a delegation under the right parameters.",
    never: SIGN_NOTHING,
  },
  "params-not-in-force": {
    means: "The delegation's parameters are not in force at this Bitcoin height, or their set has ended.",
    do: "Check the heights and the set that you gave. If they are right, the stake needs the version in force there.",
  },
  "unsupported-params": {
    means: "These parameters are of another phase of the protocol than this operation needs.",
    do: "Choose another version: `tapstake params mainnet` lists them.",
  },
  "not-a-member": {
    means: "The signing key is not in the committee of this stake.",
    do: "Sign with a key of the committee: `tapstake params mainnet` shows its members.",
  },
  "quorum-reached": {
    means: "A quorum of the committee has already signed.",
    do: "You need not sign this delegation.",
  },
  "staking-value-out-of-range": {
    means: "The stake is below the minimum or above the maximum value.",
    do: "Choose a value in the range that the message names (`--value`).",
  },
  "staking-time-out-of-range": {
    means: "The stake's time is outside of the allowed range, or not longer than the unbonding time.",
    do: "Choose a time in the range that the message names (`--time`). The chain never activates another stake.",
  },
  "unbonding-time-mismatch": {
    means: "The unbonding time is not that of the parameters.",
    do: "Build the delegation again with these parameters.",
  },
  "staking-output-mismatch": {
    means: "The staking output is not the one that the terms describe.",
    do: "Check that the transaction, the output index, the terms and the server are of one stake.",
    never: SIGN_NOTHING,
  },
  "wrong-version": {
    means: "A transaction has a version that the protocol does not allow.",
    do: REBUILD,
  },
  "wrong-locktime": { means: "A transaction has a lock time other than 0.", do: REBUILD },
  "wrong-sequence": {
    means: "An input has a sequence number that the protocol does not allow.",
    do: REBUILD,
  },
  "wrong-script-sig": { means: "A Taproot input carries an input script.", do: REBUILD },
  "wrong-witness": {
    means: "A transaction that must be unsigned carries a witness.",
    do: "Give the unsigned transaction.",
  },
  "wrong-input-count": { means: "A transaction has too few or too many inputs.", do: REBUILD },
  "wrong-output-count": { means: "A transaction has too few or too many outputs.", do: REBUILD },
  "wrong-outpoint": {
    means: "A transaction does not spend the expected output.",
    do: "Check that both transactions are of one stake.",
  },
  "unbonding-output-mismatch": {
    means: "The unbonding output is not the one that the terms describe.",
    do: REBUILD,
    never: SIGN_NOTHING,
  },
  "unbonding-fee-mismatch": {
    means: "The unbonding fee is not that of the parameters.",
    do: "Build the unbonding transaction again with these parameters.",
  },
  "slashing-script-mismatch": {
    means: "The slashed coins would not go to the slashing script of the parameters.",
    do: REBUILD,
    never: SIGN_NOTHING,
  },
  "slashing-amount-too-low": {
    means: "The slashing transaction takes less than the parameters demand.",
    do: "Build the slashing transaction again with these parameters.",
  },
  "slashing-fee-too-low": {
    means: "The slashing transaction pays less than the minimum fee of the parameters.",
    do: "Build the slashing transaction again with a higher fee.",
  },
  "refund-output-mismatch": {
    means: "The staker's refund is not locked as the terms describe.",
    do: REBUILD,
    never: SIGN_NOTHING,
  },
  "invalid-staker-signature": {
    means: "A signature by the staker is missing or does not verify.",
    do: "Let the staker sign: `tapstake stake sign stake.json --secret-file staker.key`.",
  },
  "invalid-covenant-signature": {
    means: "A signature by a committee member is incomplete or does not verify.",
    do: "Ask that member to sign again: `tapstake covenant sign --help`.",
  },
  "not-an-expansion": {
    means: "This delegation does not expand another stake.",
    do: "Give a delegation that expands one: `tapstake expand --help`.",
  },
  "staker-mismatch": {
    means: "An expansion has other stakers than the stake that it expands.",
    do: "Keep the stakers and their quorum.",
  },
  "expansion-value-too-low": {
    means: "An expansion stakes less than the stake that it expands.",
    do: "Stake at least as much as before (`--value`, in satoshi).",
  },
  "expansion-fee-too-low": {
    means: "An expansion pays no fee.",
    do: "Choose a larger funding coin, or stake less (`--value`).",
  },
  "duplicate-signature": {
    means: "A key has two signatures of one transaction.",
    do: "Keep one of the two.",
  },
} as const satisfies ErrorGroup;

/** Registration on the staking chain. */
export const REGISTRATION = {
  "invalid-possession": {
    means: "A proof of possession does not show that the Bitcoin key and the account belong together.",
    do: "Make the proof again with this key and this account: `tapstake pop make --help`.",
  },
  "unsupported-message": {
    means: "The staking chain's message has no field for what it should say.",
    do: "Use the message or the form that the error names.",
  },
  "not-in-release": {
    means: "The named release of the staking chain does not know this message, or a field of it.",
    do: "Name the release that your chain runs (`--release`), or leave out what the message names.",
  },
  "would-be-refused": {
    means: "The staking chain would refuse the message by one of its rules, so nothing was sent.",
    do: "Look at `verdict` in the details. `later`: wait for `until`. `never`: correct what `rule` and the message name. `--force` sends it all the same.",
  },
  "message-mismatch": {
    means: "A message contradicts itself, or the record that it is about.",
    do: "Make the message again from the record of this stake: `tapstake register --help`.",
  },
} as const satisfies ErrorGroup;

/** Evidence and slashing. */
export const EVIDENCE = {
  "not-a-slashing": {
    means: "The transaction does not spend a slashing leaf of this delegation.",
    do: "Give the slashing transaction of this stake, with its witness.",
  },
  "no-evidence": {
    means: "These signatures do not reveal the key of a finality provider.",
    do: "Check that the transaction is a finished slashing of this very delegation.",
  },
  "unknown-finality-provider": {
    means: "The key is not one of the stake's finality providers.",
    do: "Give evidence against a finality provider of this stake, or a stake with that provider.",
  },
} as const satisfies ErrorGroup;

/** Restaking graphs. */
export const RESTAKING = {
  "invalid-graph": {
    means: "A restaking graph names what it does not have, or contradicts itself.",
    do: "Correct the entry that the message names. docs/restaking.md describes the file.",
  },
  "unknown-name": {
    means: "A restaking graph has no operator, service or pool of this name.",
    do: "Take the name from the file: `tapstake risk report restaking.json` lists them.",
  },
  "invalid-log": {
    means: "A log of a contract does not have the form of its event.",
    do: "Fetch the logs again with `eth_getLogs`, and give its answer unchanged.",
  },
} as const satisfies ErrorGroup;
