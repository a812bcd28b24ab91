import { execFileSync } from "node:child_process";
import { symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { beforeEach, expect, it, vi } from "vitest";
import { Inbox, jsonFilesIn } from "../../src/cli/commands/watch/inbox.js";
import { delegationFolder } from "../../src/cli/commands/watch/run.js";
import { tellInJson } from "../../src/cli/output.js";
import { TapstakeError } from "../../src/core/errors.js";
import { adaptor } from "../../src/crypto/adaptor.js";
import type { Delegation } from "../../src/delegation/delegation.js";
import { delegationToJson } from "../../src/delegation/json.js";
import { delegate, makeStake, signedBy } from "../support/stake.js";
import { newHome } from "../support/signer.js";
import { initStore, addToStore } from "../../src/watch/watch.js";

const { path: folder } = newHome();
const stake = makeStake();
const delegation = await delegate(stake);
writeFileSync(`${folder}/delegation.json`, delegationToJson(delegation));

// A command with --json may have run in this process.
beforeEach(() => tellInJson(false));

/** A watch that fails at its first addition. */
function failingOnce(code: "store-unwritable" | "wrong-network") {
  const asked: Delegation[] = [];
  return {
    asked,
    add(delegations: readonly Delegation[]) {
      asked.push(...delegations);
      if (asked.length === 1) throw new TapstakeError(code, "it is refused");
      return [];
    },
  };
}

const addThrice = async (watch: ReturnType<typeof failingOnce>) => {
  const read = delegationFolder(watch, folder);
  for (let i = 0; i < 3; i++) await read.read();
};

it("a folder's file is tried again after the store could not be written, and then not again", async () => {
  const watch = failingOnce("store-unwritable");
  await addThrice(watch);
  expect(watch.asked).toHaveLength(2);
});

it("a folder's file that the watch refuses is not tried again until it changes", async () => {
  const watch = failingOnce("wrong-network");
  await addThrice(watch);
  expect(watch.asked).toHaveLength(1);
});

it("a file without an end, a pipe, a device and a folder hold up no other file, and are one warning each", async () => {
  const { path } = newHome();
  execFileSync("mkfifo", [`${path}/a-pipe.json`]);
  const warnings: string[] = [];
  const spy = vi.spyOn(process.stderr, "write").mockImplementation((text) => warnings.push(String(text)) > 0);
  const taken: string[] = [];
  const inbox = new Inbox((text) => void taken.push(text));
  const read = () => inbox.read(() => jsonFilesIn(path));
  symlinkSync("/dev/zero", `${path}/b-device.json`);
  symlinkSync(path, `${path}/c-folder.json`);
  writeFileSync(`${path}/d-large.json`, "");
  truncateSync(`${path}/d-large.json`, 2 ** 33);
  symlinkSync("nowhere", `${path}/e-dangling.json`);
  writeFileSync(`${path}/f.json`, "half");
  await read();
  await read();
  writeFileSync(`${path}/f.json`, "whole");
  await read();
  await read();
  spy.mockRestore();
  expect(taken).toEqual(["half", "whole"]);
  const said = warnings.map((text) => text.replace(/\s+/g, " ").trim());
  expect(said.map((text) => /cannot read .*\/(.*)\.json: (.*)$/.exec(text)!.slice(1))).toEqual([
    ["a-pipe", "it is not a file"],
    ["b-device", "it is not a file"],
    ["c-folder", "it is a folder"],
    ["d-large", "it is larger than 16 MB"],
    ["e-dangling", "ENOENT"],
  ]);
});

it("a file's name writes no line of the log, and no colour on a terminal", async () => {
  const { path } = newHome();
  const name = `${path}/a\nalarm\u001b[31m.json`;
  writeFileSync(name, "1");
  const names: string[] = [];
  const inbox = new Inbox((_text, shown) => void names.push(shown));
  await inbox.read(() => jsonFilesIn(path));
  const spy = vi.spyOn(process.stderr, "write").mockImplementation((text) => names.push(String(text)) > 0);
  inbox.fault(name, Object.assign(new Error(), { code: "EIO" }));
  spy.mockRestore();
  expect(names.map((each) => /[^/\s]+\.json/.exec(each)?.[0])).toEqual(
    Array(2).fill("a\ufffdalarm\ufffd[31m.json"),
  );
});

it("many files leave time for the watch and the tower", async () => {
  const { path } = newHome();
  for (let i = 0; i < 3; i++) writeFileSync(`${path}/${i}.json`, `${i}`);
  const order: string[] = [];
  const inbox = new Inbox((text) => {
    order.push(text);
    // As long as it takes to verify one delegation of a large committee.
    const end = performance.now() + 25;
    while (performance.now() < end);
  });
  const reading = inbox.read(() => jsonFilesIn(path));
  await setImmediate();
  order.push("the tower");
  await reading;
  expect(order.indexOf("the tower")).toBeLessThan(3);
});

it("a delegation that the store has is not verified again at each start", async () => {
  const store = `${newHome().path}/watch.db`;
  initStore(store, { network: "regtest", phase1: null });
  const signed = await signedBy(stake, delegation, [0, 1, 2]);
  const verify = vi.spyOn(adaptor, "verify");
  expect(addToStore(store, [signed])).toHaveLength(1);
  expect(verify).toHaveBeenCalled();
  verify.mockClear();
  expect(addToStore(store, [signed])).toEqual([]);
  expect(verify).not.toHaveBeenCalled();
  verify.mockRestore();
});
