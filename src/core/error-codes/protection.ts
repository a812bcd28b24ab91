import type { ErrorGroup } from "./advice.js";

const EMERGENCY = "Another signer may have signed here: if one can hold this key, see docs/emergency.md.";
const INIT =
  "`tapstake fp protection init --key <name> --chain <id> --from-height <the height that the script in docs/emergency.md prints>`";
const RECOVER =
  "Stop every signer of these keys. If you moved a file yourself, and no signer has run since, put back that very file. " +
  `Otherwise find each key's last vote on the chain (docs/emergency.md) and begin above it: ${INIT}.`;
const KEEP_FILES =
  "Do not delete a file of the home, do not restore a copy of one, and do not guess the height. " +
  "Do not put protection.db and marks back together: two old files agree with each other. " +
  "A height that is signed twice for different messages reveals the key.";

/** Votes and their protection. */
export const PROTECTION = {
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
    means:
      "Nothing here knows this chain: chains.json does not have it, and no record of votes that was read does.",
    do: "Check the id with `tapstake fp chains list`, or add the chain: `tapstake fp chains set <id>`.",
  },
  "invalid-chain-id": {
    means: "A chain identifier is not 1 to 128 printable ASCII characters without spaces.",
    do: "Write the identifier exactly as the chain does, such as bbn-1.",
  },
  "signer-running": {
    means: "Another process is the signer of this home, or has its store open.",
    do: "Ask the running signer with `--remote`, or stop it first. `tapstake fp protection show` asks the daemon by itself.",
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
      "If the signer runs, add `--remote`. For heights that the key committed elsewhere, this gives the same root. " +
      "To vote without it, give a reason: `--uncommitted <reason>` to `fp vote`, or `--uncommitted <chain>=<reason>` to `fp serve`. " +
      "For a proof, `--commitment <file>` works too.",
  },
} as const satisfies ErrorGroup;

/** An arbiter between several machines. */
export const ARBITER = {
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
      "Then stop this signer, and enrol it anew: `tapstake fp arbiter enrol --key <name> --end-hold --arbiter <url>`.",
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
    means:
      "The arbiter is not in the state that this change needs, or the key is enrolled already, so tapstake changed nothing.",
    do: "Look at `tapstake fp arbiter status --arbiter <url>`: an earlier try may have succeeded without an answer. Repeat the command if not.",
    never: "Do not enrol a key with another arbiter while a machine votes through the first one.",
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
    do: "Make sure that no copy of this home runs elsewhere. Then stop this signer, and enrol it anew: `tapstake fp arbiter enrol --key <name> --end-hold --arbiter <url>`.",
    never: "Do not put an older copy of the file in its place.",
  },
} as const satisfies ErrorGroup;
