/** bitcoinjs-lib's PSBT. Its curve is set here once, so that users of the package need no init call. */
import { initEccLib } from "bitcoinjs-lib/src/ecc_lib";
import { curve } from "../core/curve/index.js";

// The library's own check of the curve would load it here, for commands that need none. The tests make that check.
initEccLib(curve, { DANGER_DO_NOT_VERIFY_ECCLIB: true });

export { Psbt } from "bitcoinjs-lib/src/psbt";
