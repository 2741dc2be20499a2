/**
 * `nidus run`: one program, with the streams of this process and the folders it is given.
 */

import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { NidusError, signalNumber } from "../web/errors.js";
import { archiveBytes, engineBytes, kernelBytes } from "./assets.js";
import { HostFolders } from "./host.js";
import { endAfter, lowerMemory, parseLimit } from "./limits.js";
import { FdInput, FdOutput, waitFor } from "./stdio.js";
import { System } from "./system.js";
import { traceCalls } from "./trace.js";
import { listen } from "./wire.js";

/** What a process waits for: a clock. */
const CLOCK = 1;
/** Seconds after which a program whose time is over is ended from outside. */
const LATE = 2;
/** 128 + SIGPIPE: what a shell reports of a program whose reader went away. */
const BROKEN_PIPE = 141;

/**
 * @typedef {object} RunArguments
 * @property {{host: string, guest: string}[]} dirs
 * @property {{file: string, guest: string}[]} volumes
 * @property {Record<string, string>} env
 * @property {string[]} listens addresses
 * @property {"direct" | "interp" | "auto"} tier
 * @property {import("../web/process.js").Limits} limits
 * @property {boolean} trace
 * @property {string} program
 * @property {string[]} args
 */

/**
 * @param {string} sentence
 */
function usage(sentence) {
  return new NidusError("EUSAGE", `${sentence}; see nidus help run`);
}

/**
 * @param {string[]} args
 * @returns {RunArguments}
 */
export function parseRun(args) {
  /** @type {RunArguments} */
  const parsed = {
    dirs: [],
    volumes: [],
    env: {},
    listens: [],
    tier: "auto",
    limits: {},
    trace: false,
    program: "",
    args: [],
  };
  const rest = [...args];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg === "--") arg = rest.shift();
    else if (arg === "--trace") {
      parsed.trace = true;
      continue;
    } else if (arg.startsWith("-") && arg !== "-") {
      const [name = "", attached] = splitOnce(arg, "=");
      if (
        !["--dir", "--volume", "--env", "--tier", "--fuel", "--limit", "--listen"].includes(name)
      ) {
        throw usage(`there is no option ${name} of nidus run`);
      }
      const value = attached ?? rest.shift();
      if (value === undefined) throw usage(`the option ${name} needs a value`);
      takeOption(parsed, name, value);
      continue;
    }
    if (arg === undefined) break;
    return { ...parsed, program: arg, args: rest };
  }
  throw usage("nidus run needs a program to run");
}

/**
 * @param {RunArguments} parsed
 * @param {string} name
 * @param {string} value
 */
function takeOption(parsed, name, value) {
  const separator = name === "--dir" || name === "--volume" ? "::" : "=";
  const [left = "", right] = splitOnce(value, separator);
  switch (name) {
    case "--dir":
      if (left === "" || right === "") throw usage(`--dir ${value} lacks a folder: HOST::GUEST`);
      parsed.dirs.push({ host: left, guest: right ?? left });
      return;
    case "--volume":
      if (left === "" || right?.startsWith("/") === false) {
        throw usage(`--volume takes FILE or FILE::PATH, with an absolute PATH, not ${value}`);
      }
      parsed.volumes.push({ file: left, guest: right ?? "/home" });
      return;
    case "--env":
      if (left === "") throw usage(`--env ${value} lacks a name: NAME=VALUE`);
      if (right !== undefined) parsed.env[left] = right;
      else if (process.env[left] !== undefined) parsed.env[left] = process.env[left] ?? "";
      return;
    case "--listen":
      parsed.listens.push(value);
      return;
    case "--tier":
      if (value !== "direct" && value !== "interp" && value !== "auto") {
        throw usage(`there is no tier "${value}": it is direct, interp or auto`);
      }
      parsed.tier = value;
      return;
    case "--fuel":
      if (!/^\d{1,19}$/.test(value))
        throw usage(`--fuel takes a number of instructions, not ${value}`);
      parsed.limits.fuel = BigInt(value);
      return;
    case "--limit": {
      const limit = parseLimit(value);
      if (limit === null) {
        throw usage(
          `--limit takes descriptors=N, file-size=BYTES, output=BYTES, memory=BYTES or time=SECONDS, not ${value}`,
        );
      }
      Object.assign(parsed.limits, limit);
    }
  }
}

/**
 * @param {string} text
 * @param {string} separator
 * @returns {[string, string | undefined]}
 */
function splitOnce(text, separator) {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}

/**
 * A system on the streams of this process, which is ended when nobody reads its output any more.
 * @param {Record<string, string>} env
 * @param {boolean} [trace] tell the calls of programs on standard error
 */
export async function bootCommandLine(env, trace = false) {
  const stdin = new FdInput(0);
  const broken = () => process.exit(BROKEN_PIPE);
  const stderr = new FdOutput(2, broken);
  /** @type {System} */
  const system = await System.create({
    kernel: kernelBytes(),
    archives: archiveBytes,
    engine: engineBytes,
    folders: new HostFolders(),
    env,
    jspi: false,
    waitSync: (_pid, kinds, deadline) => {
      // Who waits for input alone may wait for ever.
      system.storeImages((kinds & CLOCK) !== 0);
      return waitFor(
        stdin,
        kinds,
        kinds & CLOCK ? Number(deadline) / 1e6 - performance.now() : Infinity,
      );
    },
  });
  if (trace) {
    traceCalls(system.kernel, (line) => {
      for (let at = 0; at < line.length;) {
        const count = stderr.write(line.subarray(at));
        if (count < 0) break;
        at += count;
      }
    });
  }
  /** @type {[FdInput, FdOutput, FdOutput]} */
  const streams = [stdin, new FdOutput(1, broken), stderr];
  return { system, streams };
}

/**
 * The exit code of this process for the status of another; says on standard error why it trapped.
 * @param {import("../web/system.js").ExitStatus} status
 * @param {string} name
 */
export function report(status, name) {
  if (status.trap !== null) {
    const where = status.trap.stack === "" ? "" : `\n${status.trap.stack}`;
    process.stderr.write(`nidus: ${name} was stopped: ${status.trap.message}${where}\n`);
  }
  if (status.limit) process.stderr.write(stopped(name, status.limit));
  if (status.signal !== null) return 128 + signalNumber(status.signal);
  return status.code ?? 1;
}

/**
 * Which limit has ended a program.
 * @param {string} name
 * @param {NonNullable<import("../web/system.js").ExitStatus["limit"]>} limit
 */
function stopped(name, limit) {
  const why = {
    fuel: "its fuel is used up (see --fuel)",
    time: "its time is used up (see --limit)",
    output: "it has written as much as it may (see --limit)",
  };
  return `nidus: ${name} was stopped: ${why[limit]}\n`;
}

/**
 * @param {string[]} args
 * @returns {Promise<number>} the exit code
 */
export async function run(args) {
  const {
    dirs,
    volumes,
    env,
    listens,
    tier,
    trace,
    program,
    args: guestArgs,
    ...parsed
  } = parseRun(args);
  /** @type {Uint8Array<ArrayBuffer>} */
  let bytes = readProgram(program);
  let { limits } = parsed;
  const sockets = await Promise.all(listens.map(listenFor));
  if (sockets.length > 0 && !env.LISTEN_FDS) {
    // As systemd and its followers tell it.
    env.LISTEN_FDS = String(sockets.length);
    env.LISTEN_FDS_FIRST_FD = String(3 + dirs.length);
  }
  let calledOff = () => {};
  const watched = async (/** @type {number | undefined} */ seconds) => {
    if (seconds !== undefined) calledOff = await endAfter(seconds, stopped(program, "time"));
  };
  const { time: seconds } = limits;
  if (tier === "direct") {
    // On this tier, these two are kept here; who has none of them loads nothing for it.
    const { memory, time, ...others } = limits;
    limits = others;
    if (memory !== undefined) bytes = lowerMemory(bytes, memory, program);
    await watched(time);
  }
  // Compiled while the system boots; if that fails, `spawn` says why.
  const direct =
    tier === "direct" && limits.fuel === undefined
      ? WebAssembly.compile(bytes).catch(() => null)
      : null;
  const { system, streams } = await bootCommandLine(env, trace);
  /** @type {Record<string, string>} */
  const preopens = {};
  for (const [number, { host, guest }] of dirs.entries()) {
    // A relative name says nothing of a place in the tree.
    const path = guest.startsWith("/") && !/^\/+$/.test(guest) ? guest : `/mnt/${number}`;
    await system.mount(path, { type: "host", folder: host });
    preopens[guest] = path;
  }
  for (const { file, guest } of volumes) {
    await system.mount(guest, { type: "image", file });
    preopens[guest] = guest;
  }
  const options = { preopens, streams, sockets, argv0: basename(program), tier, limits };
  const guest = await system.spawn((await direct) ?? bytes, guestArgs, options);
  // The interpreter ends a program by itself, unless that is held up by a write that nobody takes.
  if (tier !== "direct" && seconds !== undefined) await watched(seconds + LATE);
  guest.start();
  const status = await guest.exit;
  calledOff();
  streams[0].close();
  for (const socket of sockets) socket.close();
  // What cannot be stored is an error of this command, whatever the program said.
  await system.close();
  return report(status, program);
}

/** @param {string} address */
async function listenFor(address) {
  const listener = await listen(address);
  if (address.endsWith(":0")) process.stderr.write(`nidus run: listening on ${listener.address}\n`);
  return listener;
}

/** @param {string} path */
function readProgram(path) {
  try {
    return readFileSync(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/,[^,]*$/, "") : String(error);
    throw new NidusError("ENOENT", `cannot read ${path}: ${reason}`);
  }
}
