/**
 * From a script to a folder that a small C program can execute: `commands.txt` and numbered
 * modules. README.md beside this file describes the format.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { assemble, refuses, floatBits } from "./assemble.mjs";
import { knowsOne } from "./scope.mjs";
import { headOf, parseForm, splitScript } from "./script.mjs";

/** @typedef {import("./script.mjs").Node} Node */
/** @typedef {import("./script.mjs").List} List */

/** @param {Uint8Array | string} bytes a string token of the command list */
const hex = (bytes) => `x${Buffer.from(bytes).toString("hex")}`;

const INTEGER_BITS = new Map([
  ["i8", 8],
  ["i16", 16],
  ["i32", 32],
  ["i64", 64],
]);

/**
 * Two's complement, big-endian hexadecimal.
 * @param {string} text an integer literal
 * @param {number} bits
 */
function integerBits(text, bits) {
  const plain = text.replaceAll("_", "").replace(/^\+/, "");
  const value = plain.startsWith("-") ? -BigInt(plain.slice(1)) : BigInt(plain);
  return BigInt.asUintN(bits, value)
    .toString(16)
    .padStart(bits / 4, "0");
}

/** Translates one script. */
class Translation {
  /**
   * @param {string} name of the script, without ".wast"
   * @param {string} text
   */
  constructor(name, text) {
    this.name = name;
    this.text = text;
    /** @type {string[]} */
    this.lines = [];
    /** @type {Uint8Array[]} */
    this.modules = [];
    /** Float literals wait here as <index> until all are assembled at once.
     * @type {{ type: "f32" | "f64", text: string }[]} */
    this.floats = [];
  }

  /** @param {Node | undefined} node */
  atom(node) {
    return node?.kind === "atom" ? node.text : "";
  }

  /**
   * @param {"f32" | "f64"} type
   * @param {string} text
   */
  float(type, text) {
    if (text === "nan:canonical" || text === "nan:arithmetic") return text.slice(4);
    return `<${this.floats.push({ type, text }) - 1}>`;
  }

  /**
   * A constant or a pattern of a result.
   * @param {Node} node
   * @returns {string}
   */
  value(node) {
    const head = headOf(node);
    const items = node.kind === "list" ? node.items.slice(1).map((item) => this.atom(item)) : [];
    if (node.kind === "list" && head === "either") {
      return node.items
        .slice(1)
        .map((item) => this.value(item))
        .join("|");
    }
    if (head === "i32.const") return `i32:${integerBits(items[0], 32)}`;
    if (head === "i64.const") return `i64:${integerBits(items[0], 64)}`;
    if (head === "f32.const") return `f32:${this.float("f32", items[0])}`;
    if (head === "f64.const") return `f64:${this.float("f64", items[0])}`;
    if (head === "v128.const") {
      const [shape, ...lanes] = items;
      const type = shape.split("x")[0];
      const bits = INTEGER_BITS.get(type);
      const texts = lanes.map((lane) =>
        bits ? integerBits(lane, bits) : this.float(type === "f32" ? "f32" : "f64", lane),
      );
      return `${shape}:${texts.join(",")}`;
    }
    if (head === "ref.null") return "null";
    if (head === "ref.extern") return items.length ? `extern:${items[0]}` : "extern";
    if (head === "ref.host") return items.length ? `host:${items[0]}` : "host";
    if (/^ref\.(func|any|eq|i31|struct|array|exn)$/.test(head)) return head.slice(4);
    throw new Error(`no such constant: ${this.text.slice(node.start, node.end)}`);
  }

  /** @param {Node} node an `invoke` or a `get` */
  action(node) {
    if (node.kind !== "list") throw new Error("expected an action");
    const rest = node.items.slice(1);
    const name = rest[0]?.kind === "atom" ? this.atom(rest.shift()) : "-";
    const field = rest.shift();
    if (field?.kind !== "string") throw new Error("an action names an export by a string");
    const values = rest.map((value) => this.value(value));
    return [headOf(node), name, hex(field.bytes), ...values].join(" ");
  }

  /**
   * A module form: its name, and how its bytes are found.
   * @param {List} list
   */
  moduleForm(list) {
    let index = 1;
    const word = () => this.atom(list.items[index]);
    const definition = word() === "definition" && ++index > 0;
    const name = word().startsWith("$") ? (index++, this.atom(list.items[index - 1])) : "-";
    const encoding = word() === "binary" || word() === "quote" ? word() : "text";
    const strings = list.items
      .slice(index)
      .flatMap((item) => (item.kind === "string" ? [item.bytes] : []));
    return { definition, name, encoding, bytes: Buffer.concat(strings) };
  }

  /**
   * The number of the module's file, or undefined where no assembler accepts its text.
   * @param {List} list
   */
  async module(list) {
    const { encoding, bytes, definition } = this.moduleForm(list);
    /** @type {Uint8Array} */
    let binary = bytes;
    if (encoding !== "binary") {
      let text =
        encoding === "quote" ? bytes.toString("latin1") : this.text.slice(list.start, list.end);
      if (definition && encoding === "text") text = text.replace("definition", "");
      binary = await assemble(text);
    }
    return this.modules.push(binary) - 1;
  }

  /** @param {import("./script.mjs").Form} form */
  async form({ head, line, start, end }) {
    if (head === "fields") {
      this.modules.push(await assemble(`(module ${this.text})`));
      return this.lines.push(`module ${line} - ${this.modules.length - 1}`);
    }
    const list = parseForm(this.text, start);
    const [, first, second] = list.items;
    /** @param {Node | undefined} node */
    const message = (node) => (node?.kind === "string" ? hex(node.bytes) : "x");
    switch (head) {
      case "module": {
        if (this.atom(first) === "instance") {
          const name = this.atom(second) || "-";
          return this.lines.push(`instance ${line} ${name} ${this.atom(list.items[3]) || "-"}`);
        }
        const { definition, name } = this.moduleForm(list);
        const file = await this.module(list);
        return this.lines.push(`${definition ? "definition" : "module"} ${line} ${name} ${file}`);
      }
      case "register": {
        if (first?.kind !== "string") throw new Error("register needs a string");
        return this.lines.push(`register ${line} ${this.atom(second) || "-"} ${hex(first.bytes)}`);
      }
      case "invoke":
      case "get":
        return this.lines.push(`action ${line} ${this.action(list)}`);
      case "assert_return": {
        const expected = list.items.slice(2).map((value) => this.value(value));
        return this.lines.push(["return", line, this.action(first), "=>", ...expected].join(" "));
      }
      case "assert_trap":
      case "assert_exhaustion":
      case "assert_exception": {
        const kind = head.slice("assert_".length);
        if (headOf(first) !== "module") {
          return this.lines.push(`${kind} ${line} ${message(second)} ${this.action(first)}`);
        }
        if (first.kind !== "list") break;
        return this.lines.push(
          `${kind}_module ${line} ${message(second)} ${await this.module(first)}`,
        );
      }
      case "assert_malformed":
      case "assert_invalid":
      case "assert_unlinkable": {
        if (first.kind !== "list") break;
        const kind = head.slice("assert_".length);
        // What is malformed as text never becomes bytes: the assembler is who must refuse it.
        const { encoding, bytes } = this.moduleForm(first);
        if (kind === "malformed" && encoding !== "binary") {
          const quoted = encoding === "quote" ? bytes.toString("latin1") : null;
          const text = quoted ?? this.text.slice(first.start, first.end);
          return this.lines.push(`${(await refuses(text)) ? "refused" : "text"} ${line}`);
        }
        if (
          second?.kind === "string" &&
          knowsOne(this.name, Buffer.from(second.bytes).toString())
        ) {
          return this.lines.push(`single ${line} ${message(second)} ${await this.module(first)}`);
        }
        return this.lines.push(`${kind} ${line} ${message(second)} ${await this.module(first)}`);
      }
    }
    throw new Error(`no such command: ${this.text.slice(start, Math.min(end, start + 60))}`);
  }

  async run() {
    for (const form of splitScript(this.text)) {
      try {
        await this.form(form);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        this.lines.push(`untranslated ${form.line} ${hex(reason)}`);
      }
    }
    const bits = await floatBits(this.floats);
    this.lines = this.lines.map((line) => line.replace(/<(\d+)>/g, (_, index) => bits[index]));
  }
}

const here = dirname(fileURLToPath(import.meta.url));
const translatorSource = ["script.mjs", "scope.mjs", "assemble.mjs", "translate.mjs"]
  .map((name) => readFileSync(join(here, name), "utf8"))
  .join("");

/**
 * Translates a script, unless its folder holds just that already.
 * @param {string} suite folder of the scripts
 * @param {string} name of the script, without ".wast"
 * @param {string} build folder for the results, in a folder of the script's name
 * @returns {Promise<string>} the script's folder
 */
export async function translate(suite, name, build) {
  const folder = join(build, name);
  const bytes = readFileSync(join(suite, `${name}.wast`));
  const stamp = createHash("sha256").update(translatorSource).update(bytes).digest("hex");
  const stampFile = join(folder, "stamp");
  try {
    if (readFileSync(stampFile, "utf8") === stamp) return folder;
  } catch {
    // not translated yet
  }
  const translation = new Translation(name, bytes.toString("latin1"));
  await translation.run();
  const fresh = `${folder}.${process.pid}`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  translation.modules.forEach((module, index) =>
    writeFileSync(join(fresh, `${index}.wasm`), module),
  );
  writeFileSync(join(fresh, "commands.txt"), `${translation.lines.join("\n")}\n`);
  writeFileSync(join(fresh, "stamp"), stamp);
  rmSync(folder, { recursive: true, force: true });
  renameSync(fresh, folder);
  return folder;
}
