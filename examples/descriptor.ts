// The descriptor of a stake: to watch it, to import it into a wallet that signs for it, and to read it back.
import {
  importableDescriptor,
  paramsAt,
  parseDescriptor,
  parseKeyOrigin,
  regtest,
  stakingOutput,
} from "tapstake";
import { party } from "tapstake/regtest";

// The staker's key as a wallet shows it, and with its secret: test vector 1 of BIP-32, so never use it.
const PUBLIC =
  "[d34db33f/86h/0h/0h]xpub68Gmy5EdvgibQVfPdqkBBCHxA5htiqg55crXYuXoQRKfDBFA1WEjWgP6LHhwBZeNK1VTsfTFUHCdrfp1bgwQ9xv5ski8PX9rL2dZXvgGDnw/0/5";
const SECRET =
  "[d34db33f/86h/0h/0h]xprv9uHRZZhk6KAJC1avXpDAp4MDc3sQKNxDiPvvkX8Br5ngLNv1TxvUxt4cV1rGL5hj6KCesnDYUhd7oWgT11eZG7XnxHrnYeSvkzY7d2bhkJ7/0/5";

const origin = parseKeyOrigin(PUBLIC);
const params = paramsAt(regtest, 0);
const terms = {
  staker: origin.publicKey,
  finalityProviders: [party("provider").publicKey],
  covenant: params.covenant,
  timelock: 1_000,
};
const { descriptor } = stakingOutput(terms, params.network);
console.log(`to watch: ${descriptor.slice(0, 60)}…`);

// To sign, the wallet needs the key in the form from which it derives the secret.
const importable = importableDescriptor(descriptor, [SECRET]);
console.log(`to sign:  ${importable.length} characters, as secret as the key`);

// A descriptor says everything about a stake; the checksum and the scripts are checked.
const described = parseDescriptor(descriptor);
if (described.kind !== "staking") throw new Error(`unexpected ${described.kind}`);
console.log(`locked:   ${described.terms.timelock} blocks`);
