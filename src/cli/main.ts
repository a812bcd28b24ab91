#!/usr/bin/env node
import { run } from "./run.js";

// Node's deprecation warnings are for the maintainers, not for users.
process.noDeprecation = true;
process.exitCode = await run(process.argv.slice(2));
