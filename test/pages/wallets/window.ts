// The window in which a wallet asks its user.

/** What a user was asked, and how often they still say no. A test reads and sets it. */
export interface WalletWindow {
  readonly asked: string[];
  refusals: number;
}

export const walletWindow: WalletWindow = { asked: [], refusals: 0 };

/** Opens the window. @throws what wallets throw when the user says no: an object that is no Error */
export function ask(what: string): void {
  walletWindow.asked.push(what);
  if (walletWindow.refusals === 0) return;
  walletWindow.refusals -= 1;
  throw Object.assign(Object.create(null) as object, { code: 4001, message: "User rejected the request." });
}
