/**
 * The terminal pane: xterm.js, and the line editing that a program reading with `scanf` expects of a
 * terminal: what is typed is echoed, can be corrected, and is sent line by line.
 *
 * Ctrl-D ends the input (or sends the line begun), Ctrl-C stops, Ctrl-U and Ctrl-W rub out.
 */

import { FitAddon } from "@xterm/addon-fit";
import { Terminal as Xterm } from "@xterm/xterm";

const ENTER = "\r";
const DIM = "\x1b[90m";
const RED = "\x1b[31m";
const PLAIN = "\x1b[0m";
/** All from the cursor to the end of the line. */
const ERASE = "\x1b[K";
/** A backspace at the left edge goes back to the line above, which a long input came from. */
const WRAP_BACK = "\x1b[?45h";
/** Characters that take two columns: East Asian wide ones and emoji. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;

/**
 * @typedef {object} Reader who gets what is typed
 * @property {(text: string) => void} send
 * @property {() => void} end
 * @property {() => void} interrupt
 */

export class Terminal {
  #xterm;
  #fit = new FitAddon();
  /** @type {Reader | null} */
  #reader = null;
  #line = "";

  /** @param {HTMLElement} parent */
  constructor(parent) {
    this.#xterm = new Xterm({
      convertEol: true,
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
    this.#xterm.onData((data) => this.#typed(data));
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
    this.#line = "";
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
    const start = this.#xterm.buffer.active.cursorX > 0 ? "\n" : "";
    await this.write(`${start}${look === "dim" ? DIM : RED}${text}${PLAIN}\n`);
  }

  clear() {
    this.#xterm.reset();
    this.#xterm.write(WRAP_BACK);
  }

  focus() {
    this.#xterm.focus();
  }

  /** What the button for phones does: the end of the input. */
  endInput() {
    this.#typed("\x04");
    this.focus();
  }

  /** @param {string} data */
  #typed(data) {
    if (!this.#reader) return;
    // Arrow keys and the like: there is nothing to move in a line this simple.
    if (data.startsWith("\x1b") && !data.startsWith("\x1b[200~")) return;
    const text = data.replace(/\x1b\[20[01]~/g, "").replace(/\r?\n/g, ENTER);
    for (const character of text) this.#key(character);
  }

  /** @param {string} character */
  #key(character) {
    switch (character) {
      case ENTER:
        this.#xterm.write("\n");
        this.#reader?.send(`${this.#line}\n`);
        this.#line = "";
        return;
      case "\x7f":
      case "\b":
        return this.#rubOut(1);
      case "\x15":
        return this.#rubOut([...this.#line].length);
      case "\x17":
        return this.#rubOut([...(/\S*\s*$/.exec(this.#line)?.[0] ?? "")].length);
      case "\x04":
        if (this.#line === "") this.#reader?.end();
        else this.#reader?.send(this.#line);
        this.#line = "";
        return;
      case "\x03":
        this.#xterm.write("^C");
        this.#line = "";
        return this.#reader?.interrupt();
      default:
        if (character < " ") return;
        this.#line += character;
        this.#xterm.write(character);
    }
  }

  /** @param {number} count of characters */
  #rubOut(count) {
    const characters = [...this.#line];
    for (const character of characters.splice(characters.length - count)) {
      this.#xterm.write(WIDE.test(character) ? `\b\b${ERASE}` : `\b${ERASE}`);
    }
    this.#line = characters.join("");
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
