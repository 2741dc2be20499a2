/** npm run check: types (tsc) and format (Prettier) of the JavaScript, beside each other. Reads only. */
import { join } from "node:path";
import { must, script } from "./lib/process.mjs";

const tsc = join("node_modules", "typescript", "bin", "tsc");
const prettier = join("node_modules", "prettier", "bin", "prettier.cjs");

/** @param {string} what @param {string[]} args of Node */
const check = (what, args) => must(what, process.execPath, args);

await script(async () => {
  await Promise.all([
    check("The type check", [tsc, "-p", "."]),
    check("The type check of the playground", [tsc, "-p", join("demos", "playground")]),
    check("The format check", [prettier, "--check", "--log-level", "warn", "."]),
  ]);
  console.log("types: tsc --checkJs --strict found nothing");
  console.log("format: Prettier found nothing");
});
