/** What an error code says to a person. */
export interface ErrorAdvice {
  /** What is wrong, in one sentence. */
  readonly means: string;
  /** What can lead to it, as a list within one sentence. Which of them it was is not known. */
  readonly causes?: string;
  /** What to do now; commands to copy are in backticks. */
  readonly do: string;
  /** What would burn coins or a key. */
  readonly never?: string;
}

/** The codes of one subject. */
export type ErrorGroup = Readonly<Record<string, ErrorAdvice>>;
