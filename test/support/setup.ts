import fc from "fast-check";
import { afterAll } from "vitest";
import { endFile } from "./after-file.js";
import { seed } from "./runs.js";

// Every property of a run starts from the run's seed; one that fails prints it, with the path to its counterexample.
fc.configureGlobal({ seed: seed() });

afterAll(endFile);
