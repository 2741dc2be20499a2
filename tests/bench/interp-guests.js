// The ten C programs of guests/interp, compiled for engines of every age.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { guest } from "./guests.js";

/** What every interpreter understands: the first version, and what all compilers have used since. */
const FLAGS =
  "-O2 -mcpu=mvp -mmutable-globals -msign-ext -mbulk-memory -mnontrapping-fptoint -mexec-model=reactor -Wall -Wextra -Werror";
/**
 * How much of its work each guest does per call: some 10 ms of a native interpreter.
 *
 * @type {readonly (readonly [program: string, work: number])[]}
 */
export const GUESTS = [
  ["integer", 10],
  ["float", 10],
  ["memory", 2],
  ["calls", 50],
  ["indirect", 10],
  ["bytecode", 5],
  ["compress", 5],
  ["hash", 40],
  ["sort", 2],
  ["words", 10],
];

/**
 * Puts them all into a folder, each as NAME.wasm.
 *
 * @param {string} folder
 */
export async function compileGuests(folder) {
  for (const [program] of GUESTS)
    writeFileSync(
      join(folder, `${program}.wasm`),
      await guest(`interp/${program}`, FLAGS.split(" ")),
    );
}
