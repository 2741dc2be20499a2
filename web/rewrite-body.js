/**
 * Replacing `memory.size` and `memory.grow` in one function body, in place.
 *
 * Invariant: the body keeps its length, so that neither its own size nor that of the code section
 * changes. `memory.size` (2 bytes) becomes `global.get` of a small index (2 bytes). `memory.grow` would
 * not have room for a `call`; but C libraries count in bytes, so it stands behind a division by the page
 * size, and the call takes the place of both:
 *
 * ```
 *   41 10      i32.const 16
 *   76         i32.shr_u        ->   10 xx xx xx   call (bytes) -> old pages
 *   40 00      memory.grow           01            nop
 * ```
 */

import { Reader, Unreadable } from "./wasm-reader.js";

const MEMORY_SIZE = 0x3f;
const MEMORY_GROW = 0x40;
const CALL = 0x10;
const GLOBAL_GET = 0x23;
const NOP = 0x01;
/** `i32.const 16`, `i32.shr_u`. */
const TO_PAGES = [0x41, 16, 0x76];

/**
 * The body with its two instructions replaced, or null where it has none.
 *
 * @param {Uint8Array} bytes
 * @param {number} start of the body, behind its size
 * @param {number} end
 * @param {number[]} grow index of the function that takes bytes and grows by pages, as LEB128
 * @param {number} pages index of the global that stands for `memory.size`
 * @returns {Uint8Array | null}
 */
export function rewriteBody(bytes, start, end, grow, pages) {
  if (!mayContain(bytes, start, end)) return null;
  const found = decode(bytes, start, end);
  if (found.length === 0) return null;
  const room = TO_PAGES.length + 2;
  if (pages >= 0x80 || grow.length + 1 > room) throw new Unreadable("an index is too large");
  // A copy, also of node's Buffer, whose `slice` is a view.
  const body = new Uint8Array(bytes.subarray(start, end));
  for (const at of found) {
    if (bytes[at] === MEMORY_SIZE) body.set([GLOBAL_GET, pages], at - start);
    else {
      const from = at - start - TO_PAGES.length;
      body.fill(NOP, from, from + room);
      body.set([CALL, ...grow], from);
    }
  }
  return body;
}

/**
 * Whether the bytes of one of the instructions occur. This looks at every byte of the program.
 *
 * @param {Uint8Array} bytes
 * @param {number} start
 * @param {number} end
 */
function mayContain(bytes, start, end) {
  for (let i = start + 1; i < end; i++) {
    if (bytes[i] === 0 && (bytes[i - 1] === MEMORY_SIZE || bytes[i - 1] === MEMORY_GROW))
      return true;
  }
  return false;
}

/**
 * Where the two instructions are.
 *
 * @param {Uint8Array} bytes
 * @param {number} start
 * @param {number} end
 */
function decode(bytes, start, end) {
  const reader = new Reader(bytes, start, end);
  /** @type {number[]} */
  const found = [];
  for (let groups = reader.u32(); groups > 0; groups--) {
    reader.skipLeb();
    reader.skipLeb();
  }
  let before = -1;
  let last = -1;
  while (reader.at < end) {
    const at = reader.at;
    const opcode = reader.byte();
    if (opcode === MEMORY_SIZE || opcode === MEMORY_GROW) {
      if (reader.byte() !== 0) throw new Unreadable("an instruction names its memory");
      const whole = before === at - TO_PAGES.length && last === at - 1;
      if (
        opcode === MEMORY_GROW &&
        !(whole && TO_PAGES.every((byte, i) => bytes[before + i] === byte))
      ) {
        throw new Unreadable("a function grows the memory in a way of its own");
      }
      found.push(at);
    } else skipImmediates(reader, opcode);
    before = last;
    last = at;
  }
  return found;
}

/**
 * Passes over what belongs to an instruction.
 *
 * @param {Reader} reader
 * @param {number} opcode
 */
function skipImmediates(reader, opcode) {
  if (opcode >= 0x45 && opcode <= 0xc4) return; // arithmetic
  if (opcode >= 0x28 && opcode <= 0x3e) {
    if (reader.u32() >= 64) throw new Unreadable("an access names its memory");
    return reader.skipLeb();
  }
  switch (opcode) {
    case 0x00: // unreachable, nop, else, end, return, drop, select
    case 0x01:
    case 0x05:
    case 0x0b:
    case 0x0f:
    case 0x1a:
    case 0x1b:
      return;
    case 0x02: // block, loop, if, br, br_if, call, locals, globals, integers
    case 0x03:
    case 0x04:
    case 0x0c:
    case 0x0d:
    case 0x10:
    case 0x20:
    case 0x21:
    case 0x22:
    case 0x23:
    case 0x24:
    case 0x41:
    case 0x42:
      return reader.skipLeb();
    case 0x0e: // br_table
      for (let labels = reader.u32(); labels >= 0; labels--) reader.skipLeb();
      return;
    case 0x11: // call_indirect
      reader.skipLeb();
      return reader.skipLeb();
    case 0x43:
      return reader.skip(4);
    case 0x44:
      return reader.skip(8);
    case 0xfc: {
      const operation = reader.u32();
      if (operation <= 7) return; // saturating conversions
      if (operation === 10)
        reader.skipLeb(); // memory.copy, and memory.fill
      else if (operation !== 11) throw new Unreadable("a function changes segments or tables");
      return reader.skipLeb();
    }
    default:
      throw new Unreadable(`a function has the instruction 0x${opcode.toString(16)}`);
  }
}
