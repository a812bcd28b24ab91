export type { Database, Statement } from "../../finality/protection/schema.js";
