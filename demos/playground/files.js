/**
 * The file pane: what lies under /home, with buttons to open, make, rename, download and delete.
 *
 * Invariant: the list shows the volume as it was last read; every change here goes to the volume
 * first and is shown after `refresh`.
 */

import { ask } from "./dialog.js";

export const HOME = "/home";

/** @typedef {{path: string, size: number}} Entry `path` is relative to /home */
/** @typedef {import("nidus").Nidus["fs"]} Fs */

export class Files {
  /** @type {Entry[]} */
  entries = [];
  #open = "";
  /** The file the menu is about. */
  #chosen = "";

  /**
   * @param {Fs} fs
   * @param {{list: HTMLElement, menu: HTMLElement, create: HTMLElement}} elements
   * @param {{open: (path: string) => void, renamed: (from: string, to: string) => void,
   *          removed: (path: string) => void}} events
   */
  constructor(fs, elements, events) {
    this.fs = fs;
    this.list = elements.list;
    this.menu = elements.menu;
    this.events = events;
    elements.create.addEventListener("click", () => this.#create());
    elements.menu.addEventListener("click", (event) => {
      const action = /** @type {HTMLElement} */ (event.target).dataset.action;
      this.menu.hidePopover();
      if (action === "rename") this.#rename(this.#chosen);
      if (action === "download") this.download(this.#chosen);
      if (action === "remove") this.#remove(this.#chosen);
    });
  }

  /** Reads the volume and shows it. */
  async refresh() {
    const found = await this.fs.readdir(HOME, { recursive: true, withFileTypes: true });
    const files = found.filter((entry) => entry.isFile());
    const entries = await Promise.all(
      files.map(async ({ parentPath, name }) => {
        const full = `${parentPath}/${name}`;
        const { size } = await this.fs.stat(full);
        return { path: full.slice(HOME.length + 1), size };
      }),
    );
    this.entries = entries.sort((a, b) => (a.path < b.path ? -1 : 1));
    this.#render();
  }

  /** @param {string} path */
  select(path) {
    this.#open = path;
    this.#render();
  }

  /** @param {string} path */
  async download(path) {
    const bytes = await this.fs.readFile(`${HOME}/${path}`);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([/** @type {Uint8Array<ArrayBuffer>} */ (bytes)]));
    link.download = path.slice(path.lastIndexOf("/") + 1);
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }

  #render() {
    const rows = this.entries.map(({ path, size }) => {
      const row = document.createElement("li");
      if (path === this.#open) row.dataset.open = "";
      const open = button("name", "", () => this.events.open(path));
      open.append(span(path), span(formatBytes(size), "size"));
      if (path === this.#open) open.setAttribute("aria-current", "true");
      const more = button("more", "⋯", () => this.#showMenu(path, more));
      more.setAttribute("aria-label", `Actions for ${path}`);
      more.setAttribute("aria-haspopup", "menu");
      row.append(open, more);
      return row;
    });
    this.list.replaceChildren(...rows);
  }

  /**
   * @param {string} path
   * @param {HTMLElement} beside
   */
  #showMenu(path, beside) {
    this.#chosen = path;
    const { left, bottom } = beside.getBoundingClientRect();
    this.menu.showPopover();
    const { offsetWidth: width, offsetHeight: height } = this.menu;
    this.menu.style.left = `${Math.max(4, Math.min(left, innerWidth - width - 4))}px`;
    this.menu.style.top = `${Math.max(4, Math.min(bottom, innerHeight - height - 4))}px`;
    /** @type {HTMLElement | null} */ (this.menu.querySelector("button"))?.focus();
  }

  async #create() {
    const path = await ask({
      title: "New file",
      name: "",
      action: "Create",
      perform: async (name) => {
        await this.#makeFolders(this.#checked(name));
        await this.fs.writeFile(`${HOME}/${name}`, "", { flag: "wx" });
      },
    });
    if (path === null) return;
    await this.refresh();
    this.events.open(path);
  }

  /** @param {string} path */
  async #rename(path) {
    const to = await ask({
      title: `Rename ${path}`,
      name: path,
      action: "Rename",
      perform: async (name) => {
        if (this.entries.some((entry) => entry.path === this.#checked(name))) {
          throw new Error(`There is a file called ${name} already.`);
        }
        await this.#makeFolders(name);
        await this.fs.rename(`${HOME}/${path}`, `${HOME}/${name}`);
      },
    });
    if (to === null) return;
    this.events.renamed(path, to);
    await this.refresh();
  }

  /** @param {string} path */
  async #remove(path) {
    const done = await ask({
      title: `Delete ${path}? This cannot be undone.`,
      name: null,
      action: "Delete",
      perform: () => this.fs.unlink(`${HOME}/${path}`),
    });
    if (done === null) return;
    await this.refresh();
    this.events.removed(path);
  }

  /** @param {string} path */
  async #makeFolders(path) {
    const at = path.lastIndexOf("/");
    if (at > 0) await this.fs.mkdir(`${HOME}/${path.slice(0, at)}`, { recursive: true });
  }

  /** @param {string} name */
  #checked(name) {
    const parts = name.split("/");
    if (name === "" || parts.some((part) => part === "" || part === "." || part === "..")) {
      throw new Error("A name is like main.c, or src/util.c for a file in a folder.");
    }
    return name;
  }
}

/**
 * `1.2 kB` for 1234.
 * @param {number} bytes
 */
export function formatBytes(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(bytes < 1e4 ? 1 : 0)} kB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/**
 * @param {string} className
 * @param {string} text
 * @param {() => void} onClick
 */
function button(className, text, onClick) {
  const element = document.createElement("button");
  element.type = "button";
  element.className = className;
  element.textContent = text;
  element.addEventListener("click", onClick);
  return element;
}

/**
 * @param {string} text
 * @param {string} [className]
 */
function span(text, className = "") {
  const element = document.createElement("span");
  element.className = className;
  element.textContent = text;
  return element;
}
