/**
 * Compile and run, once: what the Run button does, from the command line that is shown to the exit code.
 *
 * Invariant: one run at a time; whatever way it ends, the terminal is free again and the state is told.
 */

import { HOME } from "./files.js";

/** @typedef {import("nidus").Nidus} Nidus */
/** @typedef {Awaited<ReturnType<Nidus["spawn"]>>} Process */
/** @typedef {import("./terminal.js").Terminal} Terminal */
/** @typedef {import("../../web/toolchain/commands.js").Diagnostic} Diagnostic */

/** @typedef {"loading" | "ready" | "compiling" | "running" | "waiting" | "exited" | "stopped" | "failed"} State */

/**
 * @typedef {object} Order
 * @property {string} source the file to compile, relative to /home
 * @property {string} flags
 * @property {string} args
 */

export class Runner {
  /** @type {Process | null} */
  #process = null;
  #busy = false;
  #stopped = false;

  /**
   * @param {Nidus} system
   * @param {Terminal} terminal
   * @param {{state: (state: State, text: string) => void, diagnostics: (found: Diagnostic[]) => void}} events
   */
  constructor(system, terminal, events) {
    this.system = system;
    this.terminal = terminal;
    this.events = events;
  }

  get busy() {
    return this.#busy;
  }

  /** @param {Order} order */
  async run({ source, flags, args }) {
    if (this.#busy) return;
    this.#busy = true;
    this.#stopped = false;
    const { terminal, events } = this;
    try {
      const program = source.replace(/\.[^./]*$/, "");
      const compiler = /\.(cc|cpp|cxx|C|hpp)$/.test(source) ? "c++" : "cc";
      const command = [compiler, ...words(flags), source, "-o", program];
      events.state("compiling", `Compiling ${source}`);
      terminal.clear();
      await terminal.note(`$ ${command.map(quote).join(" ")}`);
      const compiled = await this.#execute(command, false);
      events.diagnostics(compiled.diagnostics ?? []);
      if (this.#stopped) return events.state("stopped", "Stopped");
      if (compiled.code !== 0) {
        return events.state("failed", `Not compiled: exit code ${compiled.code}`);
      }
      const line = [`./${program}`, ...words(args)];
      events.state("running", "Running");
      await terminal.note(`$ ${line.map(quote).join(" ")}`);
      terminal.focus();
      const begin = performance.now();
      const { code, signal, trap } = await this.#execute(line, true);
      const took = formatTime(performance.now() - begin);
      if (this.#stopped) {
        await terminal.note(`stopped after ${took}`);
        events.state("stopped", `Stopped after ${took}`);
      } else if (trap) {
        await terminal.note(`${program} was ended: ${trap.message}`, "error");
        events.state("failed", `Crashed: ${trap.message}`);
      } else {
        const how = signal ?? `exit code ${code}`;
        await terminal.note(`${how}, ${took}`);
        events.state(code === 0 ? "exited" : "failed", `Ended: ${how}, ${took}`);
      }
    } catch (thrown) {
      const message = thrown instanceof Error ? thrown.message : String(thrown);
      await terminal.note(message, "error");
      events.state("failed", "Failed");
    } finally {
      terminal.connect(null);
      this.#process = null;
      this.#busy = false;
    }
  }

  /** Ends what runs. */
  stop() {
    if (!this.#busy) return;
    this.#stopped = true;
    this.#process?.kill("SIGINT");
  }

  /**
   * @param {string[]} line
   * @param {boolean} reads it may wait for what is typed, which is to be told
   */
  async #execute([command = "", ...args], reads) {
    const { system, terminal, events } = this;
    const process = await system.spawn(command, args, { cwd: HOME, terminal: terminal.size });
    this.#process = process;
    if (this.#stopped) process.kill("SIGINT");
    terminal.connect(process);
    if (reads) {
      process.onwaiting = (waiting) =>
        waiting ? events.state("waiting", "Waiting for input") : events.state("running", "Running");
    }
    const reader = process.output.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      // The program waits while the terminal is behind.
      await terminal.write(value);
    }
    process.onwaiting = null;
    const status = await process.exit;
    // Ctrl-C in the terminal is like Stop.
    if (status.signal === "SIGINT") this.#stopped = true;
    return { ...status, diagnostics: process.diagnostics };
  }
}

/**
 * The words of a line, as a shell without variables would see them.
 * @param {string} line
 */
export function words(line) {
  const found = line.match(/(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+/g) ?? [];
  return found.map((word) =>
    word.replace(/\\(.)|"((?:[^"\\]|\\.)*)"|'([^']*)'/g, (_, plain, double, single) =>
      plain !== undefined ? plain : double !== undefined ? double.replace(/\\(.)/g, "$1") : single,
    ),
  );
}

/** @param {string} word */
function quote(word) {
  return /^[\w./=+:,@%-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** @param {number} milliseconds */
function formatTime(milliseconds) {
  return milliseconds < 1000
    ? `${Math.round(milliseconds)} ms`
    : `${(milliseconds / 1000).toFixed(1)} s`;
}
