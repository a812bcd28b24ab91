// For `node --import`: makes passphrases cost next to nothing in a process that a test starts.
import { lightenScrypt } from "./light-scrypt.mjs";

lightenScrypt();
