// Preloaded into a signer: a copy of its history that has begun waits for as long as there is the file
// TEST_COPY_WAITS. Before each part the signer asks how much room the disk has, and for the first time before there is a
// file of the copy.
import { existsSync } from "node:fs";
import promises from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";

const { statfs } = promises;
let asked = 0;
promises.statfs = async (...args) => {
  if (++asked > 1) while (existsSync(process.env.TEST_COPY_WAITS)) await sleep(5);
  return statfs(...args);
};
syncBuiltinESMExports();
