/**
 * Reading and writing the binary format of WebAssembly.
 *
 * Invariant: a reader never goes past its end; what does not fit is `Unreadable`.
 */

/** The bytes end too early, or are not what is looked for. */
export class Unreadable extends Error {}

export class Reader {
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
    if (this.at >= this.end) throw new Unreadable("the module ends too early");
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
    throw new Unreadable("a number is too long");
  }

  /** @param {number} count */
  skip(count) {
    if (count > this.end - this.at) throw new Unreadable("the module ends too early");
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
    else throw new Unreadable("a global begins with an expression");
    if (this.byte() !== 0x0b) throw new Unreadable("a global begins with an expression");
  }
}

/**
 * An unsigned LEB128.
 *
 * @param {number} value
 * @returns {number[]}
 */
export function leb(value) {
  const bytes = [];
  for (; value >= 0x80; value = Math.floor(value / 128)) bytes.push((value & 0x7f) | 0x80);
  bytes.push(value);
  return bytes;
}

/**
 * A signed LEB128 of a number that is not negative.
 *
 * @param {number} value
 * @returns {number[]}
 */
export function signedLeb(value) {
  const bytes = leb(value);
  const last = bytes.length - 1;
  if (bytes[last] & 0x40) {
    bytes[last] |= 0x80;
    bytes.push(0);
  }
  return bytes;
}
