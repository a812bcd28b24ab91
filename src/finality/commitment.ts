import { TapstakeError } from "../core/errors.js";
import { assertInteger } from "../core/bytes.js";
import { publicKeyOf } from "../core/keys.js";
import { merkle, type MerkleProof } from "../crypto/merkle.js";
import { commitmentDigest } from "../crypto/messages.js";
import { randomness } from "../crypto/randomness.js";
import { schnorr } from "../crypto/schnorr.js";
