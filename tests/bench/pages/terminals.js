// What terminals.js of the benches measures in a page: programs that are stopped, and a flood into xterm.js.
import { Nidus } from "../../../web/nidus.js";
import { Terminal } from "../../../node_modules/@xterm/xterm/lib/xterm.mjs";

const size = { cols: 80, rows: 24 };
/** What has not ended after so many milliseconds is told as that. */
const PATIENCE = 5000;
const FLOOD_PATIENCE = 180_000;

/**
 * @template T
 * @param {number} ms
 * @param {T} value
 * @returns {Promise<T>}
 */
const after = (ms, value) => new Promise((resolve) => setTimeout(resolve, ms, value));

/** @param {string} name */
async function booted(name) {
  const system = await Nidus.boot();
  const bytes = await (await fetch(`/guests/${name}`)).arrayBuffer();
  await system.fs.writeFile("/home/guest", new Uint8Array(bytes));
  return system;
}

/**
 * How long a signal, or ^C, takes to end a program in the middle of what it does, in milliseconds.
 * @param {string} guest
 * @param {"direct" | "interp"} tier
 * @param {"SIGINT" | "SIGKILL" | "^C"} by
 * @param {number} rounds
 */
async function stops(guest, tier, by, rounds) {
  const system = await booted(guest);
  const times = [];
  let restarts = 0;
  system.on("restart", () => restarts++);
  for (let i = 0; i < rounds; i++) {
    const process = await system.spawn("./guest", [], { terminal: size, tier });
    const reader = process.output.getReader();
    const drain = async () => {
      while (!(await reader.read()).done);
    };
    drain();
    // It is on its way: another call has been answered since, and some time has passed, never the same.
    await Promise.race([system.fs.stat("/home/guest").catch(() => {}), after(500, null)]);
    await after(20 + 7 * i, null);
    const begin = performance.now();
    if (by === "^C") process.type("\x03");
    else process.kill(by);
    const ended = await Promise.race([process.exit, after(PATIENCE, null)]);
    times.push(ended ? performance.now() - begin : PATIENCE);
    if (!ended) break;
  }
  await Promise.race([system.close(), after(PATIENCE, null)]);
  return { times, restarts };
}

/**
 * So many megabytes of lines, all of them into a terminal: how long it takes, and the time between frames.
 * @param {string} guest
 * @param {"direct" | "interp"} tier
 * @param {number} megabytes
 */
async function floods(guest, tier, megabytes) {
  const system = await booted(guest);
  const screen = new Terminal({ ...size, scrollback: 5000 });
  screen.open(/** @type {HTMLElement} */ (document.getElementById("terminal")));
  /** @type {number[]} */
  const frames = [];
  let running = true;
  const frame = (/** @type {number} */ now) => {
    frames.push(now);
    if (running) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  const process = await system.spawn("./guest", [String(megabytes)], { terminal: size, tier });
  const reader = process.output.getReader();
  const begin = performance.now();
  let bytes = 0;
  while (performance.now() - begin < FLOOD_PATIENCE) {
    const { done, value } = await reader.read();
    if (done) break;
    bytes += value.length;
    await new Promise((resolve) => screen.write(value, () => resolve(undefined)));
  }
  const seconds = (performance.now() - begin) / 1000;
  running = false;
  const gaps = frames.slice(1).map((at, i) => at - /** @type {number} */ (frames[i]));
  await Promise.race([system.close(), after(PATIENCE, null)]);
  return { seconds, bytes, perSecond: gaps.length / seconds, gaps };
}

Object.assign(globalThis, {
  job: (/** @type {"stops" | "floods"} */ what, /** @type {[any, any, any, any]} */ ...args) =>
    what === "stops" ? stops(...args) : floods(...args),
});
