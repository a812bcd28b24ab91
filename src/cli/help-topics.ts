// The subjects that several commands share: forms of files, servers, secrets. A command's help names its topics.

/** What `tapstake help <topic>` shows, beside commands and error codes. */
export interface HelpTopic {
  /** For the list of topics. */
  readonly summary: string;
  /** Lines of at most 100 columns. */
  readonly text: string;
}

const texts = {
  delegation: {
    summary: "The file of a stake, and who signs what in which order",
    text: `
A delegation is one JSON file, usually stake.json. It holds the terms, the parameters, the
transactions and the signatures so far. It holds no secret key. Each command reads it, checks it and
adds to it. tapstake never replaces the file of another stake.

Steps from coins to a stake:
  1. tapstake stake create       builds stake.json, and stake.psbt for the wallet with the coins
  2. tapstake stake sign         the staker signs both slashing transactions
  3. tapstake covenant sign      a quorum of the committee signs; stake combine joins their copies
  4. tapstake register create-delegation    makes the message that registers the stake
  5. the wallet signs stake.psbt, then tapstake stake broadcast finishes and sends it

Do not send the staking transaction before step 3. Without the committee's signatures, the coins
stay locked until the time lock ends.

Ways out:
  tapstake unbond, then tapstake withdraw     before the time lock ends
  tapstake withdraw                           after the time lock
  tapstake slash                              after the finality provider's key has leaked

Several signers can sign copies of the file at the same time: tapstake stake combine joins them.
tapstake stake check shows which signatures are missing.`,
  },
  servers: {
    summary: "How tapstake asks a bitcoind, an Esplora server or the staking chain",
    text: `
tapstake asks a Bitcoin server for coins, fee rates, heights and proofs, and sends transactions to
it.
It never sends a secret key. Before anything else, it checks that the server is on the stake's
network.

A bitcoind:
  --rpc <url>              http://127.0.0.1:8332 on mainnet, http://127.0.0.1:18443 on regtest
  --rpc-auth-file <file>   user:password in one line; bitcoind's own .cookie file works
An Esplora server:
  --esplora <url>          https://blockstream.info/api on mainnet
A server of the staking chain, which has parameters, stakes and providers, and takes messages:
  --lcd <url>              its LCD (REST) address, such as https://host/api

To name the server once, set a variable. An option replaces it:
  TAPSTAKE_RPC             the URL; it may hold user:password@
  TAPSTAKE_RPC_AUTH_FILE   the file
  TAPSTAKE_ESPLORA         the URL
  TAPSTAKE_LCD             the URL

tapstake compares the chain's id (--chain) before it signs, and verifies each stake and signature of
an answer. A server can still lie about a status or a height: ask your own, or two.

Without a server, give what it would say (--fee-rate, --height, --from, --coins). The command then
prints the signed transaction, or writes it with --out, and sends nothing.

Limits:
  A bitcoind finds no unconfirmed coins by address (--from-address). List them in a file (--coins)
  and add --allow-unconfirmed.
  Parameters can burn slashed coins in an OP_RETURN. tapstake tells bitcoind that the burn is meant;
  an Esplora server can refuse it.`,
  },
  coins: {
    summary: "The file of --coins, and which coins can pay",
    text: `
--coins takes the JSON that bitcoin-cli listunspent prints: a list of coins.

  txid, vout            the output that holds the coin
  scriptPubKey          its script, in hexadecimal
  amount or value       amount in bitcoin, or value in satoshi as text: "value": "2000000"
  redeemScript          for P2SH coins
  witnessScript         for P2WSH coins
  confirmations         0 for an unconfirmed coin, which needs --allow-unconfirmed
  desc                  a descriptor: it says where the coin's keys come from

Fields that no wallet prints, for some coins only:
  previousTransaction   the raw transaction that made a P2PKH coin; a server can give it instead
  leaf                  for a P2TR coin that a script spends: { "script": …, "controlBlock": … }
  witnessWeight         for a script that is not M of N: the weight of its witness

Example:
  [{ "txid": "0707070707070707070707070707070707070707070707070707070707070707",
     "vout": 0, "value": "2000000",
     "scriptPubKey": "0014751e76e8199196d454941c45d1b3a323f1433bd6" }]

tapstake chooses the coins that cost the least fee. expand takes one coin: P2WPKH, or P2TR that its
key spends. Of several, tapstake takes the one that costs the least fee, then the smallest.

A P2PKH coin (its address begins with 1, m or n) makes a txid that is known only after signing. With
such a coin, leave out --out: stake create writes the PSBT alone. After the wallet has signed it,
stake create --signed makes the delegation. The same way works for a transaction that a wallet built
by itself to the stake's address.`,
  },
  parameters: {
    summary: "Sets and versions of protocol parameters, and which one counts",
    text: `
Parameters say who is in the covenant committee, how much and how long you may stake, the unbonding
time and the size of a slashing. A network publishes them in versions. tapstake params lists the
sets that tapstake knows.

--params takes the name of a set, or a file: the object "params" that tapstake params --json prints,
a list of such objects, or the form in which networks publish them (add --network then).

Which version counts:
  A stake that is registered after it is confirmed has the version of its block's height.
  A stake that is registered before has the version of the chain's tip on that day.
  stake create and expand use --version, else --height, else the height of the server, else the
  newest version. Register the stake before the version changes.

Who trusts what:
  tapstake never trusts the parameters in a delegation. It compares them with the published sets, or
  with your own copy (--params).
  With --height, the version must be the one in force at that height. For an expansion,
  --previous-height says the same of the stake that it spends.
  A committee member must give the height, or its own bitcoind (--rpc). tapstake does not ask an
  Esplora server: a false height chooses a version that slashes less.
  A member signs only under the set by which the chain registers stakes today, or under its own
  --params. It refuses a set that has ended, and an expansion of a stake under another set.`,
  },
  releases: {
    summary: "Which forms of stake the staking chain registers",
    text: `
Bitcoin accepts forms of stake that the staking chain does not register. Coins in such a stake stay
locked until the time lock ends. On public networks tapstake therefore compares each stake with the
rules of the chain's current release. On regtest it compares only if you give --release.

--release names other rules:

  name          finality providers  stakers  expansion                        OP_RETURN
  phase1        1                   1        no                               required
  v1            1                   1        no                               no
  v3            one or more         1        keeps all providers, may add     no
  v4            1                   1        keeps its provider               no
  multi-staker  1                   M of N   keeps its provider               no
  any           every form that Bitcoin takes

v4 is the current release. For parameters of phase 1 it is phase1.

stake create, expand and stake check warn by default. stake broadcast and the covenant commands
refuse.`,
  },
  phase1: {
    summary: "Stakes of phase 1, which have no delegation",
    text: `
In phase 1 nothing was signed in advance, so a stake of phase 1 has no delegation. The transaction
announces itself in an OP_RETURN.

  1. tapstake stake create --params mainnet-phase1 … --psbt stake.psbt    without --out
  2. The wallet signs stake.psbt.
  3. tapstake stake broadcast --psbt stake.psbt --params … --staker … --fp … --time …

Give the same parameters and terms in both commands. Before it sends the transaction, tapstake
compares the stake and its OP_RETURN with them.

Phase 1 of mainnet has ended, and its chain registers no new stake. tapstake refuses one, unless you
give --release any in both commands.

tapstake inspect reads a stake of phase 1 from its transaction alone.`,
  },
  wallets: {
    summary: "How a wallet signs in place of a secret key file",
    text: `
Any wallet that signs PSBTs (BIP-174, BIP-371) can sign. The secret key then never reaches tapstake.

  stake psbt --step … --wallet …   prints the PSBT of any step as that wallet wants it, with its
                                   options (--json), and names the command that takes the answer
  stake.psbt from stake create     the wallet with the coins signs it; stake broadcast takes it back
  stake sign --export <folder>     writes the PSBTs of the slashings (add --unbonding or --expansion
                                   for those); --psbt <files> takes them back
  withdraw --psbt <file>           writes the withdrawal; --signed <files> takes it back. Give the
                                   other options again as before.
  pop make --kind bip322 --key …   prints a PSBT or a text to sign, or writes the PSBT (--psbt);
                                   --signed or --signature takes the answer

Hardware wallets find their keys by their origin: --origin '[fingerprint/path]key', as the wallet
writes it. For several stakers, each adds a signature to the PSBT.

A PSBT file can be binary, base64, hexadecimal, or JSON with the PSBT as psbt or hex, as bitcoin-cli
walletprocesspsbt prints it.
tapstake verifies each signature before it uses it.`,
  },
  secrets: {
    summary: "How to give secret keys and passphrases",
    text: `
tapstake never takes a secret as an argument, because every process on the machine can read
arguments.
It reads a secret from the first of these that you give:

  1. a file. Restrict it with chmod 600, or tapstake warns; - reads standard input
  2. for a passphrase, the output of a program (--passphrase-command), in place of a file
  3. a variable, which tapstake removes from its environment after it has read it
  4. a question at the terminal

  secret                        file                        variable
  secret key                    --secret-file               TAPSTAKE_SECRET
  account of the staking chain  --account-key-file          TAPSTAKE_ACCOUNT_KEY
  passphrase of a key           --passphrase-file           TAPSTAKE_PASSPHRASE
  new passphrase                --new-passphrase-file       TAPSTAKE_NEW_PASSPHRASE
  passphrase of eotsd's keys    --keyring-passphrase-file   TAPSTAKE_KEYRING_PASSPHRASE
  HMAC key of a signer          --hmac-key-file             TAPSTAKE_HMAC_KEY
  words of a key (BIP-39)       --mnemonic-file             only a file or the terminal
  passphrase of the words       --bip39-passphrase-file     only a file

A secret key has one of these forms. On a public network, WIF and extended keys must be of it:
  hexadecimal     64 digits
  WIF             of a compressed key, which begins with K, L or c
  extended key    xprv…/86h/0h/0h/0/0, or [fingerprint/path]xprv…/0/0; also yprv, zprv, tprv
  BIP-39 words    12 to 24, with --path, such as m/86'/0'/0'/0/0 (off mainnet, m/86'/1'/0'/0/0)
The provider key of fp keys import is hexadecimal or words alone.

A staker's secret key must be one that the stake names, or tapstake refuses it and names both keys.

A file of a passphrase or an HMAC key counts up to the end of its first line. A new passphrase has
at least 8 characters. Only one file of a command can be standard input.

--passphrase-command 'systemd-creds decrypt passphrase.cred -' runs a program of a secret store. Its
passphrase is the one line that it prints, without the line feed at the end. Spaces separate its
arguments, quotes keep spaces, and no shell runs: for a pipe, give a script. It has 60 seconds.

tapstake prints a secret only where that is the command's purpose (stake key --new writes a file; fp
keys new, fp keys export and extract print). No error and no log contains one.`,
  },
  home: {
    summary: "The folder with a finality provider's keys and vote history",
    text: `
All that a finality provider needs is in one folder, the home: --home <dir>, else $TAPSTAKE_HOME,
else ~/.tapstake. Only its owner may reach it; tapstake refuses a home that others can reach.

  keys             one encrypted file per key
  chains.json      what is particular to a chain (tapstake fp chains)
  the store        every vote and commitment, and two watermarks per key and chain
  watermark log    a second copy of the watermarks, which shows a lost or restored store

Run one signer per key. Two signers cannot see each other's votes. Two different votes at one height
reveal the secret key, and the stake is slashed.

One process at a time opens the store. While tapstake fp serve runs:
  these work              fp status, fp unlock, fp vote --remote, fp commit --remote,
                          fp proof --commitment, fp chains, fp keys list, show and export
  the daemon answers      fp commitments, fp protection show, check, export, backup and prune
  stop the signer first   fp vote and fp commit without --remote, fp proof, fp protection init
                          and import, fp keys delete

A key begins to vote on a chain with its first fp commit there, at its first height. A key that was
not made for this home, or whose store was lost, begins with fp protection init.

The home must be on a disk of this machine; in a container, on a volume. tapstake refuses network,
FUSE and overlay file systems, unless $TAPSTAKE_ACCEPT_FILE_SYSTEM names their kind.

Never copy or restore a home to move it. Use tapstake fp protection export and import.`,
  },
  remote: {
    summary: "How to sign with a signer in another process or on another machine",
    text: `
With --remote, or with TAPSTAKE_REMOTE set, fp vote and fp commit ask the signer at that address and
sign nothing here. To sign here again, unset TAPSTAKE_REMOTE.

  --remote [host:port]     default: $TAPSTAKE_REMOTE, else 127.0.0.1:12582
  --hmac-key-file <file>   HMAC key shared with the signer (env: TAPSTAKE_HMAC_KEY)
  --tls-ca <file>          use TLS; PEM of the signer's CA or certificate (env: TAPSTAKE_TLS_CA)
  --tls-client <files>     your certificate and its key (PEM), for a signer with --tls-client-ca
                           (env: TAPSTAKE_TLS_CLIENT)

The configuration of the chain (tapstake fp chains: signing contexts, fewest heights) comes from the
home here. The signer keeps votes and commitments in its own home.

fp vote --remote:
  A signer of tapstake obeys --chain-height. The Go key manager (eotsd) does not.
  The signer compares the signing context with the commitments of its own home. Its --other-context
  is an option of tapstake fp serve.

fp commit --remote:
  The signer derives, signs and stores the commitment. One commitment has at most 100000 heights.
  There is no progress bar: the signer answers once, at the end.
  The signer refuses a commitment that overlaps an earlier one. If the earlier one never reached the
  chain, --allow-overlap makes it sign. It does not store that commitment: write it with --out.

If the signer answers protection-uninitialised, stop it and run tapstake fp protection init on its
machine, above the key's last vote on the chain (docs/emergency.md).`,
  },
  signer: {
    summary: "What a running signer signs, for whom, and where it logs",
    text: `
Keys are locked until their passphrase is given: at start with --unlock, or later with fp unlock.

Callers:
  By default, only this machine can reach the signer (127.0.0.1:12582).
  Another address needs an HMAC key that callers share (--hmac-key-file). It authenticates requests;
  it does not encrypt them. Add TLS (--tls-cert, --tls-key). Without TLS, anyone on the way can read
  everything, and the signer refuses UnlockKey.
  With --tls-client-ca and --permissions, each client has a certificate, and a list says which key,
  chain and requests are its own (docs/service.md).

SignEOTS signs votes. Danger: with --open-messages it signs any message. The signature of a vote is
a signature of its message's hash, and any hash can be that of a transaction.

SignSchnorrSig signs commitments to randomness that this signer handed out since its start, and
proofs of possession for each --pop-address. Danger: with --open-schnorr it signs any digest, so any
caller can get a slashing transaction signed. Do not use it on a signer with stake behind it.

UnsafeSignEOTS is never served. docs/daemon.md lists the other differences from the Go key manager.

Logs are JSON lines on standard error, or in --log-file. They contain no secrets and no messages.
Metrics:  http://127.0.0.1:2113/metrics
Health:   http://127.0.0.1:2113/healthz, and grpc.health.v1.Health`,
  },
  contexts: {
    summary: "Signing contexts, on chains of the v3 release line",
    text: `
Chains of the v3 release line begin each signed message with a context. Chains of other releases do
not. The context follows from the chain's id and the address of the module that checks the
signature:

  tapstake fp chains set <id> --contexts v3 --module-address <address>   for votes and commitments
    add --staking-module-address <address>                               for proofs of possession
  tapstake fp chains set <id> --contexts v4                              no contexts any longer

Never change the context while the chain runs. The same block with another context is another
message: two such votes at one height reveal the secret key. tapstake refuses the second one. A
signer that runs uses the old contexts until its next start.

If the commitment of a height has another context than the chain has now, fp vote signs nothing
(context-mismatch). First check tapstake fp chains list. If the chain changed its release after the
commitment, add --other-context.`,
  },
  votes: {
    summary: "The files of commitments, proofs, votes, batches and evidence",
    text: `
Each file is JSON. Bytes are hexadecimal; keys and hashes have 32 bytes. Heights are text or
numbers.

commitment.json, from fp commit --out
  finalityProvider, startHeight, count, root, signature (BIP-340, 64 bytes)
  context               only on chains that sign commitments with a context: 64 characters
proof.json, from fp proof
  total                 how many heights the commitment covers
  index                 height - startHeight
  leafHash              hash of the public randomness
  aunts                 hashes beside the way to the root, from the bottom up
vote.json, from fp vote --out
  finalityProvider, height, appHash (the block), publicRandomness
  signature             EOTS, 32 bytes
  context               only on chains that sign votes with a context. Compare it with the chain's
votes of fp vote --batch
  a JSON array, or one object per line: {"height": "1003", "hash": "92c8…"}
  If a height occurs twice, tapstake signs nothing. It signs every height that it does not refuse.
evidence.json, two votes at one height
  fp_btc_pk, block_height, pub_rand
  canonical_app_hash    the block of one vote
  canonical_finality_sig   its signature
  fork_app_hash         the block of the other vote
  fork_finality_sig     its signature
  canonical_signing_context, fork_signing_context
                        only on chains that sign votes with a context: 64 characters each`,
  },
  emergency: {
    summary: "What a provider looks at first, and where a key may begin to vote again",
    text: `
Danger: two votes at one height reveal the key, and anyone can then slash every stake behind it. A
missed vote costs one reward. If you are not sure, do not vote.

Do not start a second signer, restore a backup, delete a file of the home, or guess a height.

Look:
  tapstake fp status --key <name> --chain <id>     and the last lines of the signer's log
  tapstake help <code>                             for the code that you see

If another person can hold the key, or another signer has run with it, stop every signer. Then read
docs/emergency.md first: "The key leaked", or "Two signers ran".

Begin above the key's last vote on the chain:
  1. Stop the signer, and make sure that no other signer has the key. Wait a minute.
  2. Ask a node of the chain at its REST address. docs/emergency.md has a script for it. By hand:
       curl -sS <address>/cosmos/base/tendermint/v1beta1/blocks/latest
         the chain's id; height, the tip; and time, which must be less than a minute ago
       curl -sS <address>/babylon/btcstaking/v1/finality_providers/<public key>/finality_provider
         highest_voted_height; and slashed_babylon_height, which must be 0
     If an answer is missing or doubtful, ask another node.
  3. Add 20 to the higher of both heights: a vote can still be on its way. Then:
     tapstake fp protection init --key <name> --chain <id> --from-height <height>
  4. Start the signer, and watch its first votes.

docs/emergency.md has the whole decision tree. It is in the clone. Beside an installed command:
  ls "$(npm root --global)/tapstake/docs"`,
  },
  interchange: {
    summary: "The file that carries vote history to another signer",
    text: `
tapstake fp protection export writes it and import reads it. docs/protection.md describes every
field.

  {
    "metadata": { "format": "tapstake-protection", "version": 1,
                  "exportedAt": "2026-01-01T00:00:00.000Z" },
    "data": [
      { "key": "21ed83cac3dc51752ef004425b6bda2ddabeaaa3294ecf4ed596d25f863ac4c7",
        "chain": "bsn-1", "lowest": "5000", "highest": "5001",
        "votes": [{ "height": "5001" }] }
    ]
  }

The file holds no secret. A file alone is not enough: it does not know the votes after its export.
  1. Stop the old signer for good.
  2. tapstake fp protection export --out interchange.json
  3. tapstake fp protection import interchange.json    on the new machine
  4. Find the key's last vote on the chain (docs/emergency.md), and begin above it:
     tapstake fp protection init --key <name> --chain <id> --from-height <height from the script>
  5. Start the new signer.

Without a file, leave out 2 and 3.

The file can also hold commitments, in "commitments". tapstake verifies their signatures.

An import only forbids more. It raises watermarks and adds votes; it lowers and removes nothing. A
vote without its message blocks its height.`,
  },
  files: {
    summary: "Which command writes which file",
    text: `
Files, by the names that the examples use:

  file              from                                for
  staker.key        stake key --new                     stake sign, unbond, withdraw, pop make
  coins.json        bitcoin-cli listunspent             stake create, expand       (help coins)
  stake.json        stake create --out                  all commands of a stake    (help delegation)
  stake.psbt        stake create --psbt                 your wallet, then stake broadcast
  withdrawal.psbt   withdraw --psbt                     your wallet, then withdraw --signed
  unbonding.hex     unbond --out                        any node; register undelegate
  *-proof.hex       bitcoin-cli gettxoutproof           register --txoutproof
  pop.json          pop make --out                      register --proof
  message.json      register … --message                register show, a client of the chain
  commitment.json   fp commit --out                     fp proof, fp verify-vote    (help votes)
  proof.json        fp proof --out                      fp verify-vote, register finality-vote
  vote.json         fp vote --out                       fp verify-vote, register finality-vote
  evidence.json     the staking chain                   extract, slash, watch run   (help votes)
  watch.db          watch init                          the other commands of watch  (help watch)
  interchange.json  fp protection export                fp protection import  (help interchange)

Where a command takes a file, - stands for standard input. Only one file of a command can be
standard input. Transactions are hexadecimal. A PSBT is binary, base64 or hexadecimal.

--out never replaces a file, except that a delegation replaces an older state of the same stake.
A crash leaves the whole file or nothing. If the help of --out names -, then --out - prints the file
instead of the answer.`,
  },
  output: {
    summary: "JSON, warnings and exit codes, for scripts",
    text: `
The answer goes to standard output. Errors, warnings, notes and questions go to standard error.

--json prints the answer as JSON. Errors, warnings and notes are then one JSON object per line:
  {"error":{"code":"insufficient-funds","message":"…","details":{…}}}
  {"warning":{"code":"no-commitment","message":"…"}}
  {"note":"…"}
Amounts are decimal text in satoshi. Bytes are hexadecimal.

Exit codes:
  0   done
  1   refused: the error has a code, which stays the same from version to version
  2   wrong usage: the code is "usage"
  130 Ctrl-C at a question: nothing was changed

Without a terminal, tapstake asks nothing: it exits with 2 and names the option to give.
NO_COLOR=1 turns colours off.`,
  },
} as const satisfies Readonly<Record<string, HelpTopic>>;

/** For commands, whose help names topics. */
export type TopicName = keyof typeof texts;

/** The topics by name. A topic must not have the name of a command or of an error code. */
export const TOPICS: Readonly<Record<string, HelpTopic>> = {
  ...texts,
  topics: { summary: "This list", text: list() },
};

function list(): string {
  const width = Math.max(...Object.keys(texts).map((name) => name.length));
  const rows = Object.entries(texts).map(
    ([name, { summary }]) => `  tapstake help ${name.padEnd(width)}  ${summary}`,
  );
  return ["Topics that several commands share:", "", ...rows].join("\n");
}
