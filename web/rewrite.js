/**
 * Rewriting a program as it streams by, so that one instance of it can serve many processes.
 *
 * Two things stand in the way of putting an instance back to its beginning (image.js): its mutable
 * globals, such as the stack pointer, cannot be reached from outside; and memory that has grown cannot
 * shrink, so that a C library would find its heap in another place. Both are changed here:
 *
 * - the mutable globals are exported;
 * - the program's `memory.size` reads a global, *pages*, and its `memory.grow` calls a function that
 *   moves *pages* and grows the memory only when they run out, by much at a time. (C libraries grow by
 *   64 KiB; V8 makes a new ArrayBuffer each time, and starts a garbage collection for many of them.)
 *
 * ```
 *   type import function+1 table memory global+1 export+n element | code: bodies.. +1 | data
 *   '----------------------- head: read, hashed, re-emitted ----'   '- in place --'    '- as it is
 * ```
 *
 * The invariant: the new module does what the old one does, on a memory that seems to be *pages* large;
 * only an access beyond, which no correct program makes, need not trap. Bodies keep their length
 * (rewrite-body.js); only those in which the bytes of one of the two instructions occur are decoded. A
 * module of another shape (imported or shared memory, a start function, passive segments) passes unchanged.
 */

import { rewriteBody } from "./rewrite-body.js";
import { Reader, Unreadable, leb, signedLeb } from "./wasm-reader.js";

/** Prefix of the added exports' names: `nidus:FINGERPRINT:INDEX`, and `…:pages`. */
const PREFIX = "nidus:";
const PAGES = "pages";
/** A head longer than this is not looked for: the module passes unchanged. */
const LONGEST_HEAD = 8 * 1024 * 1024;
/** The memory grows by this many pages at least, and by half of what it is. */
const GROWTH = 256;

const MAGIC = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const SECTION = {
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  element: 9,
  code: 10,
};
const KNOWN = new Set([0, ...Object.values(SECTION)]);

/**
 * What a module that was rewritten tells of itself: its build, and the names of the added exports.
 * @typedef {{fingerprint: string, pages: string, globals: string[]}} Rewritten
 */

/**
 * 64 bits of FNV-1a, as two runs of 32 that differ: enough to tell builds apart.
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
 * What the head says that the rewriting needs to know.
 *
 * @typedef {object} Facts
 * @property {number} growType index of the type (i32) -> i32
 * @property {number} functions imported and own
 * @property {number} pages of memory at the start
 * @property {number} globals
 * @property {number[]} mutable indices of globals
 */

/**
 * The rewritten head of a module.
 *
 * @typedef {object} Head
 * @property {Uint8Array[]} parts
 * @property {number} consumed bytes of the original, up to the first body
 * @property {number} bodies how many follow
 * @property {number[]} grow index of the added function, as LEB128
 * @property {number} pages index of the added global
 * @property {string} fingerprint
 */

/**
 * @param {Uint8Array} bytes the beginning of a module
 * @returns {Head | "more" | "unchanged"} `more`: the head is not whole yet; `unchanged`: the module must
 *   pass as it is
 */
function rewriteHead(bytes) {
  const reader = new Reader(bytes);
  /** @type {{id: number, body: Reader}[]} */
  const sections = [];
  let code = 0;
  let whole = false;
  try {
    for (const byte of MAGIC) if (reader.byte() !== byte) return "unchanged";
    for (;;) {
      const id = reader.byte();
      if (!KNOWN.has(id)) return "unchanged";
      const size = reader.u32();
      const at = reader.at;
      if (id === SECTION.code) {
        code = size;
        break;
      }
      reader.skip(size);
      sections.push({ id, body: new Reader(bytes, at, at + size) });
    }
    const bodiesAt = reader.at;
    const bodies = reader.u32();
    whole = true;
    const fingerprint = hash(bytes.subarray(0, reader.at));
    const facts = readFacts(sections);
    if (facts === null) return "unchanged";
    const grow = growBody(facts.globals);
    /** @type {Uint8Array[]} */
    const parts = [Uint8Array.from(MAGIC)];
    for (const { id, body } of sections) parts.push(...section(id, body, facts, fingerprint));
    const counted = leb(bodies + 1);
    const size = code - (reader.at - bodiesAt) + counted.length + grow.length;
    parts.push(Uint8Array.from([SECTION.code, ...leb(size), ...counted]));
    const { functions, globals: pages } = facts;
    return { parts, consumed: reader.at, bodies, grow: leb(functions), pages, fingerprint };
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    // A whole section that cannot be read is for the host to refuse.
    return !whole && bytes.length < LONGEST_HEAD ? "more" : "unchanged";
  }
}

/**
 * @param {{id: number, body: Reader}[]} sections
 * @returns {Facts | null} null: not of the shape that can be rewritten
 */
function readFacts(sections) {
  const facts = { growType: -1, functions: 0, pages: -1, globals: -1, mutable: [], exports: false };
  for (const { id, body } of sections) {
    const section = new Reader(body.bytes, body.at, body.end);
    switch (id) {
      case SECTION.type:
        facts.growType = findType(section, [0x60, 1, 0x7f, 1, 0x7f]);
        break;
      case SECTION.import:
        for (let count = section.u32(); count > 0; count--) {
          section.skip(section.u32());
          section.skip(section.u32());
          if (section.byte() !== 0) return null; // not a function
          section.skipLeb();
          facts.functions++;
        }
        break;
      case SECTION.function:
        facts.functions += section.u32();
        break;
      case SECTION.memory:
        // One memory of 32 bits, not shared.
        if (section.u32() !== 1 || section.byte() > 1) return null;
        facts.pages = section.u32();
        break;
      case SECTION.global:
        if (!readGlobals(section, facts)) return null;
        break;
      case SECTION.export:
        facts.exports = true;
        break;
    }
  }
  const whole = facts.growType >= 0 && facts.pages >= 0 && facts.globals >= 0 && facts.exports;
  return whole ? facts : null;
}

/**
 * The index of a function type, or -1.
 *
 * @param {Reader} section
 * @param {number[]} wanted
 */
function findType(section, wanted) {
  const count = section.u32();
  for (let index = 0; index < count; index++) {
    const at = section.at;
    if (section.byte() !== 0x60) return -1; // a type of the garbage collection proposal
    section.skip(section.u32());
    section.skip(section.u32());
    const type = section.bytes.subarray(at, section.at);
    if (type.length === wanted.length && wanted.every((byte, i) => byte === type[i])) return index;
  }
  return -1;
}

/**
 * Reads the globals; false if the state of one cannot be read by JavaScript.
 *
 * @param {Reader} section
 * @param {{globals: number, mutable: number[]}} facts
 */
function readGlobals(section, facts) {
  facts.globals = section.u32();
  for (let i = 0; i < facts.globals; i++) {
    const type = section.byte();
    if (type < 0x7c || type > 0x7f) return false; // a vector or a reference
    if (section.byte() === 1) facts.mutable.push(i);
    section.skipConstant();
  }
  return true;
}

/**
 * A section of the head as it is to be.
 *
 * @param {number} id
 * @param {Reader} body
 * @param {Facts} facts
 * @param {string} fingerprint
 */
function section(id, body, facts, fingerprint) {
  /** @type {number[]} */
  const added = [];
  let count = 0;
  if (id === SECTION.function) {
    added.push(...leb(facts.growType));
    count = 1;
  } else if (id === SECTION.global) {
    added.push(0x7f, 1, 0x41, ...signedLeb(facts.pages), 0x0b);
    count = 1;
  } else if (id === SECTION.export) {
    for (const index of [...facts.mutable, facts.globals]) {
      const last = index === facts.globals ? PAGES : String(index);
      const name = new TextEncoder().encode(`${PREFIX}${fingerprint}:${last}`);
      added.push(...leb(name.length), ...name, 3, ...leb(index));
    }
    count = facts.mutable.length + 1;
  }
  const reader = new Reader(body.bytes, body.at, body.end);
  const counted = count > 0 ? leb(reader.u32() + count) : [];
  const old = body.bytes.subarray(reader.at, body.end);
  const size = leb(counted.length + old.length + added.length);
  return [Uint8Array.from([id, ...size, ...counted]), old, Uint8Array.from(added)];
}

/**
 * The function that stands for `memory.grow`, with its length in front; it takes bytes, and answers
 * the pages before:
 *
 * ```
 *   n = bytes / 64 KiB
 *   if n > memory.size - pages:
 *     need = n - (memory.size - pages); more = GROWTH + memory.size / 2
 *     if memory.grow(max(need, more)) == -1 and memory.grow(need) == -1: return -1
 *   pages += n
 *   return pages - n
 * ```
 *
 * @param {number} pages index of the global
 */
function growBody(pages) {
  const get = [0x23, ...leb(pages)];
  const set = [0x24, ...leb(pages)];
  const [size, grow, failed] = [
    [0x3f, 0],
    [0x40, 0],
    [0x41, 0x7f, 0x46],
  ];
  const [n, need, more] = [0, 1, 2].map((local) => [0x20, local]);
  const instructions = [
    ...[...n, 0x41, 16, 0x76, 0x22, 0, ...size, ...get, 0x6b, 0x4b, 0x04, 0x40],
    ...[...n, ...size, ...get, 0x6b, 0x6b, 0x21, 1],
    ...[0x41, ...signedLeb(GROWTH), ...size, 0x41, 1, 0x76, 0x6a, 0x21, 2],
    ...[...need, ...more, ...need, ...more, 0x4b, 0x1b, ...grow, ...failed, 0x04, 0x40],
    ...[...need, ...grow, ...failed, 0x04, 0x40, 0x41, 0x7f, 0x0f, 0x0b, 0x0b, 0x0b],
    ...[...get, ...get, ...n, 0x6a, ...set, 0x0b],
  ];
  const body = [1, 2, 0x7f, ...instructions];
  return Uint8Array.from([...leb(body.length), ...body]);
}

/**
 * What the rewriting left in a compiled module.
 *
 * @param {WebAssembly.Module} module
 * @returns {Rewritten | null} null: the module passed unchanged
 */
export function rewrittenExports(module) {
  const names = WebAssembly.Module.exports(module).map(({ name }) => name);
  const added = names.filter((name) => name.startsWith(PREFIX));
  const pages = added.find((name) => name.endsWith(`:${PAGES}`));
  if (pages === undefined) return null;
  const globals = added.filter((name) => name !== pages);
  return { fingerprint: pages.split(":")[1], pages, globals };
}

/** Rewrites a module that arrives piece by piece. Throws `Unreadable` where a body cannot be rewritten. */
export class ModuleRewriter {
  /** @type {Uint8Array} what arrived and was not passed on */
  #held = new Uint8Array(0);
  /** @type {Head | null} */
  #head = null;
  /** @type {"head" | "code" | "rest"} */
  #state = "head";
  #bodies = 0;
  #known;

  /**
   * @param {Readonly<Record<string, readonly number[]>>} [known] by fingerprint: which bodies, counted from
   *   0, have one of the two instructions. Without, each byte of the program is looked at
   */
  constructor(known = {}) {
    this.#known = known;
  }

  /** Whether the rest of the module is passed on as it is. */
  get done() {
    return this.#state === "rest";
  }

  /**
   * What can be passed on, now that `chunk` has arrived.
   *
   * @param {Uint8Array} chunk
   * @returns {Uint8Array[]}
   */
  push(chunk) {
    if (this.#state === "rest") return [chunk];
    let bytes = chunk;
    if (this.#held.length > 0) {
      bytes = new Uint8Array(this.#held.length + chunk.length);
      bytes.set(this.#held);
      bytes.set(chunk, this.#held.length);
    }
    /** @type {Uint8Array[]} */
    const parts = [];
    let at = 0;
    if (this.#state === "head") {
      const head = rewriteHead(bytes);
      if (head === "more") {
        this.#held = bytes;
        return [];
      }
      if (head === "unchanged") {
        this.#state = "rest";
        return [bytes];
      }
      this.#head = head;
      this.#bodies = head.bodies;
      this.#state = "code";
      parts.push(...head.parts);
      at = head.consumed;
    }
    const end = this.#rewriteBodies(bytes, at, parts);
    this.#held = new Uint8Array(this.#bodies > 0 ? bytes.subarray(end) : []);
    if (this.#bodies === 0) {
      parts.push(growBody(/** @type {Head} */ (this.#head).pages), bytes.subarray(end));
      this.#state = "rest";
    }
    return parts;
  }

  /** What was still held back when the module ended. */
  end() {
    const held = this.#held;
    this.#held = new Uint8Array(0);
    return held.length === 0 ? [] : [held];
  }

  /**
   * Passes on the bodies that are whole; answers where they end.
   *
   * @param {Uint8Array} bytes
   * @param {number} from
   * @param {Uint8Array[]} parts
   */
  #rewriteBodies(bytes, from, parts) {
    const head = /** @type {Head} */ (this.#head);
    const known = this.#known[head.fingerprint];
    let at = from;
    let passed = from;
    const reader = new Reader(bytes, at);
    while (this.#bodies > 0) {
      let size;
      try {
        reader.at = at;
        size = reader.u32();
        reader.skip(size);
      } catch (error) {
        if (error instanceof Unreadable) break;
        throw error;
      }
      const start = reader.at - size;
      const replaced =
        known === undefined || known.includes(head.bodies - this.#bodies)
          ? rewriteBody(bytes, start, reader.at, head.grow, head.pages)
          : null;
      if (replaced !== null) {
        parts.push(bytes.subarray(passed, start), replaced);
        passed = reader.at;
      }
      at = reader.at;
      this.#bodies--;
    }
    parts.push(bytes.subarray(passed, at));
    return at;
  }
}
