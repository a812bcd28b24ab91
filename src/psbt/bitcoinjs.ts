/** bitcoinjs-lib's PSBT, given its curve once, so that using the package needs no init call. */
import { initEccLib } from "bitcoinjs-lib/src/ecc_lib";
import { curve } from "../core/curve/index.js";

// Its own check of the curve would load it here, for commands that need none; the tests make that check.
initEccLib(curve, { DANGER_DO_NOT_VERIFY_ECCLIB: true });

export { Psbt } from "bitcoinjs-lib/src/psbt";
