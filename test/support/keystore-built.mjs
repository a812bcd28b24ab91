// The built keystore, for processes that tests start: they run no TypeScript.
export { openHome } from "../../dist/src/finality/home.js";
export * from "../../dist/src/finality/keys/keystore.js";
