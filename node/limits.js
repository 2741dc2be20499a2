/**
 * Limits of `nidus run`: from the command line to what the system takes; and on the direct tier, where the host's own
 * WebAssembly executes the program, those of memory and of time.
 */

import { Worker } from "node:worker_threads";
import { NidusError } from "../web/errors.js";

/** @typedef {import("../web/process.js").Limits} Limits */

/** The names on the command line. @type {Record<string, keyof Limits>} */
const NAMES = {
  descriptors: "descriptors",
  "file-size": "fileSize",
  output: "output",
  memory: "memory",
  time: "time",
};

const PAGE = 65536;
/** Section of memories, and the flags of one: it has a maximum; its numbers may have 64 bits. */
const MEMORIES = 5;
const HAS_MAXIMUM = 1;
const IS_PLAIN = 1;

/**
 * NAME=NUMBER; null where it is no limit.
 * @param {string} text
 * @returns {Limits | null}
 */
export function parseLimit(text) {
  const [, name = "", value = ""] = /^([a-z-]+)=(\d+(?:\.\d+)?(?:e\d+)?)$/.exec(text) ?? [];
  const limit = Object.hasOwn(NAMES, name) ? NAMES[name] : undefined;
  return limit ? { [limit]: limit === "time" ? Number(value) : Math.floor(Number(value)) } : null;
}

/**
 * A module like this one whose own memories grow to `bytes` at most, so that growing beyond fails.
 * @param {Uint8Array<ArrayBuffer>} module
 * @param {number} bytes
 * @param {string} name for messages
 */
export function lowerMemory(module, bytes, name) {
  let at = 8;
  const number = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = module[at++];
      // What ends too early, the compiler explains.
      if (byte === undefined || shift > 28) throw new RangeError();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  try {
    for (;;) {
      const begin = at;
      const id = module[at++];
      if (id === undefined) return module;
      const size = number();
      if (id !== MEMORIES) {
        at += size;
        continue;
      }
      const end = at + size;
      const most = Math.min(Math.floor(bytes / PAGE), PAGE);
      const body = leb(number());
      while (at < end) {
        const flags = number();
        if (flags > IS_PLAIN) throw tooSpecial(name);
        const least = number();
        const own = flags & HAS_MAXIMUM ? number() : PAGE;
        if (least > most) {
          throw new NidusError(
            "ENOMEM",
            `${name} cannot be run: it needs ${least * PAGE} bytes of memory to start, more than its limit ` +
              `of ${bytes}`,
          );
        }
        body.push(HAS_MAXIMUM, ...leb(least), ...leb(Math.min(own, most)));
      }
      const section = [MEMORIES, ...leb(body.length), ...body];
      return Buffer.concat([module.subarray(0, begin), Buffer.from(section), module.subarray(end)]);
    }
  } catch (error) {
    if (error instanceof RangeError) return module;
    throw error;
  }
}

/** @param {string} name */
function tooSpecial(name) {
  return new NidusError(
    "ENOTSUP",
    `${name} cannot have a limit of memory on the direct tier, since its memory is shared, 64-bit or of other ` +
      "pages; use --tier interp",
  );
}

/** @param {number} value @returns {number[]} */
function leb(value) {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >>> 7)];
}

/**
 * Ends this process after a time, as SIGXCPU does, saying why, even while a program computes in its
 * thread: what watches is another one. Answers what calls it off.
 * @param {number} seconds
 * @param {string} sentence
 * @returns {Promise<() => void>}
 */
export async function endAfter(seconds, sentence) {
  const source = `
    const { workerData } = require("node:worker_threads");
    const { end, sentence, pid, word } = workerData;
    for (;;) {
      const left = end - Date.now();
      if (left <= 0) break;
      if (Atomics.wait(word, 0, 0, Math.min(left, 2 ** 30)) !== "timed-out") process.exit();
    }
    if (Atomics.compareExchange(word, 0, 0, 1) !== 0) process.exit();
    require("node:fs").writeSync(2, sentence);
    process.kill(pid, "SIGXCPU");`;
  const word = new Int32Array(new SharedArrayBuffer(4));
  const end = Date.now() + seconds * 1000;
  const workerData = { end, sentence, pid: process.pid, word };
  const worker = new Worker(source, { eval: true, workerData });
  await new Promise((resolve) => worker.once("online", resolve));
  worker.unref();
  return () => {
    Atomics.store(word, 0, 1);
    Atomics.notify(word, 0);
  };
}
