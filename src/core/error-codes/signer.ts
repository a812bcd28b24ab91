import type { ErrorGroup } from "./advice.js";

const IMPORT_AGAIN =
  "stop the signer. Move keys/<name>.json to a place outside the home, and nothing else. " +
  "Import the key from its words under the same name, in this home: `tapstake fp keys import --help`. " +
  "Then follow “Begin above” in docs/emergency.md.";

/** The finality provider's home and keys. */
export const HOME = {
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
  "invalid-database": {
    means: "A database of eotsd or fpd is damaged, cut short, or another kind of file.",
    causes: "a copy of a running daemon's file, a full or failing disk, or another folder than the daemon's.",
    do:
      "Give the folder of the stopped daemon itself. If the database is damaged, import the key from its words " +
      "(`tapstake fp keys import --help`) and follow “Begin above” in docs/emergency.md.",
    never: "Do not import an older copy of the database: it lacks the last votes.",
  },
  "database-in-use": {
    means: "eotsd or fpd has its database open, or wrote to it while tapstake read it.",
    do: "Stop both daemons for good, so that nothing starts them again (docs/migration.md). Then import again.",
    never: "Do not import from a copy while the daemon runs: two signers of one key can reveal it.",
  },
  "invalid-keyring": {
    means: "tapstake cannot read eotsd's keyring, or a key in it.",
    causes: "a damaged file, a key on a hardware device, or another keyring than `test` or `file`.",
    do: "Import the key from its words instead: `tapstake fp keys import --help`.",
  },
  "wrong-keyring-passphrase": {
    means: "The passphrase does not open the key in eotsd's keyring.",
    causes: "a typing error, the passphrase of another keyring, or a damaged file of the key.",
    do:
      "Enter the passphrase that eotsd asks for. `--keyring-passphrase-file` gives it from a file. " +
      "If it is lost, import the key from its words instead: `tapstake fp keys import --help`.",
    never: "Do not delete the folder of eotsd before the key votes here.",
  },
  "votes-missing": {
    means: "eotsd's database lacks votes that the key has signed, or they cannot be trusted.",
    causes:
      "a database from a backup, a rollback (`eotsd unsafe-rollback`), damaged records, or a second eotsd.",
    do:
      "Find the eotsd that signed last, and import from its folder. If it is gone, find the key's last vote on the " +
      "chain (docs/emergency.md) and give it with `--last-vote`.",
    never: "Do not give a lower height than the key's last vote.",
  },
  "passphrase-command-failed": {
    means: "The command of `--passphrase-command` gave no passphrase.",
    causes:
      "no such program, an exit code other than 0, no answer within 60 seconds, or other output than one line.",
    do:
      "Run the command by hand as the same user: it must print the passphrase alone, on one line, and end with 0. " +
      "It gets no standard input and no shell. For a pipe, write a script and give its path.",
    never: "Do not write the passphrase into the command: every process of the machine can read it there.",
  },
  "invalid-passphrase": {
    means: "A passphrase is empty or not text, or is too short for a key.",
    do: "Use a passphrase of 8 characters or more.",
  },
  "invalid-mnemonic": {
    means: "The words are not a BIP-39 mnemonic.",
    do: "Compare every word and their order with the paper.",
  },
} as const satisfies ErrorGroup;

/** The signer daemon. */
export const DAEMON = {
  "insecure-address": {
    means: "Other machines can reach this address, and it lacks the authentication or encryption it needs.",
    do:
      "Use 127.0.0.1. For other machines add an HMAC key and TLS (`--hmac-key-file`, `--tls-cert`, `--tls-key`; callers: `--tls-ca`), " +
      "or clients' certificates (`--tls-client-ca`, `--permissions`).",
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
  "client-not-permitted": {
    means: "The signer's list of permissions does not allow this client what it asked for.",
    causes:
      "a certificate that the list names in another way, another key or chain than the list has, or an expired certificate.",
    do:
      "Compare the client's certificate with the file of `--permissions` on the signer's machine. " +
      "After a change, reload the list: `systemctl kill --signal HUP tapstake`. If you do not know the client, find out who has its key.",
    never: "Do not start the signer without `--permissions` to get past this.",
  },
  "invalid-permissions": {
    means: "The file of `--permissions` cannot be used.",
    do:
      "Correct the field that the message names; docs/service.md describes the file. " +
      "A running signer keeps its earlier list until `systemctl kill --signal HUP tapstake` reads a good one.",
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
} as const satisfies ErrorGroup;
