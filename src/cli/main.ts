#!/usr/bin/env node
import { run } from "./run.js";

// What Node means to change some day is for who maintains this, and noise for who uses it.
process.noDeprecation = true;
process.exitCode = await run(process.argv.slice(2));
