import type { ArbiterState } from "../../finality/arbiter/state.js";
import type { ArbiterReport } from "../../finality/arbiter/store.js";
import { section, table } from "../output.js";

/** What no signer can notice, said where an operator looks. */
const UNNOTICED = [
  "a restored copy that is newer than a signer's last claim, and lacks another signer's vote",
  "a vote that an administrator of etcd deleted, or rewrote and set back",
  "a restore of the store while the answer to a claim is on its way to the signer",
  "all homes and the store, put back together",
  "a machine with the key that was never enrolled, and votes without the arbiter",
] as const;

const AFTER_A_RESTORE =
  "After any restore of etcd, follow “Restore” in docs/arbiter.md: only that avoids the first of these.";

/** What an arbiter keeps, and this home's part of it. */
export const arbiterFacts = (report: ArbiterReport, state: ArbiterState | undefined) => ({
  ...report,
  halt: report.halt ?? null,
  store: report.store ?? null,
  home: state ? { signer: state.signer, store: state.store, hold: state.hold ?? null } : null,
  unnoticed: UNNOTICED,
});

export function arbiterText({
  store,
  halt,
  starts,
  signers,
  members,
  home,
}: ReturnType<typeof arbiterFacts>): string {
  const own = home
    ? `signer ${home.signer}${home.store === store ? "" : ", enrolled with another store: enrol it anew"}`
    : "not enrolled";
  return [
    table([
      ["store", store ?? "none: run fp arbiter init"],
      ["halt", halt ?? "none"],
      ["this home", own],
      ["hold", home?.hold ? `${home.hold.found} (${home.hold.at})` : undefined],
    ]),
    section(
      "members",
      table(
        members.map((each) => {
          if ("unreachable" in each) return [each.address, `no answer: ${each.unreachable}`];
          const { address, version, isLeader, errors, refused } = each;
          const faults = [...errors, ...(refused === undefined ? [] : [`refused: ${refused}`])];
          return [address, [`etcd ${version}${isLeader ? ", leader" : ""}`, ...faults].join("; ")];
        }),
        "  ",
      ),
    ),
    section(
      "votes begin at",
      table(
        starts.map(({ key, chainId, fromHeight }) => [`${key} on ${chainId}`, `${fromHeight}`]),
        "  ",
      ),
    ),
    section(
      "signers",
      table(
        signers.map(({ signer, claims }) => [signer, `${claims} claims`]),
        "  ",
      ),
    ),
    section("not noticed by any signer", UNNOTICED.map((each) => `  ${each}\n`).join("")),
    AFTER_A_RESTORE,
  ].join("\n");
}
