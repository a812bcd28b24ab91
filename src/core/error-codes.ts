/** What an error code says to a person. */
export interface ErrorAdvice {
  /** What is wrong, in one sentence. */
  readonly means: string;
  /** What can lead to it, as a list within one sentence. Which of them it was is not known. */
  readonly causes?: string;
  /** What to do now; commands to copy are in backticks. */
  readonly do: string;
  /** What would burn coins or a key. */
  readonly never?: string;
}

const REBUILD = "Build the transaction again with tapstake, or ask its maker to do so.";
const SIGN_NOTHING = "Do not sign this delegation, and do not send its transactions: coins could be lost.";
const SEND_NO_COINS = "Do not send coins to this output.";

const EMERGENCY = "Another signer may have signed here: if one can hold this key, see docs/emergency.md.";
const INIT =
  "`tapstake fp protection init --key <name> --chain <id> --from-height <the height that the script in docs/emergency.md prints>`";
const RECOVER =
  "Stop every signer of these keys. If you moved a file yourself, and no signer has run since, put back that very file. " +
  `Otherwise find each key's last vote on the chain (docs/emergency.md) and begin above it: ${INIT}.`;
const IMPORT_AGAIN =
  "stop the signer. Move keys/<name>.json to a place outside the home, and nothing else. " +
  "Import the key from its words under the same name, in this home: `tapstake fp keys import --help`. " +
  "Then follow “Begin above” in docs/emergency.md.";
const KEEP_FILES =
  "Do not delete a file of the home, do not restore a copy of one, and do not guess the height. " +
  "Do not put protection.db and marks back together: two old files agree with each other. " +
  "A height that is signed twice for different messages reveals the key.";

/**
 * Every code that a `TapstakeError` can carry, with what it means, what to do and what never to do. It is the one source
 * of docs/errors.md, of `tapstake help <code>` and of the advice in refusals.
 */
export const ERROR_CODES = {
  // Values and formats
  "invalid-bytes": {
    means: "A value is not bytes, or does not have the required length.",
    do: "Give bytes of the length that the message names.",
  },
  "invalid-hex": {
    means: "A value is not hexadecimal text, or does not have the required length.",
    do: "Give as many hexadecimal digits as the message asks for. Look for a missing digit or a stray character.",
  },
  "invalid-number": {
    means: "A number is not a whole number, or lies outside its permitted range.",
    do: "Give a whole number in the range that the message names.",
  },
  "invalid-argument": {
    means: "A value is not one of the documented choices, or has the wrong form.",
    do: "Give a value of the kind that the message names.",
  },
  "invalid-amount": {
    means: "An amount is not a valid number of satoshi or bitcoin, from 0 to 21,000,000 BTC.",
    do: "Give whole satoshi, or bitcoin with at most 8 decimals.",
  },
  "invalid-rate": {
    means:
      "A fee rate, a commission or a slashing rate is not a number in its permitted range and precision.",
    do: "Give a decimal number in the range that the message names. Fee rates are in sat/vB.",
  },
  "invalid-json": {
    means: "A file or text is not JSON, or does not have the documented form.",
    do: "Correct the field that the message names. If a command wrote the file, make it again with that command.",
  },
  "invalid-message": {
    means: "Bytes or fields are not a protobuf message of the expected form.",
    do: "Check the type of the message and the field that the error names.",
  },
  "invalid-network": {
    means: "A network name is unknown, or published parameters do not say their network.",
    do: "Name the Bitcoin network with `--network`: mainnet, testnet, signet or regtest.",
  },
  "invalid-public-key": {
    means: "A public key has the wrong length or form, or is not a point of the curve.",
    do: "Give the key in the form that the message names. If it asks for 32 bytes (x-only, 64 hexadecimal digits), drop the first byte (02 or 03) of a compressed key. If it asks for 33 bytes, take the compressed key (66 hexadecimal digits) from the wallet: the x-only key lacks the first byte.",
  },
  "invalid-secret-key": {
    means: "A secret key is not 32 bytes with a number from 1 to n - 1, or it was locked again.",
    do: "Check the file or variable that holds the key. It needs 64 hexadecimal digits, WIF of a compressed key, an xprv with its path (xprv…/0/5), or BIP-39 words with `--path`. If the key was locked, unlock it again.",
  },

  // Signatures and proofs
  "invalid-signature": {
    means: "A signature is malformed, or does not verify for its key and its message.",
    do: "Check that the key, the document and the signing context are the right ones. Then ask the signer to sign again.",
  },
  "invalid-randomness": {
    means: "Public randomness is not a point, or secret randomness is not a number from 1 to n - 1.",
    do: "Use the randomness of this key, chain and height.",
  },
  "invalid-encryption-key": {
    means: "An adaptor encryption key is not a point of 32 or 33 bytes.",
    do: "Use the finality provider's public key.",
  },
  "self-check-failed": {
    means: "A signature made on this machine did not verify, so tapstake withheld it.",
    causes: "faulty memory, a faulty processor or a faulty cryptographic library.",
    do: "Stop signing on this machine. Test its memory and install tapstake again.",
    never: "Do not sign with a faulty machine: a wrong signature can reveal the key.",
  },
  "same-message": {
    means: "Both signatures are of the same message, so they reveal no key.",
    do: "Give two votes for different blocks at one height.",
  },
  "same-signature": {
    means: "One signature was given twice, so it reveals no key.",
    do: "Give two different signatures, of two votes for different blocks at one height.",
  },
  "different-randomness": {
    means: "The two signatures were not made with the given public randomness.",
    do: "Give two votes of one finality provider at one height, with the randomness of that height.",
  },
  "key-mismatch": {
    means: "A key, or the secret of a key, is not the expected one.",
    do: "Compare both keys in the message. Give the right key, name or file.",
  },
  "invalid-proof": {
    means: "A Merkle proof is malformed or cannot be made, or does not lead to its root.",
    do: "Make the proof again from the right block or commitment. If the transaction is not in a block yet, wait.",
  },
  "invalid-header": {
    means: "Block headers do not form a chain, or lack the work that they state.",
    do: "Take the headers again from your own node: `bitcoin-cli getblockheader <hash> false`, the oldest first.",
  },
  "invalid-checkpoint": {
    means:
      "Data is no part of a checkpoint of the staking chain, or two transactions are not the parts of one checkpoint.",
    do: "Give the transaction of part 0 first, then that of part 1, both of one epoch.",
  },
  "index-out-of-range": {
    means: "An index or a height lies outside its list.",
    do: "Give one in the range that the message names.",
  },

  // Scripts, descriptors and addresses
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

  // Protocol parameters
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

  // Transactions, coins and PSBTs
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

  // Rules of a delegation
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

  // Registration on the staking chain
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

  // Evidence and slashing
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

  // Restaking graphs
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

  // The finality provider's home and keys
  "insecure-permissions": {
    means: "Others than its owner can reach a secret file or folder, or another user owns it.",
    do:
      "If another user owns it, run the command as that user, and change no owner. " +
      "Otherwise find out who could read it, and run `chmod 700` on a folder or `chmod 600` on a file. " +
      "If another person may have read a secret, see docs/emergency.md.",
    never: "Do not keep using a key that another person may hold.",
  },
  "home-not-found": {
    means: "There is no home in this folder.",
    causes: "another user than the signer's, or a wrong path.",
    do:
      "Run the command as the signer's user (`sudo -iu tapstake`), or give `--home`. " +
      "If you have no key yet, the first one makes a home: `tapstake fp keys new <name>`.",
    never: "Do not make a new home or a new key if the key has voted.",
  },
  "invalid-key-name": {
    means: "A key cannot have this name.",
    do: "Use 1 to 64 characters of a-z, 0-9, dot, underscore and hyphen, with a letter or digit first.",
  },
  "key-exists": {
    means: "The home has a key of this name, or has this key under another name.",
    do: "Use the key that is there (`tapstake fp keys list`), or choose another name for a new key.",
    never: "Do not delete a key that has voted to get past this.",
  },
  "key-not-found": {
    means: "The home or the signer has no such key.",
    do: "Choose a name or public key from `tapstake fp keys list`. Check `--home` and `--remote`.",
  },
  "invalid-key-file": {
    means: "A key file is damaged or renamed, or another program wrote it.",
    do: `If you renamed the file, give it its old name. Otherwise ${IMPORT_AGAIN}`,
    never: "Do not delete or move another file of the home.",
  },
  "wrong-passphrase": {
    means: "The passphrase does not open the key.",
    causes: "a typing error, the passphrase of another key, or a changed key file.",
    do: `Enter it again. If the passphrase is lost, or right and still refused, ${IMPORT_AGAIN}`,
    never: "Do not delete or move another file of the home.",
  },
  "invalid-passphrase": {
    means: "A passphrase is empty or not text, or is too short for a key.",
    do: "Use a passphrase of 8 characters or more.",
  },
  "invalid-mnemonic": {
    means: "The words are not a BIP-39 mnemonic.",
    do: "Compare every word and their order with the paper.",
  },

  // The signer daemon
  "insecure-address": {
    means: "Other machines can reach this address, and it lacks the authentication or encryption it needs.",
    do: "Use 127.0.0.1. For other machines add an HMAC key and TLS (`--hmac-key-file`, `--tls-cert`, `--tls-key`; callers: `--tls-ca`).",
  },
  "listen-failed": {
    means: "The signer cannot listen on this address.",
    causes:
      "another program listens there, this machine does not have the address, or the address is malformed.",
    do: "End the other program, or give another address (`--address`, `--metrics-address`).",
  },
  "invalid-certificate": {
    means: "A TLS certificate or key is malformed, or the two do not belong together.",
    do: "Give the PEM files of one certificate and of its key.",
  },
  "signer-unreachable": {
    means: "No signer answers at this address.",
    causes: "no daemon runs there, the address is wrong, a firewall, or only one side uses TLS.",
    do:
      "Find out where the signer should run, and look there: `systemctl status tapstake`. " +
      "If it does not run, start it there as it was started before. If it runs at another address, give that with `--remote`.",
    never: "Do not start a signer anywhere else: a second signer of the key can reveal it.",
  },
  "signer-unhealthy": {
    means: "The signer answers but signs nothing.",
    causes: "it is stopping, or its store of votes has failed.",
    do: "Read its log. If the store failed, stop the signer, mend what the log names and start it again.",
  },
  "signer-stopping": {
    means: "The signer began nothing new, because it is shutting down or its caller gave up.",
    do: "When the signer runs again, repeat the request.",
  },
  "signer-error": {
    means: "The signer failed, or gave an answer that tapstake cannot use.",
    do: "Read the signer's log. Check that it is the right signer, for the right key.",
  },
  unauthenticated: {
    means: "The signer does not accept the caller's HMAC, or an HMAC key is empty.",
    do: "Give the key that the signer was started with (`--hmac-key-file` in its unit).",
    never: "Do not make a new HMAC key now: the signer and every caller need the same one.",
  },
  "not-permitted": {
    means: "The signer does not do this, or not for this caller.",
    do: "Do what the message names. If you did not ask for this, find out who did.",
    never:
      "Do not start the signer with `--open-schnorr` to get past this: any digest can be that of a slashing transaction.",
  },
  "key-locked": {
    means: "The signer does not have the passphrase of this key yet.",
    causes: "the signer was started again without the key in `--unlock`, or the key is newer than its start.",
    do: "Unlock the key: `tapstake fp unlock <key>`.",
  },
  "too-many-attempts": {
    means: "A passphrase was wrong or is being tried, so the signer makes the next attempt wait.",
    do: "Wait as many seconds as the message names. To avoid the wait, start the signer with `--unlock`.",
  },
  "too-many-calls": {
    means: "One address made more calls without authentication than the signer serves in that time.",
    causes: "a health check that runs too often, or a program that tries to fill the log.",
    do: "Make fewer calls of `Ping` and `SaveEOTSKeyName`. Votes are not affected.",
  },
  "backup-running": {
    means: "The signer is already writing a copy of the votes.",
    do: "When the copy is complete, ask again.",
  },
  "disk-nearly-full": {
    means: "The disk is nearly full, and tapstake keeps the rest of it for votes.",
    do: "Free space on the disk of the home. Then ask again.",
    never: "Do not delete protection.db, marks or another file of the home.",
  },
  "invalid-request": {
    means: "A request to the signer is malformed.",
    do: "Correct the field that the message names in the calling program. docs/daemon.md describes the interface.",
  },
  "message-too-large": {
    means: "A request or an answer is above the signer's size limit.",
    do: "Ask for fewer heights at once.",
  },

  // Votes and their protection
  "double-vote": {
    means: "This height already has a vote for another message, so tapstake did not sign this one.",
    causes:
      "a fork of the chain, a node that was rolled back, a second node with this key, or changed signing contexts.",
    do:
      "Keep the first vote and go on with the next height. Find out who asked for another. " +
      `${EMERGENCY} If an import found two votes, stop every signer of this key now. ` +
      "If both votes can have left, follow “The key leaked” in docs/emergency.md.",
    never:
      "Do not sign the other message in another way: two votes at one height reveal the key, and anyone can slash its stakes.",
  },
  "unlisted-refusal": {
    means: "The signer refused this height, and its answer does not say why.",
    do: "Read the signer's log for this height.",
    never: "Do not sign this height in another way: it may have a vote already.",
  },
  "unknown-earlier-vote": {
    means:
      "This height already has a vote that is not known in full, so tapstake signed nothing at this height.",
    do: `Skip this height. If the first vote reached the chain, no vote is missing. ${EMERGENCY}`,
    never:
      "Do not delete the record, and do not begin with a fresh home: the first vote exists, and a second one can reveal the key.",
  },
  "below-watermark": {
    means:
      "The height is below the low watermark, the lowest height at which this signer still signs, so tapstake signed nothing at this height.",
    causes: "pruned votes, or a home that began above this height.",
    do: "Check that your node is at the tip of the chain. Then go on with new heights.",
    never:
      "Do not begin with a fresh home to get below the watermark: the height may have a vote that is forgotten here.",
  },
  "not-a-vote": {
    means: "The message is not a vote for its height, so the signer did not sign it.",
    do: "Find out which program asked. Software that votes does not send such messages.",
    never:
      "Do not start the signer with `--open-messages` to get past this: the message can be a transaction.",
  },
  "context-mismatch": {
    means: "The signing context is not the one of the chain here, or of the commitment.",
    do:
      "Configure the chain alike where messages are made and where they are signed: `tapstake fp chains set --help`. " +
      "If the chain changed its release after the commitment, add `--other-context`.",
    never:
      "Do not remove the chain's contexts to get past this: one block with and without a context makes two messages.",
  },
  "at-or-below-chain-height": {
    means:
      "The chain may have a vote of this key that this home does not know, so tapstake signed nothing at this height.",
    do:
      "Go on above the chain height that you gave. If the key moved here, begin above its last vote on the chain (docs/emergency.md). " +
      EMERGENCY,
    never:
      "Do not lower or leave out `--chain-height`, unless you are certain that this key never voted at this height.",
  },
  "height-too-high": {
    means:
      "The height is far above the chain: after a vote there and a loss of the home, the key could sign nothing below it.",
    causes: "a mistyped height, or a caller that takes another number for the height.",
    do:
      "Check the height, and send it again. If the chain is there and the key committed elsewhere, " +
      "commit to the same heights here, which gives the same roots: `tapstake fp commit --help`.",
    never: "Do not begin at this height with `protection init`, unless the chain is there.",
  },
  "duplicate-height": {
    means: "A batch names one height twice, so tapstake signed nothing of the batch.",
    do: "Correct what makes the batch: one vote per height.",
    never: "Do not send the two entries one after the other.",
  },
  "unknown-chain": {
    means: "The file chains.json does not have this chain.",
    do: "Check the id with `tapstake fp chains list`, or add the chain: `tapstake fp chains set <id>`.",
  },
  "invalid-chain-id": {
    means: "A chain identifier is not 1 to 128 printable ASCII characters without spaces.",
    do: "Write the identifier exactly as the chain does, such as bbn-1.",
  },
  "signer-running": {
    means: "Another process is the signer of this home, or has its store open.",
    do: "Ask the running signer with `--remote`, or stop it first.",
    never: "Do not remove the lock file while a signer may run: two signers of one key can reveal it.",
  },
  "unsafe-file-system": {
    means: "The home is on a network, FUSE or overlay file system, where two signers could hold it at once.",
    causes: "a home on a network share, or in a container without a volume.",
    do:
      "Move the home to a disk of this machine; in a container, to a volume. " +
      "If you are certain that no other machine or container has this folder: `TAPSTAKE_ACCEPT_FILE_SYSTEM=<kind>`.",
    never: "Do not accept an overlay over the home of a signer: both would sign the same heights.",
  },
  "protection-missing": {
    means: "This home has signed before, and its store of votes or its watermark log is gone.",
    causes: "a deleted or moved file, or an incomplete copy of the home.",
    do: RECOVER,
    never: KEEP_FILES,
  },
  "protection-empty": {
    means: "The file of the store of votes holds no store.",
    causes: "a truncated file, or an incomplete copy of the home.",
    do: RECOVER,
    never: KEEP_FILES,
  },
  "protection-behind": {
    means: "The store of votes is older than its watermark log, or is another store.",
    causes: "a restored backup, an older copy of the home, or damage.",
    do: RECOVER,
    never: KEEP_FILES,
  },
  "protection-corrupt": {
    means: "The store of votes or its watermark log is damaged, so votes may be missing from it.",
    causes: "a failing disk, another program that wrote to the file, or an incomplete copy.",
    do: RECOVER,
    never: KEEP_FILES,
  },
  "protection-uninitialised": {
    means:
      "Votes of this key on this chain have not begun in this home, and the key may have votes that it does not know.",
    causes: "votes on another machine, by another program, before a restore, or while the key was away.",
    do:
      "Make sure that no other signer runs with this key. " +
      `Find the key's last vote on the chain (docs/emergency.md) and begin above it: ${INIT}. ` +
      "If you have an interchange file, import it first: `tapstake fp protection import <file>`. " +
      "A file alone is not enough: it does not know the votes after its export.",
    never: "Do not guess the height: a height that is signed twice reveals the key.",
  },
  "too-many-chains": {
    means:
      "A caller commits on a chain on which this key never voted, and the key has begun on many already.",
    causes: "a caller that names chains which do not exist.",
    do:
      "Find out who asked. If this key never voted there, on any machine: " +
      "`tapstake fp protection init --key <name> --chain <id> --from-height 0`. " +
      "Otherwise begin above its last vote on the chain (docs/emergency.md).",
    never: "Do not begin on a chain that you do not know.",
  },
  "protection-replaced": {
    means: "Another program changed the store of votes or its watermark log while the signer ran.",
    causes: "a restore, a clean-up, a second signer.",
    do: "Find that program and stop it. Then start the signer again: it checks its files, and says if votes are missing.",
    never: "Do not delete or restore a file of the home, above all not while a signer runs.",
  },
  "protection-unwritable": {
    means: "The signer cannot record votes durably, so it signs nothing.",
    do:
      "Check the disk (`df -h`, `mount`, `dmesg`) and what the message names. If the disk is full, make room outside the home first. " +
      "Then start the signer again: it checks its files and goes on.",
    never: "Do not delete or restore a file of the home, and do not sign with another program meanwhile.",
  },
  "protection-closed": {
    means: "The store of votes is closed.",
    do: "Open the home's protection again before you sign.",
  },
  "would-lower-mark": {
    means: "This would lower a watermark, and tapstake only raises watermarks.",
    do:
      "Look up the last vote on the chain (docs/emergency.md) and give a height above it. " +
      "The height in the message is only the least that tapstake accepts. It is not a safe one: what is left here may be old.",
    never: "Do not begin with a fresh home to get below it: heights there may have votes.",
  },
  "commitment-overlap": {
    means: "Some of these heights have a commitment already, and a chain takes one per height.",
    do:
      "Start above the earlier commitment. If it never reached the chain, a running signer can sign another: " +
      "`tapstake fp commit --key <name> --chain <id> --start <height> --count <number> --remote --allow-overlap --out <file>`.",
    never: "Do not add `--allow-overlap` if the earlier commitment may be on the chain.",
  },
  "count-too-small": {
    means: "A commitment has fewer heights than the chain asks for.",
    do: "Raise `--count` to the minimum that the message names.",
  },
  "no-commitment": {
    means: "No commitment that this home knows covers this height, so it is not signed or proved.",
    causes: "a mistyped height or chain id, a commitment made elsewhere, or one that ended.",
    do:
      "Check the height and the chain id. Commit to the heights: `tapstake fp commit --key <name> --chain <id> --start <height> --count <number>`. " +
      "For heights that the key committed elsewhere, this gives the same root. " +
      "To vote without it, give a reason: `--uncommitted <reason>`. For a proof, `--commitment <file>` works too.",
  },

  // An arbiter between several machines
  "arbiter-unclear": {
    means:
      "The arbiter gave no whole answer in time, so tapstake released nothing, though the vote may be claimed.",
    causes: "a stopped member, an election, a cut network, a full or slow disk, or a missing permission.",
    do:
      "Ask for the same vote again: the answer is the same signature. " +
      "If it stays unclear, look at `tapstake fp arbiter status --arbiter <url>` and at etcd's log.",
    never: "Do not sign without the arbiter meanwhile: another signer may have claimed the height.",
  },
  "arbiter-held": {
    means:
      "This signer found that the arbiter's store, its members or this signer's own place in it are not what they were.",
    causes:
      "a restored backup, a rebuilt cluster, a changed member, a retired signer, or a copy of this home that runs elsewhere.",
    do:
      "Find out which of these it was. After a restore, follow “Restore” in docs/arbiter.md on every machine. " +
      "Then enrol this signer anew: `tapstake fp arbiter enrol --key <name> --end-hold --arbiter <url>`.",
    never:
      "Do not enrol anew before you know the cause: a store that went back has lost votes. A second vote reveals the key.",
  },
  "arbiter-halted": {
    means: "The arbiter has a halt, so that no signer signs.",
    causes: "an operator who stopped all signers, or a signer that found the store older than it was.",
    do: "Read the reason in `tapstake fp arbiter status --arbiter <url>`. If the store went back, follow “Restore” in docs/arbiter.md; otherwise end the halt: `tapstake fp arbiter halt --end --arbiter <url>`.",
    never: "Do not end the halt of a store that went back.",
  },
  "arbiter-uninitialised": {
    means: "The arbiter has no store of votes, or does not know where votes of this key on this chain begin.",
    do:
      "Stop every signer of the key, and find its last vote on the chain (docs/emergency.md). " +
      "Begin above it: `tapstake fp arbiter init --key <name> --chain <id> --from-height <height> --arbiter <url>`.",
    never: "Do not guess the height: a height that is signed twice reveals the key.",
  },
  "arbiter-required": {
    means:
      "The key and the arbiter do not belong together: the key votes only through the arbiter that it is bound to.",
    causes:
      "a signer without `--arbiter`, another arbiter, a key that is not enrolled, or a restored arbiter.",
    do: "Give the arbiter of the enrolment: `--arbiter etcd://<host>:<port>,…`. For a key that is not enrolled, or after a restore: `tapstake fp arbiter enrol --key <name> --arbiter <url>`.",
    never: "Do not import the key anew to get around the arbiter: another machine may vote with it.",
  },
  "arbiter-not-enrolled": {
    means: "This home is not enrolled with this arbiter.",
    do: "If the address is right: `tapstake fp arbiter enrol --key <name> --arbiter <url>`.",
    never: "Do not copy the home of another signer: each machine has its own, and is enrolled by itself.",
  },
  "arbiter-conflict": {
    means: "The arbiter is not in the state that this change needs, so tapstake changed nothing.",
    do: "Look at `tapstake fp arbiter status --arbiter <url>`: an earlier try may have succeeded without an answer. Repeat the command if not.",
  },
  "arbiter-corrupt": {
    means: "A member of the arbiter says that its data differ from those of the other members.",
    do: "Halt all signers, and mend etcd by its documentation. Then follow “Restore” in docs/arbiter.md.",
    never: "Do not let a signer go on with such a cluster.",
  },
  "arbiter-version": {
    means: "A member of the arbiter runs a release of etcd that may lose writes, or one that is not known.",
    do: "Upgrade every member to 3.4.21 or later, or to 3.5.17 or later. Then ask again.",
  },
  "arbiter-state-damaged": {
    means: "The file in which this home remembers its arbiter is damaged.",
    do: "Make sure that no copy of this home runs elsewhere. Then enrol this signer anew: `tapstake fp arbiter enrol --key <name> --end-hold --arbiter <url>`.",
    never: "Do not put an older copy of the file in its place.",
  },

  // Bitcoin nodes and regtest
  "node-unreachable": {
    means: "No node answers at this address.",
    do: "Start the node, or correct its address (`--rpc` or `--esplora`).",
  },
  "node-error": {
    means: "The node answered with an error.",
    do: "Read the node's reason in the message. Check the user and the password (`--rpc-auth-file`).",
  },
  "node-refused": {
    means: "The node refused the transaction.",
    do: "Read the node's reason in the message, and correct what it names.",
  },
  "no-fee-estimate": {
    means: "The server cannot say what fee rate to pay.",
    causes: "a node that has seen too few transactions.",
    do: "Give the fee rate yourself, in sat/vB: `--fee-rate 2`.",
  },
  // The staking chain's servers
  "unexpected-answer": {
    means:
      "A server's answer does not have the form that the staking chain's servers use, or is not what was asked for.",
    causes: "another kind of server at this address, a proxy's own page, a cut or altered answer.",
    do: "Check the address of the server (`url` and `path` in the details), and ask another server of the same chain.",
  },
  "wrong-chain": {
    means: "The server is of another staking chain than the one that was asked for.",
    do: "Give the address of a server of the chain that the message names, or correct the chain's id.",
  },
  "node-catching-up": {
    means: "The server has not yet read all blocks of the staking chain, so what it knows is old.",
    do: "Wait until the server has caught up, or ask another one.",
  },
  "chain-refused": {
    means: "The staking chain refused a request, a message or a transaction.",
    do: "Look at `codespace`, `chainCode` and `name` in the details. `retry` says what to do: `done` means that the chain has it already. With `again`, sign it anew and send it now. With `later`, wait until the chain's state changes. With `changed`, send other content, gas or fee. With `never`, do not send it.",
  },
  "stake-not-registered": {
    means: "The staking chain has no delegation of this staking transaction.",
    do: "Check the txid, and that the server is of the chain that registers the stake. If the stake is new, register it first: `tapstake register create-delegation --help`.",
  },
  "account-not-found": {
    means: "The account does not exist on the staking chain.",
    causes: "an account that never received a coin, or one of another chain.",
    do: "Send some of the chain's coins to the account first.",
  },
  "fee-above-limit": {
    means: "The fee of a transaction of the staking chain would be above its limit.",
    do: "Raise `feeLimit` if the fee is right, or send fewer messages in a transaction.",
  },
  "gas-above-limit": {
    means: "A transaction of the staking chain needs more gas than nodes take in a transaction.",
    do: "Send the messages in several transactions, one after the other.",
  },
  "refund-lost": {
    means: "The chain would refund the fee of some messages, but not in this transaction.",
    causes: "a message without refund beside them, or the same message twice.",
    do: "Send the messages with a refund in a transaction of their own, or set `mixRefunds`.",
  },
  "transaction-changed": {
    means: "A wallet signed another transaction than it was asked to.",
    do: "Look at the field that the message names. Sign again without changes in the wallet.",
  },
  "transaction-expired": {
    means:
      "A transaction of the staking chain was not in a block up to its last height, and cannot be in a later one.",
    do: "Send the messages again. Read the cause, if the error has one.",
  },
  "outcome-unknown": {
    means: "A transaction was signed and sent, and the server cannot say what became of it.",
    do: "Look for `txhash` in the details on another server of the chain. Send again only when its `timeoutHeight` has passed without it.",
    never: "Do not sign the same messages again before that: both transactions could be in blocks.",
  },
  "node-start-failed": {
    means: "bitcoind did not start.",
    do: "Read bitcoind's reason in the message, and correct what it names.",
  },
  "node-attached": {
    means:
      "The harness did not start this node, so it cannot end it, restart it, copy its data or set its options.",
    do: "Start a node with `startNode()` without `url`, and unset TAPSTAKE_REGTEST_URL.",
  },
  "bitcoind-not-found": {
    means: "There is no bitcoind that this machine can run, and none could be downloaded.",
    do: "Install Bitcoin Core 28 or later, or set BITCOIND to its path.",
  },
  "unexpected-verdict": {
    means: "A check on regtest had another result than it must have.",
    do: "Report it, with the message and the version of bitcoind.",
  },
  "wait-timeout": {
    means: "A condition was not met before its deadline.",
    do: "Look at what the message waited for. On a slow machine, raise the deadline.",
  },

  // Watching Bitcoin
  "invalid-block": {
    means: "Bytes are not one whole block of Bitcoin, or not the block that was asked for.",
    causes: "a server that lies, a damaged block file, or an answer that ended early.",
    do: "Compare the block with another node. Start bitcoind with `-reindex` if its own files are damaged.",
  },
  "broken-link": {
    means: "A block does not follow upon the block before it.",
    causes: "a reorganisation during the scan, or a server that lies.",
    do: "The watch asks again by itself. If it repeats, use another node.",
  },
  "block-unavailable": {
    means: "A source does not have a block that a watch needs.",
    causes: "a pruned node, a node that has not caught up yet, or a missing block file.",
    do: "Use a node that has all blocks from the store's height on. The watch never skips a block.",
  },
  "store-exists": {
    means: "A file is already where a new store of a watch should be.",
    do: "Use the store that is there, or name another path.",
  },
  "store-missing": {
    means: "There is no store of a watch at the path.",
    do: "Make one with `tapstake watch init --network mainnet`, or name the path of yours with `--store`.",
  },
  "store-invalid": {
    means: "A file is not a store of a watch, or not one that this version of tapstake reads.",
    do: "Name the right file. If the store is damaged, make a new one with `tapstake watch init --network mainnet`, and add the delegations again.",
  },
  "store-unwritable": {
    means: "The store of a watch cannot be written.",
    causes: "a full disk, a disk that is mounted read-only, or missing permissions.",
    do: "Correct what the message names, and run the command again: the store has every block up to its height.",
  },
  "store-differs": {
    means: "The store of a watch differs from a full rescan of the same blocks.",
    causes: "a change of the file by another program, a failing disk, or a fault of tapstake.",
    do: "Keep the file, and report the difference. Make a new store with `tapstake watch init --network mainnet`, and add the delegations again.",
  },
  "watch-running": {
    means: "Another process writes to the store of a watch.",
    do: "Stop the process that the message names. Commands that only read do not need it.",
  },
  "alarm-undelivered": {
    means: "A command or a webhook did not take an alarm of the watch.",
    causes: "a command that fails, a server that is down, or one that refuses the alarm.",
    do: "Run the command by hand, or ask the server for its reason. The watch tries again by itself, until the alarm is taken.",
  },

  // The command line
  "file-error": {
    means: "A file or folder cannot be read or written.",
    do: "Check the path, its permissions and the free space.",
  },
  "package-missing": {
    means: "A package that this part of tapstake needs is not installed.",
    causes: "an installation with `--omit=optional`, or a platform without a build of the package.",
    do: "Install the optional packages with `npm install --include=optional`, or the package that the message names.",
  },
  cancelled: {
    means: "You or the calling program stopped this or did not confirm it, so nothing was done.",
    do: "When you are ready, run the command again.",
  },
} as const satisfies Readonly<Record<string, ErrorAdvice>>;

/** The advice of a code, with every part that an advice can have. */
export const adviceOf = (code: keyof typeof ERROR_CODES): ErrorAdvice => ERROR_CODES[code];
