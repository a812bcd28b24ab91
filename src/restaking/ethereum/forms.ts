import type { EventForm } from "./event.js";

// Names and types as the contracts publish them; test/restaking/logs.test.ts compares each topic with keccak256.

const operator = ["operator", "address"] as const;
const strategy = ["strategy", "address"] as const;
const avs = ["avs", "address"] as const;
const id = ["id", "uint", 32] as const;

/** EigenLayer's AllocationManager and DelegationManager. */
export const EIGENLAYER_EVENTS = [
  {
    signature: "AllocationUpdated(address,(address,uint32),address,uint64,uint32)",
    topic: "0x1487af5418c47ee5ea45ef4a93398668120890774a9e13487e61e9dc3baf76dd",
    indexed: [],
    data: [operator, avs, id, strategy, ["magnitude", "uint", 64], ["effectBlock", "uint", 32]],
  },
  {
    signature: "MaxMagnitudeUpdated(address,address,uint64)",
    topic: "0x1c6458079a41077d003c11faf9bf097e693bd67979e4e6500bac7b29db779b5c",
    indexed: [],
    data: [operator, strategy, ["magnitude", "uint", 64]],
  },
  {
    signature: "EncumberedMagnitudeUpdated(address,address,uint64)",
    topic: "0xacf9095feb3a370c9cf692421c69ef320d4db5c66e6a7d29c7694eb02364fc55",
    indexed: [],
    data: [operator, strategy, ["magnitude", "uint", 64]],
  },
  {
    signature: "OperatorSlashed(address,(address,uint32),address[],uint256[],string)",
    topic: "0x80969ad29428d6797ee7aad084f9e4a42a82fc506dcd2ca3b6fb431f85ccebe5",
    indexed: [],
    data: [operator, avs, id],
    isOpen: true,
  },
  {
    signature: "OperatorSetCreated((address,uint32))",
    topic: "0x31629285ead2335ae0933f86ed2ae63321f7af77b4e6eaabc42c057880977e6c",
    indexed: [],
    data: [avs, id],
  },
  {
    signature: "OperatorAddedToOperatorSet(address,(address,uint32))",
    topic: "0x43232edf9071753d2321e5fa7e018363ee248e5f2142e6c08edd3265bfb4895e",
    indexed: [operator],
    data: [avs, id],
  },
  {
    signature: "OperatorRemovedFromOperatorSet(address,(address,uint32))",
    topic: "0xad34c3070be1dffbcaa499d000ba2b8d9848aefcac3059df245dd95c4ece14fe",
    indexed: [operator],
    data: [avs, id],
  },
  {
    signature: "StrategyAddedToOperatorSet((address,uint32),address)",
    topic: "0x7ab260fe0af193db5f4986770d831bda4ea46099dc817e8b6716dcae8af8e88b",
    indexed: [],
    data: [avs, id, strategy],
  },
  {
    signature: "StrategyRemovedFromOperatorSet((address,uint32),address)",
    topic: "0x7b4b073d80dcac55a11177d8459ad9f664ceeb91f71f27167bb14f8152a7eeee",
    indexed: [],
    data: [avs, id, strategy],
  },
  {
    signature: "SlasherUpdated((address,uint32),address,uint32)",
    topic: "0x3873f29d7a65a4d75f5ba28909172f486216a1420e77c3c2720815951a6b4f57",
    indexed: [],
    data: [avs, id, ["slasher", "address"], ["effectBlock", "uint", 32]],
  },
  {
    signature: "OperatorSharesIncreased(address,address,address,uint256)",
    topic: "0x1ec042c965e2edd7107b51188ee0f383e22e76179041ab3a9d18ff151405166c",
    indexed: [operator],
    data: [["staker", "address"], strategy, ["shares", "uint"]],
  },
  {
    signature: "OperatorSharesDecreased(address,address,address,uint256)",
    topic: "0x6909600037b75d7b4733aedd815442b5ec018a827751c832aaff64eba5d6d2dd",
    indexed: [operator],
    data: [["staker", "address"], strategy, ["shares", "uint"]],
  },
] as const satisfies readonly EventForm[];

const subnetwork = ["subnetwork", "bytes32"] as const;
const amount = ["amount", "uint"] as const;

/** Symbiotic's vaults, delegators, slashers, opt-in services (V1), and adapters (V2). */
export const SYMBIOTIC_EVENTS = [
  {
    signature: "Deposit(address,address,uint256,uint256)",
    topic: "0xdcbc1c05240f31ff3ad067ef1ee35ce4997762752e3a095284754544f4c709d7",
    indexed: [
      ["depositor", "address"],
      ["onBehalfOf", "address"],
    ],
    data: [amount, ["shares", "uint"]],
  },
  {
    signature: "Withdraw(address,address,uint256,uint256,uint256)",
    topic: "0xebff2602b3f468259e1e99f613fed6691f3a6526effe6ef3e768ba7ae7a36c4f",
    indexed: [
      ["withdrawer", "address"],
      ["claimer", "address"],
    ],
    data: [amount, ["burnedShares", "uint"], ["mintedShares", "uint"]],
  },
  {
    signature: "OnSlash(uint256,uint48,uint256)",
    topic: "0xf9d090c096f71cd1659861a9ce5b6f384bceb4e2fa4e4a19edf6489a9b8d56c7",
    indexed: [],
    data: [amount, ["captureTimestamp", "uint", 48], ["slashed", "uint"]],
  },
  {
    signature: "SetDelegator(address)",
    topic: "0xdb2160616f776a37b24808115554e79439bf26cccbbd4438190cc6d28e80ecd1",
    indexed: [["delegator", "address"]],
    data: [],
  },
  {
    signature: "SetSlasher(address)",
    topic: "0xe7e4c932e03abddfe20f83af42c33627e816115c7ec2b168441f65dc14bfc3ba",
    indexed: [["slasher", "address"]],
    data: [],
  },
  {
    signature: "SetMaxNetworkLimit(bytes32,uint256)",
    topic: "0xc67e7929681aa1bccd63f52b3799bf5805f3009f197db6fdf584b14f7fbf608c",
    indexed: [subnetwork],
    data: [amount],
  },
  {
    signature: "SetNetworkLimit(bytes32,uint256)",
    topic: "0x00899d104fc3d8820bd96540612bcc5c448c8837b13b9f7faa43ad0728f0c14f",
    indexed: [subnetwork],
    data: [amount],
  },
  {
    signature: "SetOperatorNetworkShares(bytes32,address,uint256)",
    topic: "0x739a5a3ec0ff71e2386d0013deac5f44e0935a98def2e2a5ddf9a709518c8294",
    indexed: [subnetwork, operator],
    data: [["shares", "uint"]],
  },
  {
    signature: "SetOperatorNetworkLimit(bytes32,address,uint256)",
    topic: "0xfc9545f07ffadfb668efd0144cdcaf2d6e2c8192dce1ea9fc131934f9c90fc7e",
    indexed: [subnetwork, operator],
    data: [amount],
  },
  {
    signature: "OptIn(address,address)",
    topic: "0x9b730d5b907ee509de729817a2bb37e404418ba569b3a50f36192372f973cb41",
    indexed: [
      ["who", "address"],
      ["where", "address"],
    ],
    data: [],
  },
  {
    signature: "OptOut(address,address)",
    topic: "0x1629cd9ad365627cf8408d19c50224af8f3213c1a18ae48062d92e22bddf7de5",
    indexed: [
      ["who", "address"],
      ["where", "address"],
    ],
    data: [],
  },
  {
    signature: "SetResolver(bytes32,address)",
    topic: "0x7b0b759b513b299fd2811f51926dca8854222a675557e8d544ce0933bf5b7570",
    indexed: [subnetwork],
    data: [["resolver", "address"]],
  },
  {
    signature: "Allocate(address,uint256,uint256)",
    topic: "0xe2a6fbb55be829f7f41ce6980e5fc3057544b2788af2e168fbf7a3db02284e7b",
    indexed: [["adapter", "address"]],
    data: [
      ["assets", "uint"],
      ["total", "uint"],
    ],
  },
  {
    signature: "Deallocate(address,uint256,uint256)",
    topic: "0x1f0f4b347bc067f78de010c670fc81f31bc7c37975987aea06c77289d695fd0b",
    indexed: [["adapter", "address"]],
    data: [
      ["assets", "uint"],
      ["total", "uint"],
    ],
  },
  {
    signature: "Initialize((address,uint48,address,bytes32,address[]))",
    topic: "0x49612993babe0079f39d9aa0b24c108bf7583dba647e56d3cc322972c5b3f9bb",
    indexed: [],
    data: [["offset", "uint"], ["burner", "address"], ["duration", "uint", 48], operator, subnetwork],
    isOpen: true,
  },
  {
    signature: "Slash(uint256)",
    topic: "0x9a07a715455973a0677c4871fb4fcefba3cd737cd68f234c2cd3fb11ef8d2f9b",
    indexed: [],
    data: [amount],
  },
  {
    signature: "AccrueInterest(uint256,uint256,uint256,uint256)",
    topic: "0x4dec04e750ca11537cabcd8a9eab06494de08da3735bc8871cd41250e190bc04",
    indexed: [],
    data: [amount, ["managementFee", "uint"], ["performanceFee", "uint"], ["protocolFee", "uint"]],
  },
] as const satisfies readonly EventForm[];
