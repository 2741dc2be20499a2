/** npm run soak [-- ARGUMENTS]: the set-up, then the long tests of tests/soak, one after the other. */
import { ScriptError, run, script } from "./lib/process.mjs";
import { filesBelow } from "./lib/stamp.mjs";
import { setup } from "./setup.mjs";

await script(async () => {
  const files = filesBelow(["tests/soak"]).filter((file) => /\.soak\.m?js$/.test(file));
  if (files.length === 0) throw new ScriptError("There are no soak tests in tests/soak yet.");
  await setup();
  for (const file of files) {
    console.log(file);
    const { status } = await run(process.execPath, [file, ...process.argv.slice(2)]);
    if (status !== 0) process.exitCode = status;
  }
});
