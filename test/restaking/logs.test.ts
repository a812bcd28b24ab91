import { keccak_256 } from "@noble/hashes/sha3.js";
import { describe, expect, it } from "vitest";
import { hex, utf8 } from "../../src/core/bytes.js";
import { eigenLayerGraph, type EigenLayerOptions } from "../../src/restaking/ethereum/eigenlayer.js";
import { EIGENLAYER_EVENTS, SYMBIOTIC_EVENTS } from "../../src/restaking/ethereum/forms.js";
import { symbioticGraph } from "../../src/restaking/ethereum/symbiotic.js";
import { addressOf, LogWriter } from "./support/logs.js";

/** As the contracts declare them. */
const EIGENLAYER = [
  "event AllocationUpdated(address operator, (address avs, uint32 id) operatorSet, address strategy, uint64 magnitude, uint32 effectBlock)",
  "event EncumberedMagnitudeUpdated(address operator, address strategy, uint64 encumberedMagnitude)",
  "event MaxMagnitudeUpdated(address operator, address strategy, uint64 maxMagnitude)",
  "event OperatorSlashed(address operator, (address avs, uint32 id) operatorSet, address[] strategies, uint256[] wadSlashed, string description)",
  "event OperatorSetCreated((address avs, uint32 id) operatorSet)",
  "event OperatorAddedToOperatorSet(address indexed operator, (address avs, uint32 id) operatorSet)",
  "event OperatorRemovedFromOperatorSet(address indexed operator, (address avs, uint32 id) operatorSet)",
  "event StrategyAddedToOperatorSet((address avs, uint32 id) operatorSet, address strategy)",
  "event StrategyRemovedFromOperatorSet((address avs, uint32 id) operatorSet, address strategy)",
  "event SlasherUpdated((address avs, uint32 id) operatorSet, address slasher, uint32 effectBlock)",
  "event OperatorSharesIncreased(address indexed operator, address staker, address strategy, uint256 shares)",
  "event OperatorSharesDecreased(address indexed operator, address staker, address strategy, uint256 shares)",
];

const SYMBIOTIC = [
  "event Deposit(address indexed depositor, address indexed onBehalfOf, uint256 amount, uint256 shares)",
  "event Withdraw(address indexed withdrawer, address indexed claimer, uint256 amount, uint256 burnedShares, uint256 mintedShares)",
  "event OnSlash(uint256 amount, uint48 captureTimestamp, uint256 slashedAmount)",
  "event SetDelegator(address indexed delegator)",
  "event SetSlasher(address indexed slasher)",
  "event SetMaxNetworkLimit(bytes32 indexed subnetwork, uint256 amount)",
  "event SetNetworkLimit(bytes32 indexed subnetwork, uint256 amount)",
  "event SetOperatorNetworkShares(bytes32 indexed subnetwork, address indexed operator, uint256 shares)",
  "event SetOperatorNetworkLimit(bytes32 indexed subnetwork, address indexed operator, uint256 amount)",
  "event OptIn(address indexed who, address indexed where)",
  "event OptOut(address indexed who, address indexed where)",
  "event SetResolver(bytes32 indexed subnetwork, address resolver)",
  "event Allocate(address indexed adapter, uint256 assets, uint256 totalAssets)",
  "event Deallocate(address indexed adapter, uint256 assets, uint256 totalAssets)",
  "event Initialize((address burner, uint48 duration, address operator, bytes32 subnetwork, address[] converters) params)",
  "event Slash(uint256 amount)",
  "event AccrueInterest(uint256 newTotalAssets, uint256 managementFeeShares, uint256 performanceFeeShares, uint256 protocolFeeShares)",
];

describe("the events of the contracts", () => {
  it.each([...EIGENLAYER_EVENTS, ...SYMBIOTIC_EVENTS])(
    "have keccak256 of $signature as topic",
    ({ signature, topic }) => {
      expect(topic).toBe(`0x${hex.encode(keccak_256(utf8(signature)))}`);
    },
  );

  it("are those that the contracts declare, with the same fields indexed", () => {
    const declared = [...EIGENLAYER, ...SYMBIOTIC].map((solidity) => {
      const types = solidity
        .replace(/^event /, "")
        .replace(/ indexed/g, "")
        .replace(/(address|uint\d+|bytes32|string|\)|\[\]) \w+/g, "$1")
        .replace(/, /g, ",");
      return [types, (solidity.match(/ indexed /g) ?? []).length];
    });
    const known = [...EIGENLAYER_EVENTS, ...SYMBIOTIC_EVENTS].map((form) => [
      form.signature,
      form.indexed.length,
    ]);
    expect(known.toSorted()).toEqual(declared.toSorted());
  });
});

const [A, B] = [addressOf("aa"), addressOf("bb")];
const [AVS, OTHER] = [addressOf("a5"), addressOf("a6")];
const STRATEGY = addressOf("57");
const MANAGER = "0x948a420b8CC1d6BFd0B6087C2E7c344a2CD0bc39";
const ETHER = 10n ** 18n;
const RULES = { alpha: [1n, 2n], basis: "slashable", tie: "safe" } as const;

/** An operator with shares of 10 that gave 4/10 to one set, and in future 3/10 to another. */
function eigenLayer(): LogWriter {
  const writer = new LogWriter(EIGENLAYER);
  const emit = (name: string, values: Record<string, unknown>) => writer.emit(MANAGER, name, values);
  for (const [avs, id] of [
    [AVS, 1n],
    [OTHER, 2n],
  ] as const) {
    emit("OperatorSetCreated", { operatorSet: { avs, id } });
    emit("StrategyAddedToOperatorSet", { operatorSet: { avs, id }, strategy: STRATEGY });
    emit("OperatorAddedToOperatorSet", { operator: A, operatorSet: { avs, id } });
  }
  emit("OperatorSharesIncreased", { operator: A, staker: B, strategy: STRATEGY, shares: 12n * ETHER });
  emit("OperatorSharesDecreased", { operator: A, staker: B, strategy: STRATEGY, shares: 2n * ETHER });
  allocate(writer, AVS, 1n, 4n, 100);
  allocate(writer, OTHER, 2n, 3n, 200);
  emit("EncumberedMagnitudeUpdated", {
    operator: A,
    strategy: STRATEGY,
    encumberedMagnitude: (7n * ETHER) / 10n,
  });
  return writer;
}

function allocate(writer: LogWriter, avs: string, id: bigint, tenths: bigint, effectBlock: number): void {
  const magnitude = (tenths * ETHER) / 10n;
  const values = { operator: A, operatorSet: { avs, id }, strategy: STRATEGY, magnitude };
  writer.emit(MANAGER, "AllocationUpdated", { ...values, effectBlock: BigInt(effectBlock) });
}

const read = (writer: LogWriter, options: Partial<EigenLayerOptions> = {}) =>
  eigenLayerGraph(writer.logs, { service: RULES, ...options });

const slashables = (writer: LogWriter, atBlock?: bigint) =>
  read(writer, atBlock === undefined ? {} : { atBlock }).edges.map((edge) => [
    edge.service,
    edge.slashable,
    edge.pending,
  ]);

describe("the graph of EigenLayer's logs", () => {
  it("gives each operator set its own part of an operator's shares", () => {
    const graph = read(eigenLayer(), { service: { ...RULES, profits: { [`${AVS}/1`]: 7n } } });
    expect(graph.pools).toEqual([
      { id: `${A} ${STRATEGY}`, asset: STRATEGY, kind: "strategy-delegation", amount: 10n * ETHER },
    ]);
    expect(graph.services.map(({ id, profit }) => [id, profit])).toEqual([
      [`${AVS}/1`, 7n],
      [`${OTHER}/2`, null],
    ]);
    expect(graph.edges[0]).toMatchObject({
      operator: A,
      service: `${AVS}/1`,
      weight: 10n * ETHER,
      slashable: 4n * ETHER,
      shares: "unique",
      onSlash: "reduce-pool",
      pending: false,
    });
  });

  it("counts an allocation from its block on", () => {
    expect(slashables(eigenLayer())).toEqual([
      [`${AVS}/1`, 4n * ETHER, false],
      [`${OTHER}/2`, 3n * ETHER, true],
    ]);
    expect(slashables(eigenLayer(), 200n)[1]).toEqual([`${OTHER}/2`, 3n * ETHER, false]);
  });

  it("keeps what is taken back slashable until its block", () => {
    const writer = eigenLayer();
    writer.block = 150;
    allocate(writer, AVS, 1n, 1n, 300);
    expect(slashables(writer, 299n)[0]).toEqual([`${AVS}/1`, 4n * ETHER, false]);
    expect(slashables(writer, 300n)[0]).toEqual([`${AVS}/1`, ETHER, false]);
  });

  it("follows a slashing of half of an allocation, by which the shares and the maximum fall", () => {
    const writer = eigenLayer();
    writer.block = 160;
    allocate(writer, AVS, 1n, 2n, 160);
    const values = { operator: A, strategy: STRATEGY };
    writer.emit(MANAGER, "MaxMagnitudeUpdated", { ...values, maxMagnitude: (8n * ETHER) / 10n });
    writer.emit(MANAGER, "OperatorSharesDecreased", {
      ...values,
      staker: addressOf("0"),
      shares: 2n * ETHER,
    });
    writer.emit(MANAGER, "OperatorSlashed", {
      operator: A,
      operatorSet: { avs: AVS, id: 1n },
      strategies: [STRATEGY],
      wadSlashed: [ETHER / 5n],
      description: "two blocks at one height",
    });
    const { pools, edges } = read(writer, { atBlock: 200n });
    expect(pools[0]!.amount).toBe(8n * ETHER);
    expect(edges.map(({ slashable }) => slashable)).toEqual([2n * ETHER, 3n * ETHER]);
  });

  it("leaves out operators that left a set, and strategies that a set dropped", () => {
    const writer = eigenLayer();
    writer.emit(MANAGER, "OperatorRemovedFromOperatorSet", {
      operator: A,
      operatorSet: { avs: AVS, id: 1n },
    });
    expect(slashables(writer, 200n).map(([service]) => service)).toEqual([`${OTHER}/2`]);
    writer.emit(MANAGER, "StrategyRemovedFromOperatorSet", {
      operatorSet: { avs: OTHER, id: 2n },
      strategy: STRATEGY,
    });
    expect(slashables(writer, 200n)).toEqual([]);
  });

  it("asks for the values of several strategies", () => {
    const writer = eigenLayer();
    const strategy = addressOf("58");
    writer.emit(MANAGER, "OperatorSharesIncreased", { operator: B, staker: B, strategy, shares: 5n });
    expect(() => read(writer)).toThrow(expect.objectContaining({ code: "invalid-graph" }));
    const value = [1n, 1n] as const;
    const assets = {
      [STRATEGY]: { decimals: 18, value },
      [strategy.toUpperCase().replace("X", "x")]: { decimals: 6, value },
    };
    expect(read(writer, { assets }).assets.map(({ decimals }) => decimals)).toEqual([18, 6]);
  });

  it("takes logs in any order, joined answers, and ignores other events", () => {
    const writer = eigenLayer();
    const other = { ...(writer.logs[0] as object), topics: [`0x${"12".repeat(32)}`], logIndex: "0xfff" };
    const logs = [...writer.logs.toReversed(), other, ...writer.logs.slice(0, 3)];
    expect(eigenLayerGraph({ result: logs }, { service: RULES })).toEqual(read(writer));
  });
});

describe("a log is refused", () => {
  const broken = (change: object) => () =>
    eigenLayerGraph([{ ...(eigenLayer().logs[0] as object), ...change }], { service: RULES });

  it.each([
    ["that the chain took back", { removed: true }, "logs[0]"],
    ["with a short address", { address: "0x12" }, "logs[0].address"],
    ["without topics", { topics: "0x" }, "logs[0].topics"],
    ["with an odd topic", { topics: ["0x1"] }, "logs[0].topics"],
    ["with data that is no hexadecimal", { data: "0xzz" }, "logs[0].data"],
    ["with a block in decimal", { blockNumber: "100" }, "logs[0].blockNumber"],
    ["with an index that is a number", { logIndex: 1 }, "logs[0].logIndex"],
    ["with too little data", { data: `0x${"00".repeat(32)}` }, "logs[0].data"],
    ["with too much data", { data: `0x${"00".repeat(96)}` }, "logs[0].data"],
    ["with half a word", { data: `0x${"00".repeat(50)}` }, "logs[0].data"],
    ["with an address of 21 bytes", { data: `0x${"01".repeat(64)}` }, "logs[0].data"],
    [
      "with a number of 33 bits",
      { data: `0x${"00".repeat(32)}${"00".repeat(27)}0100000000` },
      "logs[0].data",
    ],
  ])("%s", (_name, change, path) => {
    expect(broken(change)).toThrow(expect.objectContaining({ code: "invalid-log", details: { path } }));
  });

  it("when another one has its place", () => {
    const [first, second] = eigenLayer().logs as [object, object];
    const clash = { ...second, logIndex: "0x0" };
    expect(() => eigenLayerGraph([first, clash], { service: RULES })).toThrow(
      expect.objectContaining({ code: "invalid-log" }),
    );
    expect(() => eigenLayerGraph("logs", { service: RULES })).toThrow(
      expect.objectContaining({ code: "invalid-log" }),
    );
  });
});

const VAULT = addressOf("7a");
const DELEGATOR = addressOf("de");
const SLASHER = addressOf("51");
const OPTING = addressOf("0f");
const [NET, NET2] = [addressOf("e1"), addressOf("e2")];
const subnetwork = (network: string, id = 0) =>
  Uint8Array.from(Buffer.from(network.slice(2) + id.toString(16).padStart(24, "0"), "hex"));

/** A vault of 100 after a deposit of 130, a withdrawal and a slashing; operators A and B, opted in to two networks. */
function symbiotic(): LogWriter {
  const writer = new LogWriter(SYMBIOTIC);
  writer.emit(VAULT, "SetDelegator", { delegator: DELEGATOR });
  writer.emit(VAULT, "SetSlasher", { slasher: SLASHER });
  writer.emit(VAULT, "Deposit", { depositor: A, onBehalfOf: A, amount: 130n, shares: 130n });
  writer.emit(VAULT, "Withdraw", {
    withdrawer: A,
    claimer: A,
    amount: 20n,
    burnedShares: 20n,
    mintedShares: 20n,
  });
  writer.emit(VAULT, "OnSlash", { amount: 15n, captureTimestamp: 1n, slashedAmount: 10n });
  for (const who of [A, B]) {
    for (const where of [VAULT, NET, NET2]) writer.emit(OPTING, "OptIn", { who, where });
  }
  return writer;
}

function readVault(writer: LogWriter, options: object = {}) {
  const vaults = { [VAULT.toUpperCase().replace("X", "x")]: { asset: "token", ...options } };
  return symbioticGraph(writer.logs, { assets: [{ id: "token", decimals: 18 }], vaults, service: RULES });
}

const stakes = (writer: LogWriter, options?: object) =>
  readVault(writer, options).edges.map((edge) => [edge.operator, edge.service, edge.slashable]);

describe("the graph of Symbiotic's logs", () => {
  it("splits a network's limit by shares, where the delegator restakes to networks", () => {
    const writer = symbiotic();
    for (const [network, most] of [
      [NET, 60n],
      [NET2, 500n],
    ] as const) {
      writer.emit(DELEGATOR, "SetMaxNetworkLimit", { subnetwork: subnetwork(network, 3), amount: 1_000n });
      writer.emit(DELEGATOR, "SetNetworkLimit", { subnetwork: subnetwork(network, 3), amount: most });
      for (const [operator, shares] of [
        [A, 2n],
        [B, 1n],
      ] as const) {
        writer.emit(DELEGATOR, "SetOperatorNetworkShares", {
          subnetwork: subnetwork(network, 3),
          operator,
          shares,
        });
      }
    }
    expect(readVault(writer).pools).toEqual([{ id: VAULT, asset: "token", kind: "vault", amount: 100n }]);
    expect(stakes(writer)).toEqual([
      [A, `${NET}/3`, 40n],
      [B, `${NET}/3`, 20n],
      [A, `${NET2}/3`, 66n],
      [B, `${NET2}/3`, 33n],
    ]);
    expect(readVault(writer).edges[0]).toMatchObject({ shares: "pool", onSlash: "reduce-pool", veto: false });
    writer.emit(OPTING, "OptOut", { who: B, where: NET });
    writer.emit(DELEGATOR, "SetMaxNetworkLimit", { subnetwork: subnetwork(NET, 3), amount: 30n });
    writer.emit(SLASHER, "SetResolver", { subnetwork: subnetwork(NET, 3), resolver: B });
    expect(stakes(writer)[0]).toEqual([A, `${NET}/3`, 20n]);
    expect(readVault(writer).edges.map(({ veto }) => veto)).toEqual([true, false, false]);
  });

  it("gives each operator up to its limit, where the delegator restakes to operators too", () => {
    const writer = symbiotic();
    writer.emit(DELEGATOR, "SetNetworkLimit", { subnetwork: subnetwork(NET), amount: 80n });
    for (const [operator, amount] of [
      [A, 50n],
      [B, 90n],
    ] as const) {
      writer.emit(DELEGATOR, "SetOperatorNetworkLimit", { subnetwork: subnetwork(NET), operator, amount });
    }
    expect(stakes(writer)).toEqual([
      [A, `${NET}/0`, 50n],
      [B, `${NET}/0`, 80n],
    ]);
    expect(stakes(writer, { activeStake: 70n })[1]).toEqual([B, `${NET}/0`, 70n]);
  });

  it("gives one operator all, and one network its maximum, of delegators for one", () => {
    const writer = symbiotic();
    writer.emit(DELEGATOR, "SetMaxNetworkLimit", { subnetwork: subnetwork(NET), amount: 70n });
    expect(stakes(writer, { operator: A, network: NET })).toEqual([[A, `${NET}/0`, 70n]]);
    expect(stakes(writer, { operator: A })).toEqual([]);
    writer.emit(DELEGATOR, "SetNetworkLimit", { subnetwork: subnetwork(NET), amount: 60n });
    expect(stakes(writer, { operator: A })).toEqual([[A, `${NET}/0`, 60n]]);
    expect(stakes(writer, { operator: A, network: NET2 })).toEqual([]);
  });

  it("isolates the adapters of V2, on the vault that backs them", () => {
    const writer = symbiotic();
    const adapters = [addressOf("ad1"), addressOf("ad2")] as const;
    writer.emit(VAULT, "AccrueInterest", {
      newTotalAssets: 500n,
      managementFeeShares: 0n,
      performanceFeeShares: 0n,
      protocolFeeShares: 0n,
    });
    adapters.forEach((adapter, i) => {
      const params = {
        burner: B,
        duration: 1n,
        operator: i === 0 ? A : B,
        subnetwork: subnetwork(NET, i),
        converters: [A, B],
      };
      writer.emit(adapter, "Initialize", { params });
      writer.emit(DELEGATOR, "Allocate", { adapter, assets: 90n, totalAssets: 90n + BigInt(i) });
    });
    writer.emit(DELEGATOR, "Deallocate", { adapter: adapters[0], assets: 30n, totalAssets: 60n });
    writer.emit(adapters[0], "Slash", { amount: 5n });
    const graph = readVault(writer);
    expect(graph.pools).toEqual([
      { id: VAULT, asset: "token", kind: "vault", amount: 500n },
      {
        id: adapters[0],
        asset: "token",
        kind: "adapter",
        amount: 55n,
        backedBy: [{ pool: VAULT, amount: 55n }],
      },
      {
        id: adapters[1],
        asset: "token",
        kind: "adapter",
        amount: 91n,
        backedBy: [{ pool: VAULT, amount: 91n }],
      },
    ]);
    expect(graph.edges.map((edge) => [edge.operator, edge.service, edge.slashable, edge.shares])).toEqual([
      [A, `${NET}/0`, 55n, "unique"],
      [B, `${NET}/1`, 91n, "unique"],
    ]);
  });

  it("asks for the asset of each vault", () => {
    const options = { assets: [{ id: "token", decimals: 18 }], vaults: {}, service: RULES };
    expect(() => symbioticGraph(symbiotic().logs, options)).toThrow(
      expect.objectContaining({ code: "invalid-argument", details: { vault: VAULT } }),
    );
  });
});
