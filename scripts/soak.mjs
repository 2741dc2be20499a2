/**
 * npm run soak [-- [NAME] ARGUMENTS]: the set-up, then the long tests of tests/soak, one after the other, or the one of
 * that name with its arguments. A line tells how each went; one that fails does not keep the others.
 */
import { basename } from "node:path";
import { ScriptError, run, script, since } from "./lib/process.mjs";
import { filesBelow } from "./lib/stamp.mjs";
import { setup } from "./setup.mjs";

await script(async () => {
  const [first = "", ...rest] = process.argv.slice(2);
  const all = filesBelow(["tests/soak"]).filter((file) => file.endsWith(".soak.mjs"));
  const name = (/** @type {string} */ file) => basename(file, ".soak.mjs");
  const isName = first !== "" && Number.isNaN(Number(first));
  const files = isName ? all.filter((file) => name(file) === first) : all;
  if (files.length === 0) {
    throw new ScriptError(
      `There is no soak test "${first}": there are ${all.map(name).join(", ")}.`,
    );
  }
  await setup();
  const results = [];
  for (const [i, file] of files.entries()) {
    console.log(`[${i + 1}/${files.length}] ${name(file)}`);
    const start = performance.now();
    const { status } = await run(process.execPath, [
      file,
      ...(isName ? rest : process.argv.slice(2)),
    ]);
    if (status !== 0) process.exitCode = status;
    results.push(`${name(file)}: ${status === 0 ? "passed" : "FAILED"} in ${since(start)}`);
  }
  for (const line of results) console.log(line);
});
