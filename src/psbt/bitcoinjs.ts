export { Psbt } from "./psbt.js";
