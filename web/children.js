/**
 * Running what programs have spawned: processes that the kernel has made whole (family.h) and that wait for what executes
 * them. Loaded when a program first spawns another.
 */

import { NidusError, messageOf } from "./errors.js";
import { AUTO, INTERP, chooseTier, isLimited } from "./programs.js";
import { oversee, runCommand } from "./spawn.js";
import { toBytes } from "./streams.js";

/** @typedef {import("./system.js").System} System */

/** In what `nidus_process_take` answers, besides the process id (family.h). */
const PIPE = 0x1_0000;
const STREAM = 0x2_0000;
/** Exit codes, as shells have them: it was found but cannot be run, it was not found. */
const CANNOT_RUN = 126;
const NOT_FOUND = 127;

/**
 * Runs the processes that programs have spawned, which are complete in the kernel. What cannot be run says so on its
 * standard error and exits as a shell would tell it.
 * @param {System} system
 */
export function runChildren(system) {
  const { kernel, runner, sync } = system;
  for (;;) {
    const [taken, parent, argc, name, path, key, cwd, ...strings] = kernel.ask(
      "nidus_process_take",
      [],
    );
    if (taken === 0) return;
    const pid = taken % PIPE;
    const waits = { inputLater: (taken & STREAM) !== 0, pipe: (taken & PIPE) !== 0 };
    const limits = system.running.get(Number(parent))?.limits ?? {};
    const say = (/** @type {string} */ sentence) => {
      try {
        sync.write(2, toBytes(`${sentence}\n`), "", pid);
      } catch {} // Nobody reads it.
    };
    const child = oversee(system, pid, limits, {}, async (signal) => {
      try {
        const program = await findChild(system, name, path, key, waits, limits);
        if (typeof program !== "function") {
          return await runner.run(pid, program, (trap) =>
            say(`${name} was stopped: ${trap.message}`),
          );
        }
        const [argv0, ...args] = strings.slice(0, Number(argc));
        const env = Object.fromEntries(
          strings.slice(Number(argc), -1).map((pair) => {
            const [, variable = pair, value = ""] = /^(.*?)=(.*)$/s.exec(pair) ?? [];
            return [variable, value];
          }),
        );
        const places = [{}, {}, {}];
        return await runCommand(program, { system, pid, argv0, args, cwd, env, signal }, places);
      } catch (error) {
        const { code } = /** @type {{code?: string}} */ (error);
        say(messageOf(error).replace(/^E[A-Z]+: /, ""));
        kernel.exports.nidus_process_end(pid, code === "ENOENT" ? NOT_FOUND : CANNOT_RUN);
        return runner.finish(pid);
      }
    });
    child.start();
  }
}

/**
 * What to run as a process that a program has spawned: a command of the system's, or the file that the kernel found.
 * @param {System} system
 * @param {string} name as it was spawned
 * @param {string} path
 * @param {string} key
 * @param {{inputLater: boolean, pipe: boolean}} waits
 * @param {import("./process.js").Limits} limits
 */
async function findChild(system, name, path, key, waits, limits) {
  const given = name.includes("/") ? undefined : system.commands.get(name);
  if (typeof given === "function") return /** @type {import("./system.js").Command} */ (given);
  if (!given && !path) throw new NidusError("ENOENT", `${name}: command not found`);
  const way = isLimited(limits) ? INTERP : AUTO;
  return chooseTier(system, { ...waits, way, path: given ? "" : path, key, given, name, limits });
}
