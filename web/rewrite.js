/**
 * Making a program's hidden state reachable: the exports of a module's mutable globals, appended to
 * its export section while the module streams by.
 *
 * A process image (image.js) can be put back only if everything that running changes can be
 * written from outside: the memory, which is exported, and the mutable globals (the stack pointer), which
 * are not. Invariant: nothing but the export section changes, so the code is byte for byte the
 * original; a module that has state beyond memory and globals passes through unchanged.
 *
 * ```
 *   head: type .. import .. function .. table .. memory .. global .. export | rest: elements, code, data
 *   ^ read, hashed, re-emitted with a longer export section                  ^ passed on, untouched
 * ```
 */

/** Prefix of the appended exports' names: `nidus:FINGERPRINT:INDEX`. */
const PREFIX = "nidus:";
/** A head longer than this is not looked for: the module passes unchanged. */
const LONGEST_HEAD = 8 * 1024 * 1024;

const SECTION = { type: 1, import: 2, global: 6, export: 7, start: 8, data_count: 12 };
const MAGIC = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

/** Raised where a module is not of the shape that is looked for, or more bytes are needed. */
class Unreadable extends Error {}

/** Reads the binary format of WebAssembly. */
class Reader {
  /**
   * @param {Uint8Array} bytes
   * @param {number} [at]
   * @param {number} [end]
   */
  constructor(bytes, at = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  byte() {
    if (this.at >= this.end) throw new Unreadable();
    return this.bytes[this.at++];
  }

  /** An unsigned LEB128 of 32 bits. */
  u32() {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new Unreadable();
  }

  /** @param {number} count */
  skip(count) {
    if (count > this.end - this.at) throw new Unreadable();
    this.at += count;
  }

  /** Passes over a LEB128 of any width. */
  skipLeb() {
    while (this.byte() >= 0x80);
  }

  /** Passes over a constant expression of a number. */
  skipConstant() {
    const opcode = this.byte();
    if (opcode === 0x41 || opcode === 0x42 || opcode === 0x23) this.skipLeb();
    else if (opcode === 0x43) this.skip(4);
    else if (opcode === 0x44) this.skip(8);
    else throw new Unreadable();
    if (this.byte() !== 0x0b) throw new Unreadable();
  }
}

/**
 * @param {number} value
 * @returns {number[]}
 */
function leb(value) {
  const bytes = [];
  for (; value >= 0x80; value = Math.floor(value / 128)) bytes.push((value & 0x7f) | 0x80);
  bytes.push(value);
  return bytes;
}

/**
 * 64 bits of FNV-1a, as two runs of 32 over different starts: enough to tell builds apart.
 *
 * @param {Uint8Array} bytes
 */
function hash(bytes) {
  let low = 0x811c9dc5;
  let high = 0xcbf29ce4;
  for (let i = 0; i < bytes.length; i++) {
    low = Math.imul(low ^ bytes[i], 0x01000193);
    high = Math.imul(high ^ bytes[i] ^ (low >>> 24), 0x01000193);
  }
  const hex = (/** @type {number} */ word) => (word >>> 0).toString(16).padStart(8, "0");
  return hex(high) + hex(low);
}

/**
 * The head of a module, up to and with its export section, with its mutable globals exported.
 *
 * @param {Uint8Array} bytes the beginning of a module
 * @returns {{head: Uint8Array, consumed: number} | "more" | "unchanged"} `more`: the head is not whole
 *   yet; `unchanged`: the module must pass as it is
 */
export function rewriteHead(bytes) {
  try {
    return readHead(new Reader(bytes)) ?? "unchanged";
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    return bytes.length < LONGEST_HEAD ? "more" : "unchanged";
  }
}

/** @param {Reader} reader */
function readHead(reader) {
  for (const byte of MAGIC) if (reader.byte() !== byte) return null;
  /** @type {number[]} */
  let mutable = [];
  for (;;) {
    const start = reader.at;
    const id = reader.byte();
    const size = reader.u32();
    const body = reader.at;
    if (id > SECTION.export) return null; // no export section, or a start function before any code
    reader.skip(size);
    const section = new Reader(reader.bytes, body, reader.at);
    try {
      if (id === SECTION.import && !importsFunctionsOnly(section)) return null;
      if (id === SECTION.global) {
        const found = mutableGlobals(section);
        if (found === null) return null;
        mutable = found;
      }
      if (id !== SECTION.export) continue;
      const fingerprint = hash(reader.bytes.subarray(0, reader.at));
      return { head: withExports(section, start, mutable, fingerprint), consumed: reader.at };
    } catch (error) {
      if (error instanceof Unreadable) return null; // the section is whole, so it is malformed
      throw error;
    }
  }
}

/**
 * Whether a module brings its own memory, table and globals.
 *
 * @param {Reader} section
 */
function importsFunctionsOnly(section) {
  for (let count = section.u32(); count > 0; count--) {
    section.skip(section.u32());
    section.skip(section.u32());
    if (section.byte() !== 0) return false;
    section.skipLeb();
  }
  return true;
}

/**
 * The indices of mutable globals, or null if one of them cannot be read by JavaScript.
 *
 * @param {Reader} section
 */
function mutableGlobals(section) {
  const found = [];
  const count = section.u32();
  for (let i = 0; i < count; i++) {
    const type = section.byte();
    if (type < 0x7c || type > 0x7f) return null; // a vector or a reference
    if (section.byte() === 1) found.push(i);
    section.skipConstant();
  }
  return found;
}

/**
 * @param {Reader} section the export section's body
 * @param {number} start where the section's header begins
 * @param {number[]} globals
 * @param {string} fingerprint
 */
function withExports(section, start, globals, fingerprint) {
  const count = section.u32();
  /** @type {number[]} */
  const added = [];
  for (const index of globals) {
    const name = new TextEncoder().encode(`${PREFIX}${fingerprint}:${index}`);
    added.push(...leb(name.length), ...name, 3, ...leb(index));
  }
  const counted = leb(count + globals.length);
  const old = section.bytes.subarray(section.at, section.end);
  const size = leb(counted.length + old.length + added.length);
  const parts = [section.bytes.subarray(0, start), [SECTION.export], size, counted, old, added];
  const head = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    head.set(part, at);
    at += part.length;
  }
  return head;
}

/**
 * What the rewriting left in a compiled module: the build's fingerprint and the appended exports.
 *
 * @param {WebAssembly.Module} module
 * @returns {{fingerprint: string, globals: string[]} | null} null: the module passed unchanged
 */
export function rewrittenExports(module) {
  const exports = WebAssembly.Module.exports(module).map(({ name }) => name);
  const globals = exports.filter((name) => name.startsWith(PREFIX));
  return globals.length > 0 ? { fingerprint: globals[0].split(":")[1], globals } : null;
}

/** Rewrites a module that arrives piece by piece. */
export class HeadRewriter {
  /** @type {Uint8Array | null} the beginning, until its head is whole */
  #held = new Uint8Array(0);

  /**
   * What can be passed on, now that `chunk` has arrived.
   *
   * @param {Uint8Array} chunk
   * @returns {Uint8Array[]}
   */
  push(chunk) {
    if (this.#held === null) return [chunk];
    const bytes = new Uint8Array(this.#held.length + chunk.length);
    bytes.set(this.#held);
    bytes.set(chunk, this.#held.length);
    const result = rewriteHead(bytes);
    this.#held = result === "more" ? bytes : null;
    if (result === "more") return [];
    if (result === "unchanged") return [bytes];
    return [result.head, bytes.subarray(result.consumed)];
  }

  /** What was still held back when the module ended. */
  end() {
    const held = this.#held;
    this.#held = null;
    return held === null || held.length === 0 ? [] : [held];
  }
}
