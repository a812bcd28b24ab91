// Passphrases cost next to nothing in a process that imports this: a third of a second each is for who guesses them.
// What is written says the real cost; a process that pays it cannot open what was sealed here.
import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";

for (const name of ["scrypt", "scryptSync"]) {
  const original = crypto[name];
  crypto[name] = (passphrase, salt, length, options, ...done) =>
    original(passphrase, salt, length, { ...options, N: 2 }, ...done);
}
syncBuiltinESMExports();
