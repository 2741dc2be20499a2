/**
 * `nidus fsck`: whether a volume in a file is whole, and its repair.
 */

import { NidusError, messageOf } from "../web/errors.js";
import { kernelBytes } from "./assets.js";
import { mountImageFile } from "./image.js";
import { System } from "./system.js";

const WHOLE = 0;
const REPAIRED = 1;
const DAMAGED = 2;
/** It cannot be checked: as a shell says of what it cannot run. */
const NOT_CHECKED = 126;

/**
 * @param {string[]} args
 * @param {(fd: 1 | 2, text: string) => void} write
 * @returns {Promise<number>} the exit code
 */
export async function fsck(args, write) {
  const files = args.filter((arg) => !arg.startsWith("-"));
  const [file] = files;
  const repair = args.includes("--repair");
  if (file === undefined || args.length !== files.length + Number(repair) || files.length > 1) {
    write(2, "nidus fsck takes the file of one volume, and --repair; see nidus help\n");
    return NOT_CHECKED;
  }
  try {
    const system = await System.create({ kernel: kernelBytes() });
    const volume = await mountImageFile(system, "/volume", file, { repair, readOnly: !repair });
    const sentences = await volume.check();
    for (const sentence of sentences) write(1, `${file}: ${sentence}\n`);
    volume.close();
    const whole = sentences.length === 0;
    const verdict = repair ? "repaired" : "damaged; nidus fsck --repair keeps what can be read";
    write(1, `${file}: ${whole ? "whole" : verdict}\n`);
    return whole ? WHOLE : repair ? REPAIRED : DAMAGED;
  } catch (error) {
    write(2, `nidus fsck: ${messageOf(error)}\n`);
    return error instanceof NidusError && error.code === "EIO" ? DAMAGED : NOT_CHECKED;
  }
}
