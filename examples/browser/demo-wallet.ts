// A wallet of Babylon's shape for pages that have none: its key is made here and lives as long as the tab. It asks
// for no confirmation, so it is for regtest only.
import { addressOfScript, bip322, hex } from "tapstake";
import { provideSigner, walletSigner } from "tapstake/wallets";

export function demoWallet(): object {
  const signer = walletSigner(secretKey());
  // The address of a Taproot key does not depend on the first byte.
  const publicKey = Uint8Array.of(2, ...signer.publicKey);
  const address = addressOfScript(bip322.script(publicKey, "p2tr"), "regtest")!;
  return {
    ...provideSigner(signer, { publicKey, address, network: "regtest" }),
    connectWallet: () => Promise.resolve(),
    getAddress: () => Promise.resolve(address),
    getPublicKeyHex: () => Promise.resolve(hex.encode(publicKey)),
    getNetwork: () => Promise.resolve("regtest"),
  };
}

function secretKey(): Uint8Array {
  const kept = sessionStorage.getItem("demo wallet");
  if (kept !== null) return hex.decode(kept);
  const made = crypto.getRandomValues(new Uint8Array(32));
  sessionStorage.setItem("demo wallet", hex.encode(made));
  return made;
}
