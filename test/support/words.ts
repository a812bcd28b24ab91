/**
 * Words that texts for people do without (CONTRIBUTING.md, Documentation): they hide who does what, or are not plain English.
 * In pages, words can stand on two lines.
 */
export const FORBIDDEN: readonly RegExp[] = [
  /\bwhoever\b/gi,
  /\bnobody\b/gi,
  /\b(un)?told\b/gi,
  /\bnone of\b/gi,
  /\bof which\b/gi,
  /\bhold(s|ing)? (a|every|all|the) rules?\b/gi,
  /\bas it is\b/gi,
  /\bas ever\b/gi,
  /\bby heart\b/gi,
  /\b(is|are) to (vote|sign)\b/gi,
  /\bthat (is|are) none\b/gi,
  /\b(is|are) warned of\b/gi,
  /\bgo(es)? by (it|the|what)\b/gi,
  /\bno more\b(?! than\b)/gi,
  /\b(once|one|two) a (height|vote|key)\b/gi,
];

/** Those that stand in a text. */
export const forbiddenIn = (text: string): string[] => FORBIDDEN.flatMap((words) => text.match(words) ?? []);
