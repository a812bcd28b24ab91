/** A text whose paragraphs are wrapped to the terminal's width. */
export function paragraphs(text: string): string {
  return text.trim().replace(/([^\n])\n(?!\n)/g, "$1 ");
}

/** What stands below the options of every command. */
export interface Help {
  /** Shell lines that work when copied. */
  readonly examples: string;
  /** What more there is to know: file forms, how to read the answer. */
  readonly more?: string;
  /** What exit code 1 means here. */
  readonly refused: string;
}

export function helpText({ examples, more, refused }: Help): string {
  return `${more === undefined ? "" : `\n${more.trim()}\n`}
Examples:
${indent(examples)}

Exit codes:
  0  done
  1  refused: ${refused}
  2  wrong usage`;
}

const indent = (text: string) =>
  text
    .trim()
    .split("\n")
    .map((line) => (line === "" ? "" : `  ${line}`))
    .join("\n");

/** For the help of commands that can ask a server. */
export const SERVERS = `
A server is a bitcoind, --rpc http://127.0.0.1:8332 (18443 on regtest), with --rpc-auth-file for
its password; or an Esplora server, --esplora https://blockstream.info/api. What TAPSTAKE_RPC (with
user and password in it, if you like) or TAPSTAKE_ESPLORA says need not be given again. No secret
key is ever sent to either.`;

/** For the help of commands of stakers. */
export const RELEASES = `
Bitcoin locks coins in forms of stake that the staking chain does not register. On public networks a
stake is held against what the chain's current release accepts, and --release names another one.`;

/** For the help of commands of members. */
export const MEMBERS = `
The version of the parameters must be the one in force at the Bitcoin height at which the staking
chain takes the stake: that of its block, or of the tip where it is registered before. Give it by
--height, of an expansion also --previous-height, or let your own bitcoind say it. An Esplora server
is not asked: a false height chooses a version that slashes less.

The parameters are those of the chain that registers stakes today, or of your own --params. A set
that has ended is refused, and an expansion is of the same set as the stake that it expands. The
stake has a form that the chain's current release accepts: an expansion keeps its finality provider.

A bitcoind is --rpc http://127.0.0.1:8332 (18443 on regtest), with --rpc-auth-file for its password,
or what TAPSTAKE_RPC and TAPSTAKE_RPC_AUTH_FILE say. No secret key is sent to it.`;

/**
 * Shell lines that make a stake of one's own on regtest, for examples that need one. The committee's secrets are known
 * to everybody there.
 */
export const MAKE_STAKE = `umask 077
echo '[{"txid": "0707070707070707070707070707070707070707070707070707070707070707",
  "vout": 0, "value": "2000000",
  "scriptPubKey": "0014751e76e8199196d454941c45d1b3a323f1433bd6"}]' > coins.json
STAKER=$(tapstake stake key --new staker.key)
FP=$(tapstake stake key --new fp.key)
tapstake stake create --params regtest --staker $STAKER --fp $FP --time 100 --value 1000000 \\
  --coins coins.json --change bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080 --fee-rate 2 \\
  --out stake.json --psbt stake.psbt`;

/** What goes on from there: the staker and a quorum of the committee sign. */
export const SIGN_STAKE = `tapstake stake sign stake.json --secret-file staker.key
for i in 1 2 3; do
  printf "tapstake regtest covenant member $i" | openssl dgst -sha256 -r | cut -c 1-64 > $i.key
  tapstake covenant sign stake.json --height 100 --secret-file $i.key
done`;

/** A larger and longer stake of it, once it is signed. */
export const EXPAND_STAKE = `echo '[{"txid": "0808080808080808080808080808080808080808080808080808080808080808",
  "vout": 1, "value": "600000",
  "scriptPubKey": "0014751e76e8199196d454941c45d1b3a323f1433bd6"}]' > more.json
tapstake expand stake.json --value 1500000 --time 200 \\
  --coins more.json --change bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080 --fee-rate 2 \\
  --out larger.json --psbt larger.psbt`;

/** The staker's proof of possession. */
export const MAKE_PROOF = `tapstake pop make --address bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu \\
  --secret-file staker.key --out proof.json`;

/** Two votes at one height. */
export const EVIDENCE = `echo '{
  "fp_btc_pk": "21ed83cac3dc51752ef004425b6bda2ddabeaaa3294ecf4ed596d25f863ac4c7",
  "block_height": "5002",
  "pub_rand": "419ae8a4b4df8fd113dcaff6a18d39b417181699d5049d37501957430b02e119",
  "canonical_app_hash": "92c89d9853a2f5716d2a23633e86835afaa5d4213580dbee0844f53767d293c8",
  "fork_app_hash": "5c91447ddccea0e3c935e4b41ce2d0a8f2535432478df5380507628bbe5e0525",
  "canonical_finality_sig": "1c0c3c53013afaba7bf4866b9064c56164fcc31510f7bb1f568c8cb43225b249",
  "fork_finality_sig": "42f3e5663db376a0149a1f5b905359c0a74d50ef953c7aa9245f5049e3ef0c66"
}' > evidence.json`;
