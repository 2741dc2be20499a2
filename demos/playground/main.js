/**
 * The playground: an editor, a terminal and the files of one volume, put together.
 *
 * What is edited is saved by itself, half a second after the last change and before each run. Run
 * compiles the open file (or, while a header or a text is open, the program last run) with the flags given and
 * starts what came out; more files to compile can be named among the flags.
 */

import { Nidus } from "nidus";
import { byId } from "./dom.js";
import { Editor } from "./editor.js";
import { Files, HOME, formatBytes } from "./files.js";
import { Runner } from "./runner.js";
import { Terminal } from "./terminal.js";

const SAVE_AFTER = 500;
const LARGEST_EDITED = 2e6;
const DEFAULT_FLAGS = "-g -O1 -Wall";
const SOURCE = /\.(c|cc|cpp|cxx|C)$/;
const C_LIKE = /\.(c|cc|cpp|cxx|C|h|hh|hpp)$/;
const HELLO = String.raw`#include <stdio.h>

int main(void) {
    char name[64];

    printf("What is your name?\n");
    if (scanf("%63s", name) != 1) {
        printf("\nNo name given.\n");
        return 1;
    }
    printf("Hello, %s!\n", name);

    // Files stay here, also when the page is closed.
    FILE *visitors = fopen("visitors.txt", "a");
    if (visitors != NULL) {
        fprintf(visitors, "%s\n", name);
        fclose(visitors);
    }
    return 0;
}
`;

/** The playground's state between visits that is not a file. */
const settings = {
  /** @param {string} name @param {string} fallback */
  get(name, fallback) {
    try {
      return localStorage.getItem(`nidus-playground:${name}`) ?? fallback;
    } catch {
      return fallback; // Storage is denied: the defaults it is.
    }
  },
  /** @param {string} name @param {string} value */
  set(name, value) {
    try {
      localStorage.setItem(`nidus-playground:${name}`, value);
    } catch {
      // The same.
    }
  },
};

class Playground {
  #open = "";
  #editable = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #saveTimer;
  #unsaved = false;
  /** @type {import("../../web/toolchain/commands.js").Diagnostic[]} */
  #diagnostics = [];
  /** @type {Map<string, import("nidus").Progress>} */
  #progress = new Map();

  constructor() {
    this.terminal = new Terminal(byId("terminal"));
    this.editor = new Editor(byId("editor"), {
      onChange: () => this.#changed(),
      onRun: () => this.run(),
    });
    this.runButton = byId("run", HTMLButtonElement);
    this.stopButton = byId("stop", HTMLButtonElement);
    this.flags = byId("flags", HTMLInputElement);
    this.args = byId("arguments", HTMLInputElement);
    this.flags.value = settings.get("flags", DEFAULT_FLAGS);
    this.args.value = settings.get("arguments", "");
  }

  async start() {
    this.state("loading", "Starting");
    const name = new URLSearchParams(location.search).get("volume") ?? "playground";
    const system = await Nidus.boot({
      volume: `idb:${name}`,
      toolchain: new URL("clang/", document.baseURI),
      onProgress: (progress) => this.#showProgress(progress),
    });
    this.system = system;
    this.files = new Files(
      system.fs,
      { list: byId("files"), menu: byId("file-menu"), create: byId("new-file") },
      {
        open: (path) => this.open(path).catch((error) => this.#fail(error)),
        renamed: (from, to) => this.#renamed(from, to),
        removed: (path) => this.#removed(path),
      },
    );
    this.runner = new Runner(system, this.terminal, {
      state: (state, text) => this.state(state, text),
      diagnostics: (found) => {
        this.#diagnostics = found;
        this.#mark();
      },
    });
    this.#tellVolume();
    system.on("nopersist", () => this.#tellVolume());
    system.on("flusherror", (error) => this.#warn(error?.message ?? "Files could not be stored."));
    system.on("flush", () => this.#tellVolume());
    await this.files.refresh();
    if (this.files.entries.length === 0) {
      await system.fs.writeFile(`${HOME}/main.c`, HELLO);
      await this.files.refresh();
    }
    const paths = this.files.entries.map(({ path }) => path);
    const wanted = [settings.get("open", ""), "main.c", paths.find((path) => SOURCE.test(path))];
    await this.open(wanted.find((path) => path && paths.includes(path)) ?? paths[0] ?? "main.c");
    this.#listen();
    this.#loadCompiler(system);
  }

  /** @param {Nidus} system */
  async #loadCompiler(system) {
    this.state("loading", "Loading the compiler");
    this.runButton.disabled = false;
    try {
      await system.prepare();
      if (!this.runner?.busy) this.state("ready", "Ready");
    } catch (error) {
      this.#fail(error);
    }
    byId("progress").hidden = true;
  }

  #listen() {
    this.runButton.addEventListener("click", () => this.run());
    this.stopButton.addEventListener("click", () => this.runner?.stop());
    byId("clear").addEventListener("click", () => this.terminal.clear());
    byId("send-eof").addEventListener("click", () => this.terminal.endInput());
    byId("settings").addEventListener("submit", (event) => {
      event.preventDefault();
      this.run();
    });
    for (const field of [this.flags, this.args]) {
      field.addEventListener("input", () => settings.set(field.name, field.value));
    }
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.defaultPrevented)
        return;
      event.preventDefault();
      this.run();
    });
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "hidden") this.save().catch(() => {});
    });
  }

  async run() {
    const { runner, files } = this;
    if (!runner || !files || runner.busy || this.runButton.disabled) return;
    const source = SOURCE.test(this.#open) ? this.#open : settings.get("ran", "main.c");
    settings.set("ran", source);
    this.runButton.disabled = true;
    this.stopButton.disabled = false;
    try {
      await this.save();
      await runner.run({ source, flags: this.flags.value, args: this.args.value });
    } catch (error) {
      this.#fail(error);
    }
    this.stopButton.disabled = true;
    this.runButton.disabled = false;
    await files.refresh().catch((error) => this.#fail(error));
    await this.#reload();
  }

  /** @param {string} path relative to /home */
  async open(path) {
    await this.save();
    const bytes = await this.#fs.readFile(`${HOME}/${path}`);
    const isText = bytes.length <= LARGEST_EDITED && !bytes.subarray(0, 8192).includes(0);
    const isProgram = bytes[0] === 0 && bytes[1] === 0x61 && bytes[2] === 0x73 && bytes[3] === 0x6d;
    const kind = isProgram ? "a WebAssembly program" : isText ? "text" : "not text";
    const text = isText
      ? new TextDecoder().decode(bytes)
      : `${path} is ${kind}, ${formatBytes(bytes.length)}.\nIts menu in the list has Download.\n`;
    this.#editable = isText;
    this.#open = path;
    this.editor.show(text, { readOnly: !isText, isC: C_LIKE.test(path) });
    byId("open-name").textContent = path;
    byId("saved").textContent = "";
    settings.set("open", path);
    this.files?.select(path);
    this.#mark();
  }

  /** Writes the open file, if it was changed here. */
  async save() {
    clearTimeout(this.#saveTimer);
    if (!this.#unsaved) return;
    this.#unsaved = false;
    await this.#fs.writeFile(`${HOME}/${this.#open}`, this.editor.text);
    if (!this.#unsaved) byId("saved").textContent = "Saved";
  }

  /**
   * @param {import("./runner.js").State} state
   * @param {string} text
   */
  state(state, text) {
    byId("status").dataset.state = state;
    byId("status-text").textContent = text;
    byId("hint").textContent = state === "waiting" ? "Type, then Enter" : "";
  }

  /** @param {unknown} error */
  fail(error) {
    this.#fail(error);
  }

  get #fs() {
    if (!this.system) throw new Error("the system has not started");
    return this.system.fs;
  }

  #changed() {
    if (!this.#editable) return;
    this.#unsaved = true;
    byId("saved").textContent = "";
    clearTimeout(this.#saveTimer);
    this.#saveTimer = setTimeout(() => {
      this.save()
        .then(() => this.files?.refresh())
        .catch((error) => this.#fail(error));
    }, SAVE_AFTER);
  }

  /** The open file may have been written by the program that ran. */
  async #reload() {
    if (this.#unsaved || !this.files?.entries.some(({ path }) => path === this.#open)) return;
    const bytes = await this.#fs.readFile(`${HOME}/${this.#open}`);
    const text = new TextDecoder().decode(bytes);
    if (this.#editable && text !== this.editor.text) await this.open(this.#open);
  }

  #mark() {
    const here = this.#diagnostics.filter(({ file }) => file === this.#open);
    this.editor.mark(
      here.map(({ line, column, severity, message }) => ({
        line: line ?? 1,
        column: column ?? 1,
        severity,
        message,
      })),
    );
  }

  /**
   * @param {string} from
   * @param {string} to
   */
  #renamed(from, to) {
    if (this.#open !== from) return;
    this.open(to).catch((error) => this.#fail(error));
  }

  /** @param {string} path */
  async #removed(path) {
    if (this.#open !== path) return;
    this.#unsaved = false;
    const first = this.files?.entries[0];
    if (first) return this.open(first.path);
    this.#editable = false;
    this.#open = "";
    byId("open-name").textContent = "No file";
    this.editor.show("", { readOnly: true, isC: false });
  }

  /** @param {import("nidus").Progress} progress */
  #showProgress(progress) {
    this.#progress.set(progress.file, progress);
    const all = [...this.#progress.values()];
    const sum = (/** @type {"loaded" | "total"} */ key) =>
      all.reduce((total, each) => total + each[key], 0);
    const loaded = sum("loaded");
    const total = all.every((each) => each.total > 0) ? sum("total") : 0;
    const bar = byId("progress-bar", HTMLProgressElement);
    const verb = all.some(({ phase }) => phase === "download") ? "Downloading" : "Compiling";
    const of = total > 0 ? ` of ${formatBytes(total)}` : "";
    byId("progress").hidden = false;
    byId("progress-text").textContent = `${verb} the compiler: ${formatBytes(loaded)}${of}`;
    if (total > 0) bar.value = loaded / total;
    else bar.removeAttribute("value");
  }

  #tellVolume() {
    const { persistent, reason } = this.system?.volume ?? { persistent: false, reason: null };
    if (!persistent) return this.#warn(`Files are gone when this page closes: ${reason}`);
    const note = byId("volume");
    note.textContent = "Files are kept in this browser.";
    delete note.dataset.warning;
  }

  /** @param {string} text */
  #warn(text) {
    const note = byId("volume");
    note.textContent = text;
    note.dataset.warning = "";
  }

  /** @param {unknown} error */
  #fail(error) {
    const message = error instanceof Error ? error.message : String(error);
    this.state("failed", "Failed");
    this.terminal.note(message, "error");
  }
}

const playground = new Playground();
playground.start().catch((error) => playground.fail(error));
// For the console, and for the browser tests.
Object.assign(globalThis, { playground });
