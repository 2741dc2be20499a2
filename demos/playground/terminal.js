/**
 * The terminal pane: xterm.js, connected with bytes. Echo, line editing, and what Ctrl-C does are the terminal's of
 * the program, in the kernel.
 */

import { FitAddon } from "@xterm/addon-fit";
import { Terminal as Xterm } from "@xterm/xterm";

const DIM = "\x1b[90m";
const RED = "\x1b[31m";
const PLAIN = "\x1b[0m";
/** A backspace at the left edge goes back to the line above, which a long input came from. */
const WRAP_BACK = "\x1b[?45h";
/**
 * @typedef {object} Reader who gets what is typed
 * @property {(bytes: Uint8Array) => void} type
 * @property {(cols: number, rows: number) => void} resize
 */

export class Terminal {
  #xterm;
  #fit = new FitAddon();
  /** @type {Reader | null} */
  #reader = null;
  #encoder = new TextEncoder();

  /** @param {HTMLElement} parent */
  constructor(parent) {
    this.#xterm = new Xterm({
      cursorBlink: true,
      fontSize: 14,
      lineHeight: 1.15,
      scrollback: 5000,
      fontFamily: getComputedStyle(document.documentElement).getPropertyValue("--mono"),
      theme: theme(),
    });
    this.#xterm.loadAddon(this.#fit);
    this.#xterm.open(parent);
    this.#xterm.write(WRAP_BACK);
    this.#xterm.textarea?.setAttribute("aria-label", "Terminal input");
    this.#xterm.onData((data) => this.#typed(this.#encoder.encode(data)));
    // Some reports of the mouse are no text.
    this.#xterm.onBinary((data) => this.#typed(Uint8Array.from(data, (c) => c.charCodeAt(0))));
    this.#xterm.onResize(({ cols, rows }) => this.#reader?.resize(cols, rows));
    // Ctrl-Enter and Tab belong to the page, not to the program.
    this.#xterm.attachCustomKeyEventHandler(
      (event) =>
        !(event.key === "Tab" || (event.key === "Enter" && (event.ctrlKey || event.metaKey))),
    );
    new ResizeObserver(() => this.#fit.fit()).observe(parent);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.#xterm.options.theme = theme();
    });
  }

  get size() {
    return { cols: this.#xterm.cols, rows: this.#xterm.rows };
  }

  /** All text on the screen and above it. */
  get text() {
    const buffer = this.#xterm.buffer.active;
    /** @type {string[]} */
    const lines = [];
    for (let y = 0; y < buffer.length; y++) {
      const line = buffer.getLine(y);
      const text = line?.translateToString(true) ?? "";
      if (line?.isWrapped) lines.push(lines.pop() + text);
      else lines.push(text);
    }
    return lines.join("\n").trimEnd();
  }

  /**
   * From now on what is typed goes to `reader`.
   * @param {Reader | null} reader
   */
  connect(reader) {
    this.#reader = reader;
  }

  /**
   * Resolves when it is on the screen: whoever waits for that cannot flood the page.
   * @param {Uint8Array | string} output
   * @returns {Promise<void>}
   */
  write(output) {
    return new Promise((resolve) => this.#xterm.write(output, resolve));
  }

  /**
   * A line of the page's own, on a line of its own.
   * @param {string} text
   * @param {"dim" | "error"} [look]
   */
  async note(text, look = "dim") {
    await this.write("");
    const start = this.#xterm.buffer.active.cursorX > 0 ? "\r\n" : "";
    await this.write(
      `${start}${look === "dim" ? DIM : RED}${text.replaceAll("\n", "\r\n")}${PLAIN}\r\n`,
    );
  }

  clear() {
    this.#xterm.reset();
    this.#xterm.write(WRAP_BACK);
  }

  focus() {
    this.#xterm.focus();
  }

  /** What the button for phones does: Ctrl-D. */
  endInput() {
    this.#typed(this.#encoder.encode("\x04"));
    this.focus();
  }

  /** @param {Uint8Array} bytes */
  #typed(bytes) {
    this.#reader?.type(bytes);
  }
}

/** The page's colours, as they are now. */
function theme() {
  const style = getComputedStyle(document.documentElement);
  /** @param {string} name */
  const colour = (name) => style.getPropertyValue(name).trim();
  return {
    background: colour("--term"),
    foreground: colour("--text"),
    cursor: colour("--accent"),
    cursorAccent: colour("--term"),
    selectionBackground: colour("--selection"),
    red: colour("--error"),
    brightRed: colour("--error"),
    green: colour("--string"),
    brightGreen: colour("--string"),
    yellow: colour("--warning"),
    brightYellow: colour("--warning"),
    blue: colour("--type"),
    brightBlue: colour("--type"),
    magenta: colour("--keyword"),
    brightMagenta: colour("--keyword"),
    cyan: colour("--accent"),
    brightCyan: colour("--accent"),
    white: colour("--text"),
    brightWhite: colour("--text"),
    black: colour("--text"),
    brightBlack: colour("--soft"),
  };
}
