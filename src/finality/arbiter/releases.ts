/** Releases of etcd that may lose or change what they acknowledged, by etcd's own changelogs. */
const LOSES: readonly { readonly below: Release; readonly from: Release; readonly why: string }[] = [
  { from: [0, 0, 0], below: [3, 4, 0], why: "releases before 3.4 were never tested as an arbiter" },
  {
    from: [3, 4, 0],
    below: [3, 4, 21],
    why: "before 3.4.21, a single member may lose writes that it acknowledged (etcd issue 14370)",
  },
  {
    from: [3, 5, 0],
    below: [3, 5, 3],
    why: "3.5.0 to 3.5.2 may lose writes after a crash (etcd issue 13908)",
  },
  {
    from: [3, 5, 3],
    below: [3, 5, 5],
    why: "before 3.5.5, a single member may lose writes that it acknowledged (etcd issue 14370)",
  },
  {
    from: [3, 5, 5],
    below: [3, 5, 17],
    why: "before 3.5.17, a member may keep a part of a transaction (etcd issue 18799)",
  },
];

type Release = readonly [major: number, minor: number, patch: number];

/** Why a release of etcd cannot be an arbiter; undefined if it can. */
export function refusedRelease(version: string): string | undefined {
  const match = /^(\d{1,4})\.(\d{1,4})\.(\d{1,4})(?:\+[\w.-]+)?$/.exec(version);
  if (!match) return "only final releases can be an arbiter";
  const release = match.slice(1).map(Number) as unknown as Release;
  if (release[0] > 3) return "releases after 3 are not known";
  return LOSES.find(({ from, below }) => isBelow(release, below) && !isBelow(release, from))?.why;
}

function isBelow(one: Release, other: Release): boolean {
  const at = one.findIndex((number, i) => number !== other[i]);
  return at >= 0 && one[at]! < other[at]!;
}
