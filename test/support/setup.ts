import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll } from "vitest";
import { endFile } from "./after-file.js";
import { compareBytesAtOnce } from "./equal-bytes.js";
import { acceptTemporaryFolder } from "./file-system.js";
import { seed } from "./runs.js";

// Every property of a run starts from the run's seed; one that fails prints it, with the path to its counterexample.
fc.configureGlobal({ seed: seed() });

// A command in the test's own process asks the system for the user's home: it must not find the developer's.
process.env["HOME"] = join(tmpdir(), `tapstake-tests-${process.pid}`);

// Tests make their homes in the temporary folder, which is an overlay in a container.
acceptTemporaryFolder();

compareBytesAtOnce();

afterAll(endFile);
