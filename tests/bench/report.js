// What the benches print: tables as they come, and every ratio once more at the end, so that the
// last lines of a run are the answer.
import { cpus, loadavg, totalmem } from "node:os";

/** @param {readonly number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** @param {readonly number[]} values */
export function geometricMean(values) {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/**
 * Three significant digits, and never an exponent.
 *
 * @param {number} value
 */
export function digits(value) {
  if (!Number.isFinite(value)) return "-";
  const whole = Math.max(0, Math.floor(Math.log10(Math.abs(value) || 1)) + 1);
  return value.toFixed(Math.max(0, 3 - Math.max(1, whole)));
}

/** @param {number} ns */
export function duration(ns) {
  if (!Number.isFinite(ns)) return "-";
  if (ns < 1e4) return `${digits(ns)} ns`;
  if (ns < 1e7) return `${digits(ns / 1e3)} us`;
  return ns < 1e10 ? `${digits(ns / 1e6)} ms` : `${digits(ns / 1e9)} s`;
}

export class Report {
  /** @type {string[]} */
  #ratios = [];
  /** @type {string[]} */
  #misses = [];
  #bench = "";

  machine() {
    const [cpu] = cpus();
    const memory = (totalmem() / 2 ** 30).toFixed(0);
    this.note(
      `machine: ${cpu?.model.trim() ?? "unknown processor"}, ${cpus().length} cores, ` +
        `${memory} GiB, ${process.platform} ${process.arch}`,
    );
    this.note(`node: ${process.version} (V8 ${process.versions.v8})`);
  }

  /** @param {string} name */
  begin(name) {
    this.#bench = name;
    this.note(`\n== ${name}`);
  }

  /** @param {string} text */
  note(text) {
    process.stdout.write(`${text}\n`);
  }

  /**
   * Columns are as wide as they need to be; all but the first are aligned to the right.
   *
   * @param {readonly string[]} head
   * @param {readonly (readonly string[])[]} rows
   */
  table(head, rows) {
    const widths = head.map((title, i) =>
      Math.max(title.length, ...rows.map((row) => (row[i] ?? "").length)),
    );
    for (const row of [head, ...rows])
      this.note(
        row
          .map((cell, i) => (i ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
          .join("  ")
          .trimEnd(),
      );
  }

  /**
   * One answer of the bench. With a limit, `ok` says whether the measured figure keeps it.
   *
   * @param {string} text
   * @param {boolean} [ok]
   */
  ratio(text, ok) {
    const verdict = ok === undefined ? "" : ok ? " (kept)" : " (MISSED)";
    const line = `${this.#bench}: ${text}${verdict}`;
    this.#ratios.push(line);
    if (ok === false) this.#misses.push(line);
  }

  /** Prints the ratios and returns how many limits were missed. */
  end() {
    this.note("\n== ratios");
    for (const line of this.#ratios) this.note(line);
    // One core's worth of load is the bench itself, and a little more its compilers and browser.
    const [load] = loadavg();
    if (load > 2)
      this.note(
        `warning: other work ran on this machine meanwhile (load ${load.toFixed(1)}): run it again alone`,
      );
    return this.#misses.length;
  }
}
