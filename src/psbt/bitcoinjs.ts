/** bitcoinjs-lib's PSBT, given its curve once, so that using the package needs no init call. */
import { initEccLib } from "bitcoinjs-lib/src/ecc_lib";
import { curve } from "../core/curve/index.js";

initEccLib(curve);

export { Psbt } from "bitcoinjs-lib/src/psbt";
