import { beforeAll, describe, expect, it } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { eots } from "../../src/crypto/eots.js";
import { failure as expectFailure } from "../support/errors.js";
import { inHome } from "../support/signer.js";
import { afterFile } from "../support/after-file.js";
import { bytes, eotsVectors } from "../support/vectors.js";
import { addKey, connect, type DaemonProcess, homeWithKey, knowCommitment, startDaemon } from "./support.js";

describe("the Go reference's votes, signed by a daemon", () => {
  const cases = eotsVectors().map((vector, i) => ({
    name: `${i}: ${vector.ChainId} ${vector.Height}`,
    ...vector,
  }));

  let daemon: DaemonProcess;
  /** Knows nothing of the votes of the first one. */
  let forgetful: DaemonProcess;
  beforeAll(async () => {
    [daemon, forgetful] = await Promise.all([daemonOfAll(), daemonOfAll()]);
  });

  it.each(cases)("$name", async ({ Sk, Pk, ChainId, Height, PubRand, Msg1, Sig1, Msg2, Sig2, Extracted }) => {
    expect(hex.encode(publicKeyOf(bytes(Sk)))).toBe(Pk);
    const client = connect(daemon.address);
    const at = { key: bytes(Pk), chainId: ChainId, height: BigInt(Height) };
    const range = { key: at.key, chainId: ChainId, startHeight: at.height, count: 1 };
    const [R] = await client.createRandomnessPairList(range);
    expect(hex.encode(R!)).toBe(PubRand);
    const { signature } = await client.signEots({ ...at, message: bytes(Msg1) });
    expect(hex.encode(signature)).toBe(Sig1);
    await expectFailure(client.signEots({ ...at, message: bytes(Msg2) }), "double-vote");

    // The second signature is given as n minus it in every row of the file.
    const { signature: other } = await connect(forgetful.address).signEots({ ...at, message: bytes(Msg2) });
    const second = { signature: other, message: bytes(Msg2) };
    expect(hex.encode(second.signature)).toBe(hex.encode(negated(Sig2)));

    // What the refusal is for: with both, the key is anyone's.
    const first = { message: bytes(Msg1), signature };
    const even = eots.extract(at.key, R!, first, second);
    expect([Extracted, hex.encode(negated(Extracted))]).toContain(hex.encode(even));
  });
});

/** A daemon with the keys of all rows; each may vote on the chain of its row. */
async function daemonOfAll(): Promise<DaemonProcess> {
  const [first, ...others] = eotsVectors();
  const made = homeWithKey(bytes(first!.Sk), [first!.ChainId]);
  const keys = others.map(({ Sk, ChainId }, i) => ({
    ...addKey(made.home, `validator-${i + 2}`, bytes(Sk)),
    ChainId,
  }));
  inHome(made.home, (protection) => {
    for (const { publicKey, ChainId } of keys) protection.init(publicKey, ChainId, 0n);
  });
  for (const { Sk, ChainId, Height } of eotsVectors())
    knowCommitment(made.home, publicKeyOf(bytes(Sk)), ChainId, BigInt(Height));
  return startDaemon(
    made,
    keys.flatMap(({ name }) => ["--unlock", name]),
    { end: afterFile },
  );
}

describe("the vectors", () => {
  it("are negated back where the file has n - s", () => {
    expect(hex.encode(negated(hex.encode(negated("01".repeat(32)))))).toBe("01".repeat(32));
  });
});

function negated(digits: string): Uint8Array {
  const n = 0xffff_ffff_ffff_ffff_ffff_ffff_ffff_fffe_baae_dce6_af48_a03b_bfd2_5e8c_d036_4141n;
  return bytes((n - BigInt(`0x${digits}`)).toString(16).padStart(64, "0"));
}
