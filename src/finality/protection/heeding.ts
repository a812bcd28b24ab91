import { hex } from "../../core/bytes.js";
import { arrivalOf, listArrivals, placeOfFile, removeNote } from "../keys/provenance.js";
import type { Home } from "../home.js";
import type { Ledger } from "./store-rows.js";
import type { Known } from "./rows.js";

/** What a store lets be done to it here. */
interface Doors {
  /** Changes it in one transaction. */
  readonly write: (touched: readonly Known[], change: () => void) => void;
  /** Reads or ends notes: where that fails, it is not known what they say. */
  readonly careful: <T>(work: () => T) => T;
}

/** What the notes of keys mean for a store: see `recordBirth`, `recordAbsence` and `recordExport`. */
export class Heeding {
  constructor(
    private readonly home: Home,
    private readonly ledger: Ledger,
    private readonly doors: Doors,
  ) {}

  /** Takes over what is noted of a key. */
  heed(key: Uint8Array): void {
    const arrival = this.doors.careful(() => arrivalOf(this.home, key));
    if (arrival === "absent") this.#hold([key]);
    if (arrival === "exported") this.#endBirths([key]);
    if (arrival === "born") this.#takeOver(key);
  }

  /** Takes over that keys were elsewhere or left; births wait for the first vote. */
  heedAll(): void {
    const noted = (arrival: "absent" | "exported") =>
      this.doors.careful(() => listArrivals(this.home, arrival));
    const [absent, exported] = [noted("absent"), noted("exported")];
    if (absent.length > 0) this.#hold(absent);
    if (exported.length > 0) this.#endBirths(exported);
  }

  isBornHere(key: Uint8Array): boolean {
    // A birth counts in the very file that took it over: in a copy of the home the key is not new.
    const place = this.#place();
    if (place === undefined) return false;
    const arrival = this.doors.careful(() => arrivalOf(this.home, key));
    if (arrival !== undefined) return arrival === "born";
    return this.ledger.births.get(hex.encode(key)) === place;
  }

  #hold(keys: readonly Uint8Array[]): void {
    const names = new Set(keys.map(hex.encode));
    const touched = [...this.ledger.subjects.values()].filter(({ key }) => names.has(hex.encode(key)));
    this.doors.write(touched, () => {
      for (const key of keys) this.ledger.forgetBirth(key);
      for (const known of touched) {
        this.ledger.hold(known);
        this.ledger.writeSubject(known);
      }
    });
    this.#endNotes(keys);
  }

  #endBirths(keys: readonly Uint8Array[]): void {
    this.doors.write([], () => {
      for (const key of keys) this.ledger.forgetBirth(key);
    });
    this.#endNotes(keys);
  }

  /** Found again after a loss, the note of a birth would make a key new that has voted since. */
  #takeOver(key: Uint8Array): void {
    const place = this.#place();
    if (place !== undefined && this.ledger.births.get(hex.encode(key)) !== place) {
      this.doors.write([], () => {
        this.ledger.forgetBirth(key);
        this.ledger.addBirth(key, place);
      });
    }
    this.#endNotes([key]);
  }

  #place(): string | undefined {
    return this.doors.careful(() => placeOfFile(this.home.protectionFile));
  }

  #endNotes(keys: readonly Uint8Array[]): void {
    this.doors.careful(() => {
      for (const key of keys) removeNote(this.home, key);
    });
  }
}
