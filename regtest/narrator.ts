import { TapstakeError } from "../src/core/errors.js";

/** One thing that happens in the story. */
export interface StoryEvent {
  /** The chapter's title. */
  readonly chapter: string;
  /** `done` was accepted or verified, `refused` was refused as it must be. */
  readonly kind: "chapter" | "done" | "refused";
  /** What happens. */
  readonly text: string;
  /** Why it matters. */
  readonly why?: string;
  readonly txid?: string;
  /** What bitcoind answered. */
  readonly answer?: string;
  /** What the watchtower wrote into its log. */
  readonly said?: string;
  /** The exact facts: satoshi as decimal text, keys and hashes as hexadecimal. */
  readonly data?: Readonly<Record<string, string | number>>;
}

type Facts = Pick<StoryEvent, "why" | "txid" | "answer" | "said" | "data">;

/** Tells a story event by event, each under its chapter. */
export class Narrator {
  private chapter = "";

  constructor(private readonly onEvent: (event: StoryEvent) => void) {}

  begin(title: string): void {
    this.chapter = title;
    this.onEvent({ chapter: title, kind: "chapter", text: title });
  }

  done(text: string, facts: Facts = {}): void {
    this.onEvent({ chapter: this.chapter, kind: "done", text, ...facts });
  }

  refused(text: string, answer: string, facts: Facts = {}): void {
    this.onEvent({ chapter: this.chapter, kind: "refused", text, answer, ...facts });
  }
}

/** @throws TapstakeError `unexpected-verdict` when a fact of the story does not hold */
export function expectThat(fact: boolean, what: string): void {
  if (!fact) throw new TapstakeError("unexpected-verdict", `this must hold: ${what}`);
}
