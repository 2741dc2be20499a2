/**
 * Programs on the direct tier that share a thread and can be suspended there (JSPI): they are rewritten so that they
 * count down, and let the thread have a turn when they have computed for some milliseconds. So messages, timers and the
 * other programs have theirs, whatever one does, and a kill reaches it.
 *
 * ```
 *   guest: loop head, count < 0 ──▶ "nidus:check"[0] ──▶ shim ──▶ look   (JavaScript: what time is it?)
 *                                                             └──▶ pause  (suspends; its promise waits for a turn)
 * ```
 *
 * Invariants: no frame of JavaScript stands between guest and `pause`, which the shim therefore calls itself; a program that
 * has ended is ended by a trap, which it cannot catch; a module's start function runs before the shim is there, and
 * is counted only. What cannot be rewritten has no turns (programs.js says where it runs).
 */

import { turn } from "./engine-wasm.js";
import { LOOK_EARLY, LOOK_LATE, LOOK_LEAST, LOOK_MOST, TURN_AFTER, TURN_LEAST } from "./limits.js";
import { jspi } from "./process.js";
import { addChecks } from "./rewrite-checks.js";
import { lastTurn, tookTurn } from "./worker-streams.js";

/**
 * (module
 *   (import "" "count" (global (mut i64)))
 *   (import "" "look" (func (result i32)))
 *   (import "" "pause" (func (result i32)))
 *   (func (export "check") (local i32)
 *     (if (i32.eqz (local.tee 0 (call 0)))
 *       (then (if (i32.eqz (local.tee 0 (call 1))) (then unreachable))))
 *     (global.set 0 (i64.extend_i32_s (local.get 0)))))
 */
export const SHIM =
  "0061736d 01000000 01080260 00017f60 0000021c 03000563 6f756e74 037e0100 046c6f6f 6b000000 05706175 " +
  "73650000 03020101 07090105 63686563 6b00020a 1c011a01 017f1000 22004504 40100122 00450440 000b0b20 " +
  "00ac2400 0b";

/**
 * The turns that a runner's programs take.
 * @param {import("./process.js").Runner} runner
 * @param {import("./interp.js").EngineSource} [source] of rewrite.wasm
 */
export function turnsOf(runner, source) {
  return (runner.turns ??= new Turns(runner, source));
}

/**
 * The same, and makes it quick to rewrite the first program: hosts compile functions when they are first called, which takes
 * longer than a small program does.
 * @param {import("./process.js").Runner} runner
 * @param {import("./interp.js").EngineSource} [source]
 */
export async function warm(runner, source) {
  turnsOf(runner, source);
  await addChecks(bytesOf(SHIM), source);
}

/**
 * The place that code at `offset` came from; of what was inserted, the one where.
 * @param {Uint32Array} moved pairs, ascending
 * @param {number} offset
 */
function origin(moved, offset) {
  let [low, high] = [0, moved.length / 2];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (Number(moved[2 * middle + 1]) <= offset) low = middle;
    else high = middle;
  }
  const [from = 0, to = 0, next = Infinity] = moved.subarray(2 * low);
  return Math.min(from + offset - to, next);
}

/** @param {string} hex */
function bytesOf(hex) {
  return Uint8Array.from(hex.match(/\w\w/g) ?? [], (byte) => parseInt(byte, 16));
}

/** What the programs of one thread do to let each other have turns. */
class Turns {
  #runner;
  #source;
  #shim = new WebAssembly.Module(bytesOf(SHIM));
  /** Those with checks. @type {WeakMap<WebAssembly.Module, Omit<import("./rewrite-checks.js").Rewritten, "bytes">>} */
  #checked = new WeakMap();
  /** How many programs wait for one. */
  #waiting = 0;

  /**
   * @param {import("./process.js").Runner} runner
   * @param {import("./interp.js").EngineSource} [source] of rewrite.wasm
   */
  constructor(runner, source) {
    this.#runner = runner;
    this.#source = source;
  }

  /**
   * Compiles a program with checks.
   * @param {Uint8Array} bytes
   * @param {(bytes: Uint8Array) => Promise<WebAssembly.Module>} compile
   */
  async compile(bytes, compile) {
    const made = await addChecks(bytes, this.#source);
    const module = await compile(made?.bytes ?? bytes);
    if (made) this.#checked.set(module, { moved: made.moved, starts: made.starts });
    return module;
  }

  /**
   * Whether a module has checks that reach all it does. Clang's malloc has them (wasi-polyfill/src/rewriter.c).
   * @param {WebAssembly.Module} module
   * @param {object} [recycled] its instances are used again: it is the host's own, and can be asked
   */
  takes(module, recycled) {
    const checked = this.#checked.get(module);
    if (checked) return !checked.starts;
    const exports = recycled ? WebAssembly.Module.exports(module) : [];
    return exports.some(({ name }) => name === "nidus:check");
  }

  /**
   * Tells of a trap where it was in the program as it came.
   * @param {WebAssembly.Module | undefined} module
   * @param {NonNullable<import("./process.js").ExitStatus["trap"]>} trap
   */
  locate(module, trap) {
    const moved = module && this.#checked.get(module)?.moved;
    // Other modules may be on the stack, but none is below the program's entry.
    const own = /([^ (@]*wasm-function\[)\d+\]:\w+\)?$/.exec(trap.stack)?.[1];
    if (!moved || !own) return;
    trap.stack = trap.stack.replace(
      /([^ (@]*wasm-function\[)(\d+\]:0x)(\w+)/g,
      (place, from, index, offset) =>
        from === own ? from + index + origin(moved, parseInt(offset, 16)).toString(16) : place,
    );
  }

  /**
   * Makes an instance look at the clock, if its module has checks.
   * @param {WebAssembly.Module} module
   * @param {WebAssembly.Exports} exports
   * @param {WebAssembly.Global} pid whom it serves
   * @param {object} [recycled]
   */
  join(module, exports, pid, recycled) {
    if (!this.#checked.has(module) && !this.takes(module, recycled)) return;
    const table = /** @type {WebAssembly.Table} */ (exports["nidus:check"]);
    const count = /** @type {WebAssembly.Global} */ (exports["nidus:count"]);
    // It has no code at all.
    if (!table) return;
    let next = LOOK_MOST;
    let last = performance.now();
    /** How far to count until the next look; 0: it has had its time. */
    const look = () => {
      const now = performance.now();
      if (now - last > LOOK_LATE) next = Math.max(next >> 3, LOOK_LEAST);
      else if (now - last < LOOK_EARLY) next = Math.min(next * 2, LOOK_MOST);
      last = now;
      const time = Math.max(TURN_AFTER / (1 + this.#waiting), TURN_LEAST);
      return now - lastTurn < time ? next : 0;
    };
    /** The same after a turn of the thread; 0: it has been ended. */
    const pause = async () => {
      this.#waiting++;
      await turn();
      this.#waiting--;
      tookTurn();
      last = lastTurn;
      return this.#runner.hasEnded(pid.value) ? 0 : next;
    };
    const shim = new WebAssembly.Instance(this.#shim, {
      "": { count, look, pause: new jspi.Suspending(pause) },
    });
    table.set(0, shim.exports.check);
    count.value = BigInt(next);
  }
}

/** @typedef {Turns} RunnerTurns */
