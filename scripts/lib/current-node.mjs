/**
 * A current Node beside the one that runs the scripts, which may be the oldest that Nidus supports: of the npm package that
 * has its program for this platform, kept below build/, so that neither the package nor its set-up depends on it.
 */
import { join } from "node:path";
import { ask, root, run } from "./process.mjs";

/** The newest release that npm had for each platform when this line was last changed. */
export const CURRENT_NODE = "26.10.0";

/** Longer than this nobody waits for an optional download. */
const DOWNLOAD_MINUTES = 5;

/**
 * The path of its program: what is there, or downloaded now; or why it cannot be had.
 * @returns {Promise<{program: string, reason?: undefined} | {program?: undefined, reason: string}>}
 */
export async function currentNode() {
  const here = process.versions.node.split(".").map(Number)[0];
  if (here >= Number(CURRENT_NODE.split(".")[0])) return { program: process.execPath };
  const name = `node-${process.platform}-${process.arch}`;
  const folder = join("build", "current-node");
  const program = join(root, folder, "node_modules", name, "bin", "node");
  const works = () => ask(program, ["--version"])?.trim() === `v${CURRENT_NODE}`;
  if (works()) return { program };
  console.log(`Node ${CURRENT_NODE} is downloaded to ${folder}`);
  const flags = ["--no-save", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund"];
  // Who has no network is to know it at once.
  const args = ["install", "--prefix", folder, ...flags, "--fetch-retries=1"];
  const { status, output } = await run("npm", [...args, `${name}@${CURRENT_NODE}`], {
    quiet: true,
    minutes: DOWNLOAD_MINUTES,
  });
  if (works()) return { program };
  const code = /npm error code (\w+)/.exec(output)?.[1] ?? `status ${status}`;
  return {
    reason:
      status === 0
        ? `the program of ${name}@${CURRENT_NODE} does not run on this system`
        : `npm could not install ${name}@${CURRENT_NODE} (${code}); with a network, run npm test -- current-node`,
  };
}
