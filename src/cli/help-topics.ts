/** What `tapstake help <topic>` shows, beside commands and error codes. */
export interface HelpTopic {
  /** What it is about, in a line. */
  readonly summary: string;
  readonly text: string;
}

/** The topics by name. A topic must not have the name of a command or of an error code. */
export const TOPICS: Readonly<Record<string, HelpTopic>> = {};
