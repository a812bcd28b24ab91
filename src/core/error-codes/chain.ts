import type { ErrorGroup } from "./advice.js";

/** Bitcoin nodes and regtest. */
export const BITCOIN_NODES = {
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
} as const satisfies ErrorGroup;

/** The staking chain's servers. */
export const CHAIN_SERVERS = {
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
} as const satisfies ErrorGroup;

/** Watching Bitcoin. */
export const WATCHING = {
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
} as const satisfies ErrorGroup;
