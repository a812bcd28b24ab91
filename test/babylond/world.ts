import { scriptOfAddress } from "../../src/bitcoin/address.js";
import type { Transaction } from "../../src/bitcoin/transaction-class.js";
import { parseOutpoint, parseTransaction } from "../../src/bitcoin/transaction.js";
import { accountSigner, type AccountSigner, type SentTransaction } from "../../src/babylon-client/index.js";
import { type InclusionProof, inclusionProof } from "../../src/babylon/inclusion.js";
import { covenantSignaturesMessage } from "../../src/babylon/lifecycle.js";
import { encodeMessage, type NamedMessage } from "../../src/babylon/messages.js";
import { proofOfPossession } from "../../src/babylon/pop.js";
import { insertHeadersMessage } from "../../src/babylon/reports.js";
import { checkRules } from "../../src/babylon/rules/check.js";
import type { Verdict } from "../../src/babylon/rules/types.js";
import { createDelegationMessage, type StakeRegistration } from "../../src/babylon/stake.js";
import { parseRate } from "../../src/core/amount.js";
import { hex, utf8 } from "../../src/core/bytes.js";
import { TapstakeError } from "../../src/core/errors.js";
import { sha256 } from "../../src/core/hashes.js";
import { encodeProtobuf, type Schema } from "../../src/core/protobuf.js";
import { signaturesOfMember } from "../../src/covenant/member.js";
import { createDelegation, type Delegation } from "../../src/delegation/delegation.js";
import { signSlashings } from "../../src/delegation/sign.js";
import { regtest } from "../../src/params/data/regtest.js";
import { paramsAt } from "../../src/params/in-force.js";
import type { ProtocolParams } from "../../src/params/types.js";
import type { StakeTerms } from "../../src/script/terms.js";
import { keySigner } from "../../src/spending/spend.js";
import { buildStaking, finishStaking, type Staking } from "../../src/stake/staking.js";
import { coSign, committee, party, type Party, type RegtestNode, startNode } from "../../regtest/index.js";
import { factsFor, headerAt, voteName } from "./facts.js";
import { type Babylond, startBabylond } from "./node.js";
import { type Recorder, recorder } from "./record.js";

export const params = paramsAt(regtest, 0);
export const FEE_RATE = parseRate("2");
export const FEE_LIMIT = 1_000_000n;
/** As deep as the chain asks for, and one block more than the block itself. */
export const DEEP = 2;

/** A message of ours, under its name. */
export type Message = NamedMessage;

/** A private chain, a private Bitcoin, and who acts on both. */
export class World {
  readonly tips = new Map<string, number>();
  readonly votes = new Map<string, Uint8Array>();
  readonly differences: string[] = [];
  /** Rules that no question to the node lets us check. */
  readonly unchecked = new Set<string>();
  readonly staker = party("staker of the chain test");

  private constructor(
    readonly babylond: Babylond,
    readonly bitcoin: RegtestNode,
    readonly record: Recorder,
    /** Each has coins of the chain. */
    readonly accounts: Readonly<Record<"reporter" | "staker" | "one" | "two" | "voter", AccountSigner>>,
  ) {}

  static async start(program: string): Promise<World> {
    const bitcoin = await startNode();
    const babylond = await startBabylond(program).catch(async (error: unknown) => {
      await bitcoin.stop();
      throw error;
    });
    const names = ["reporter", "staker", "one", "two", "voter"] as const;
    const accounts = Object.fromEntries(
      names.map((name) => [name, accountSigner(sha256(utf8(`tapstake babylond ${name}`)))]),
    ) as World["accounts"];
    await babylond.chain.send(
      names.map((name) => coinsTo(babylond.rich.address, accounts[name].address, 1_000_000_000n)),
      babylond.rich,
      { feeLimit: FEE_LIMIT },
    );
    return new World(babylond, bitcoin, recorder(babylond.lcd, babylond.version), accounts);
  }

  get chain() {
    return this.babylond.chain;
  }

  async stop(): Promise<void> {
    await Promise.all([this.babylond.stop(), this.bitcoin.stop()]);
  }

  /** What our rules say of a message now. */
  async verdict(message: Message): Promise<Verdict> {
    const verdict = checkRules("v4", message, await factsFor(this, message));
    for (const { rule, needs } of verdict.unchecked) {
      this.unchecked.add(`${message.name} ${rule}: ${needs.join(", ")}`);
    }
    return verdict;
  }

  /** Sends a message of which our rules say that the chain takes it. */
  async send(message: Message, account: AccountSigner): Promise<SentTransaction> {
    const verdict = await this.verdict(message);
    if (!verdict.ok) throw new Error(`our rules refuse ${message.name} (${verdict.rule}): ${verdict.reason}`);
    const sent = await this.chain.send([encoded(message)], account, { feeLimit: FEE_LIMIT });
    if (message.name === "MsgAddFinalitySig") {
      const { fpBtcPk, blockHeight, finalitySig } = message.message;
      this.votes.set(voteName(fpBtcPk, blockHeight), finalitySig);
    }
    return sent;
  }

  /** A message that the chain refuses: our rules must say so, with the code that the node says. */
  async refuse(what: string, rule: string, message: Message, account: AccountSigner): Promise<void> {
    const verdict = await this.verdict(message);
    const ours = verdict.ok ? "ok" : verdict.rule;
    const error = !verdict.ok && verdict.error;
    const ourCode = error ? `${error.codespace} ${error.code}` : "no code";
    const nodes = await this.refusalOf(message, account);
    this.record.refusal({ what, message: message.name, rule, code: nodes.code });
    if (ours !== rule || nodes.code !== ourCode) {
      this.differences.push(`${what}: ours ${ours} (${ourCode}), the node ${nodes.code}: ${nodes.log}`);
    }
  }

  private async refusalOf(message: Message, account: AccountSigner): Promise<{ code: string; log: string }> {
    try {
      await this.chain.send([encoded(message)], account, { feeLimit: FEE_LIMIT });
      return { code: "ok", log: "" };
    } catch (error) {
      if (!(error instanceof TapstakeError)) throw error;
      const { codespace, chainCode, reason, log } = error.details;
      const code = error.code === "chain-refused" ? `${String(codespace)} ${String(chainCode)}` : "no code";
      return { code, log: `[${error.code}] ${String(log ?? reason ?? error.message)}` };
    }
  }

  /** Tells the light client of all blocks that it does not know. */
  async reportHeaders(): Promise<void> {
    const { rpc } = this.bitcoin;
    for (;;) {
      const [{ height }, tip] = await Promise.all([this.chain.tip(), rpc.getblockcount()]);
      if (height === tip) return;
      const count = Math.min(tip - height, 60);
      const headers = await Promise.all(
        Array.from({ length: count }, (_, i) => headerAt(rpc, height + 1 + i)),
      );
      const { reporter } = this.accounts;
      await this.send(named("MsgInsertHeaders", insertHeadersMessage(headers, reporter.address)), reporter);
    }
  }

  async mineAndReport(blocks: number): Promise<void> {
    await this.bitcoin.mine(blocks);
    await this.reportHeaders();
  }

  /** That a transaction is in a block of Bitcoin. */
  async inclusionOf(transaction: Transaction): Promise<InclusionProof> {
    const { rpc } = this.bitcoin;
    const { blockhash } = await rpc.call<{ blockhash: string }>(
      "getrawtransaction",
      transaction.getId(),
      true,
    );
    return inclusionProof(hex.decode(await rpc.getblockhex(blockhash)), transaction.getId());
  }

  termsWith(provider: Party, timelock = 1_000): StakeTerms {
    return {
      staker: this.staker.publicKey,
      finalityProviders: [provider.publicKey],
      covenant: params.covenant,
      timelock,
    };
  }

  /** A stake that the staker has signed in advance, and whose coins are free still. */
  async prepare(
    terms: StakeTerms,
    value: bigint,
    under: ProtocolParams = params,
  ): Promise<{ staking: Staking; delegation: Delegation }> {
    const { bitcoin } = this;
    const funded = await bitcoin.fund(await bitcoin.rpc.getnewaddress(), value + 10_000n);
    const staking = buildStaking({
      terms,
      params: under,
      value,
      coins: [
        {
          outpoint: parseOutpoint(`${funded.txid}:${funded.vout}`),
          value: funded.value,
          script: funded.script,
        },
      ],
      changeScript: scriptOfAddress(await bitcoin.rpc.getnewaddress(), "regtest"),
      feeRate: FEE_RATE,
    });
    const delegation = await signSlashings(
      createDelegation(terms, under, staking),
      keySigner(this.staker.secretKey),
    );
    return { staking, delegation };
  }

  /** Sends the staking transaction to bitcoind. */
  async broadcast({
    staking,
    delegation,
  }: {
    staking: Staking;
    delegation: Delegation;
  }): Promise<Delegation> {
    const { psbt } = await this.bitcoin.rpc.walletprocesspsbt(staking.psbt.toBase64());
    const transaction = finishStaking(staking, psbt);
    await this.bitcoin.send(transaction.toBuffer());
    return { ...delegation, staking: { ...delegation.staking, transaction } };
  }

  registration(delegation: Delegation, inclusion?: InclusionProof): Message {
    const { address } = this.accounts.staker;
    const registration: StakeRegistration = {
      stakerAddress: address,
      proof: proofOfPossession(this.staker.secretKey, { kind: "bip340", address }),
      delegation,
      inclusion,
    };
    return named("MsgCreateBTCDelegation", createDelegationMessage(registration));
  }

  /** Registers a stake; what is asked of it later is kept. */
  async register(message: Message, delegation: Delegation): Promise<string> {
    const txid = delegation.staking.transaction.getId();
    this.tips.set(txid, (await this.chain.tip()).height);
    await this.send(message, this.accounts.staker);
    return txid;
  }

  /** Hands in the signatures of so many members; returns the delegation with them. */
  async coverBy(delegation: Delegation, members = committee.slice(0, 3)): Promise<Delegation> {
    const signed = await coSign(delegation, members);
    for (const { publicKey } of members) {
      await this.send(this.signaturesOf(delegation, signed, publicKey), this.accounts.reporter);
    }
    return signed;
  }

  signaturesOf(delegation: Delegation, signed: Delegation, member: Uint8Array): Message {
    const signatures = signaturesOfMember(signed, member);
    const { address: signer } = this.accounts.reporter;
    return named("MsgAddCovenantSigs", covenantSignaturesMessage(delegation, { signer, signatures }));
  }

  /** A stake that is k deep, registered with its proof, and signed by a quorum. */
  async openStake(terms: StakeTerms, value: bigint): Promise<{ txid: string; delegation: Delegation }> {
    const delegation = await this.broadcast(await this.prepare(terms, value));
    await this.mineAndReport(DEEP);
    const inclusion = await this.inclusionOf(delegation.staking.transaction);
    const txid = await this.register(this.registration(delegation, inclusion), delegation);
    return { txid, delegation: await this.coverBy(delegation) };
  }

  async status(txid: string): Promise<string | undefined> {
    return (await this.chain.raw.delegation(txid))?.status_desc;
  }

  async transaction(txid: string): Promise<Transaction> {
    return parseTransaction(hex.decode(await this.bitcoin.rpc.getrawtransaction(txid)));
  }
}

export const named = <Name extends Message["name"]>(
  name: Name,
  message: Extract<Message, { name: Name }>["message"],
): Message => ({ name, message }) as Message;

export const encoded = ({ name, message }: Message) => encodeMessage(name, message as never, "v4");

const BANK = {
  MsgSend: {
    from: { id: 1, type: "string" },
    to: { id: 2, type: "string" },
    amount: { id: 3, type: "Coin", repeated: true },
  },
  Coin: { denom: { id: 1, type: "string" }, amount: { id: 2, type: "string" } },
} as const satisfies Schema;

/** A transfer of coins of the chain. */
export const coinsTo = (from: string, to: string, amount: bigint) => ({
  typeUrl: "/cosmos.bank.v1beta1.MsgSend",
  value: encodeProtobuf(BANK, "MsgSend", { from, to, amount: [{ denom: "ubbn", amount: `${amount}` }] }),
});
