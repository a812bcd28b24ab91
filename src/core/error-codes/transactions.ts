import type { ErrorGroup } from "./advice.js";

const SEND_NO_COINS = "Do not send coins to this output.";

/** Scripts, descriptors and addresses. */
export const SCRIPTS = {
  "no-keys": {
    means: "A list of keys is empty or missing.",
    do: "Give at least one key for the role that the message names.",
  },
  "too-many-keys": {
    means: "A role has more keys than one script can hold.",
    do: "Give at most as many keys as the message names.",
  },
  "duplicate-key": {
    means: "One key stands in two places where every key must be different.",
    do: "Give a different key in each place.",
  },
  "invalid-quorum": {
    means: "A quorum is not possible with this number of keys.",
    do: "Give a quorum from 1 to the number of keys. For finality providers it is always 1.",
  },
  "invalid-timelock": {
    means: "A time lock is not from 1 to 65,535 blocks.",
    do: "Give a number of blocks from 1 to 65535, such as `--time 1000`.",
  },
  "invalid-script": {
    means: "A script is not one that this protocol uses.",
    do: "Take the script from a stake, or from the terms of one.",
  },
  "invalid-descriptor": {
    means: "A text is not an output descriptor.",
    do: "Copy the whole descriptor, from tr( to the last bracket or the checksum.",
  },
  "invalid-checksum": {
    means: "A descriptor does not match its checksum.",
    do: "Copy the descriptor again. If you changed it on purpose, leave out the # and the checksum.",
  },
  "wrong-internal-key": {
    means: "One key could spend this descriptor's output without the scripts of a stake.",
    do: "Make the descriptor again from the terms of the stake: `tapstake descriptor --help`.",
    never: SEND_NO_COINS,
  },
  "wrong-script-tree": {
    means: "A descriptor's scripts are not those of an output of a stake, or are elsewhere in its tree.",
    do: "Make the descriptor again from the terms of the stake: `tapstake descriptor --help`.",
    never: SEND_NO_COINS,
  },
  "underived-key": {
    means: "A descriptor holds an extended or private key instead of a plain public key.",
    do: "Derive the key first. Give the public key as 32 bytes in hexadecimal.",
    never: "Do not share a descriptor that holds a private key.",
  },
  "unsorted-keys": {
    means: "The keys of a multi_a script are not in ascending order.",
    do: "Sort the keys, or make the descriptor again from the terms of the stake.",
  },
  "leaves-disagree": {
    means: "The leaves of one descriptor name different stakers or committees.",
    do: "Make the descriptor again from the terms of one stake: `tapstake descriptor --help`.",
  },
  "invalid-key-expression": {
    means: "A key of a descriptor is malformed, or stands for several keys.",
    do: "Give hexadecimal, a private key (WIF) or an extended key. Write an index in place of *.",
  },
  "invalid-path": {
    means: "A text is not a BIP-32 derivation path.",
    do: "Write the path like m/86'/0'/0'/0/5.",
  },
  "invalid-address": {
    means: "An address is malformed, or is not of the right network or kind.",
    do: "Copy the address again from its source. Check that it is of the network and the kind that the message names.",
  },
  "invalid-op-return": {
    means: "The OP_RETURN of a phase-1 stake is missing or malformed, or announces another stake.",
    do: "Check the parameters (`--params`), and give the terms yourself: `--staker`, `--fp`, `--time`.",
  },
  "multiple-op-returns": {
    means: "A transaction has more than one phase-1 OP_RETURN, so it is not a valid phase-1 stake.",
    do: "Build the transaction again with exactly one.",
  },
} as const satisfies ErrorGroup;

/** Transactions, coins and PSBTs. */
export const TRANSACTIONS = {
  "invalid-transaction": {
    means: "The given bytes are not one whole, valid Bitcoin transaction.",
    do: "Copy the whole transaction again.",
  },
  "invalid-psbt": {
    means: "The given bytes are not a PSBT that tapstake can read.",
    do: "Export the whole PSBT again from the wallet.",
  },
  "account-mismatch": {
    means: "The wallet's account is not the stake's: its network, address or key disagrees.",
    do: "Switch the wallet to the network and account that the message names, and connect again.",
  },
  "psbt-mismatch": {
    means: "A PSBT is of another transaction, or states other coins or scripts.",
    do: "Sign the PSBT that tapstake wrote, and give that one back. If the wallet changes it, use another wallet.",
    never: "Do not send a transaction that a wallet changed: the coins may not be staked.",
  },
  "output-not-found": {
    means: "The transaction or the stake does not have the expected output.",
    do: "Check that the transaction, the terms and the parameters are of one stake, and that it is in a block.",
  },
  "not-a-stake": {
    means: "tapstake does not recognise this as a transaction or an output of a stake.",
    do: "Say whose stake it is: `tapstake inspect stake.psbt --delegation stake.json`. Without that file, give `--staker`, `--fp` and `--time`.",
  },
  "multiple-staking-outputs": {
    means: "A transaction has the staking output more than once.",
    do: "Build the transaction with one staking output. Send the change to another script.",
  },
  "invalid-coin": {
    means: "A coin cannot be spent as described.",
    do: "Correct the coin that the message names, or leave it out.",
  },
  "timelock-running": {
    means: "The time lock of these coins still runs.",
    do: "Wait for the number of blocks that the message names; a block takes about 10 minutes. Then run the command again.",
  },
  "insufficient-funds": {
    means: "The given coins do not cover the amount and the fee.",
    do: "Add coins, or lower the amount or the fee rate (`--value`, `--fee-rate`).",
  },
  "transaction-too-large": {
    means: "The transaction would have more than 400,000 weight units, and nodes do not relay it.",
    do: "Combine small coins into a larger one with your wallet first.",
  },
  "fee-rate-too-low": {
    means: "The fee rate is below the minimum that nodes relay.",
    do: "Raise `--fee-rate`; it is in sat/vB.",
  },
  "fee-rate-too-high": {
    means: "The fee rate is above the safety limit.",
    do: "Check the number; its unit is sat/vB. If you mean it, raise `--max-fee-rate`.",
  },
  "size-above-estimate": {
    means: "The signed transaction is larger than its fee was computed for.",
    causes: "signatures that are longer than the stated signatureLength.",
    do: "Build the transaction again with a longer signatureLength, or sign with SIGHASH_DEFAULT.",
  },
  "txid-not-final": {
    means: "Signing changes the txid of this transaction, so nothing can be built upon it yet.",
    causes: "a P2PKH coin, or an input whose script is not known before it is signed.",
    do: "Let the wallet sign first, then give the signed PSBT back with `--signed`. Or pay with SegWit coins only.",
    never:
      "Do not send a staking transaction whose txid is not the delegation's: the stake cannot be unbonded or slashed.",
  },
  "dust-output": {
    means: "An output is too small for nodes to relay.",
    do: "Raise the amount of that output above the limit in the message.",
  },
  "missing-signature": {
    means: "A required signature is missing, or there are fewer signatures than the quorum.",
    do: "Ask the missing signers to sign. `tapstake stake check stake.json` shows who has signed.",
  },
  "unexpected-signer": {
    means: "A key is not one that the script names, or it signed in two different ways.",
    do: "Use a key of this stake, and give one signature per key.",
  },
  "unsupported-sighash": {
    means: "A signature has a signature hash type that is not accepted here.",
    do: "Sign again with SIGHASH_DEFAULT, which gives 64 bytes.",
    never:
      "Do not use SIGHASH_NONE, SINGLE or ANYONECANPAY: others could change the transaction and take the coins.",
  },
  "witness-mismatch": {
    means: "A witness does not open the expected script.",
    do: "Check that the transaction is of this stake and spends it in the expected way. Then sign it again.",
  },
  "signer-failed": {
    means: "An external signer failed, or did not return a signature of the right length.",
    do: "Read the signer's own messages, check that it is connected and unlocked, and try again.",
  },
} as const satisfies ErrorGroup;
