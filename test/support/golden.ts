import { readFileSync } from "node:fs";

/** A whole delegation in version 1 of its JSON form, as it was written once: it must keep reading. */
export const goldenDelegation = (): string =>
  readFileSync(new URL("../fixtures/delegation-v1.json", import.meta.url), "utf8");
