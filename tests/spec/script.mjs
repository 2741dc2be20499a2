/**
 * Reading a specification test script (.wast).
 *
 * Owns: splitting a script into its top-level forms, and reading the forms that are commands.
 * Never: interprets module text; that stays a slice of the file for an assembler.
 *
 * The script is held as one character per byte (latin1), since some scripts are not UTF-8.
 */

/** @typedef {{ kind: "list", items: Node[], start: number, end: number }} List */
/** @typedef {{ kind: "atom", text: string, start: number, end: number }} Atom */
/** @typedef {{ kind: "string", bytes: Uint8Array, start: number, end: number }} StringNode */
/** @typedef {List | Atom | StringNode} Node */
/** @typedef {{ head: string, line: number, start: number, end: number }} Form */

const COMMANDS = new Set(
  (
    "module register invoke get assert_return assert_trap assert_exhaustion assert_invalid " +
    "assert_malformed assert_unlinkable assert_exception"
  ).split(" "),
);

/**
 * Where the next token starts, past blanks, comments and annotations.
 * @param {string} text
 * @param {number} at
 */
function skipBlanks(text, at) {
  for (;;) {
    const c = text[at];
    if (c === " " || c === "\t" || c === "\n" || c === "\r") at++;
    else if (c === ";" && text[at + 1] === ";") {
      while (at < text.length && text[at] !== "\n" && text[at] !== "\r") at++;
    } else if (c === "(" && text[at + 1] === ";") {
      let depth = 0;
      do {
        if (text.startsWith("(;", at)) (depth++, (at += 2));
        else if (text.startsWith(";)", at)) (depth--, (at += 2));
        else at++;
      } while (depth > 0 && at < text.length);
    } else if (c === "(" && text[at + 1] === "@") {
      let depth = 0;
      do {
        if (text[at] === '"') at = skipString(text, at);
        else if (text.startsWith("(;", at) || text.startsWith(";;", at)) at = skipBlanks(text, at);
        else {
          if (text[at] === "(") depth++;
          else if (text[at] === ")") depth--;
          at++;
        }
      } while (depth > 0 && at < text.length);
    } else return at;
  }
}

/**
 * Past the string that starts at `at`.
 * @param {string} text
 * @param {number} at
 */
function skipString(text, at) {
  for (at++; at < text.length && text[at] !== '"'; at++) if (text[at] === "\\") at++;
  return at + 1;
}

/**
 * The top-level forms of a script. A script that is a bare list of module fields is one module.
 * @param {string} text
 * @returns {Form[]}
 */
export function splitScript(text) {
  /** @type {Form[]} */
  const forms = [];
  let line = 1;
  let counted = 0;
  for (let at = skipBlanks(text, 0); at < text.length; at = skipBlanks(text, at)) {
    const start = at;
    for (; counted < start; counted++) if (text[counted] === "\n") line++;
    if (text[at] !== "(") throw new Error(`line ${line}: expected a parenthesis to open a form`);
    let depth = 0;
    do {
      at = skipBlanks(text, at);
      if (at >= text.length) throw new Error(`line ${line}: the form that opens here never closes`);
      if (text[at] === '"') at = skipString(text, at);
      else {
        if (text[at] === "(") depth++;
        else if (text[at] === ")") depth--;
        at++;
      }
    } while (depth > 0);
    const head = /^[^\s()";]*/.exec(text.slice(skipBlanks(text, start + 1), at))?.[0] ?? "";
    forms.push({ head, line, start, end: at });
  }
  const first = forms[0];
  if (first && !COMMANDS.has(first.head)) {
    return [{ head: "fields", line: first.line, start: 0, end: text.length }];
  }
  return forms;
}

const ESCAPES = new Map([
  ["t", 9],
  ["n", 10],
  ["r", 13],
  ['"', 34],
  ["'", 39],
  ["\\", 92],
]);

/**
 * The bytes of a string token, its quotes taken off.
 * @param {string} body
 */
function stringBytes(body) {
  /** @type {number[]} */
  const bytes = [];
  for (let i = 0; i < body.length; i++) {
    if (body[i] !== "\\") {
      bytes.push(body.charCodeAt(i));
      continue;
    }
    i++;
    const escape = ESCAPES.get(body[i]);
    if (escape !== undefined) bytes.push(escape);
    else if (body[i] === "u") {
      const end = body.indexOf("}", i);
      const code = Number.parseInt(body.slice(i + 2, end).replaceAll("_", ""), 16);
      bytes.push(...new TextEncoder().encode(String.fromCodePoint(code)));
      i = end;
    } else {
      bytes.push(Number.parseInt(body.slice(i, i + 2), 16));
      i++;
    }
  }
  return Uint8Array.from(bytes);
}

/**
 * Reads the form at `start` into a tree. Iterative: a script decides how deep it nests.
 * @param {string} text
 * @param {number} start
 * @returns {List}
 */
export function parseForm(text, start) {
  /** @type {List[]} */
  const open = [];
  for (let at = start; ;) {
    at = skipBlanks(text, at);
    const c = text[at];
    const inner = open[open.length - 1];
    if (c === undefined) throw new Error(`offset ${start}: the form that opens here never closes`);
    if (c === "(") {
      /** @type {List} */
      const list = { kind: "list", items: [], start: at, end: at };
      inner?.items.push(list);
      open.push(list);
      at++;
    } else if (c === ")") {
      at++;
      inner.end = at;
      open.pop();
      if (open.length === 0) return inner;
    } else if (c === '"') {
      const end = skipString(text, at);
      const bytes = stringBytes(text.slice(at + 1, end - 1));
      inner.items.push({ kind: "string", bytes, start: at, end });
      at = end;
    } else {
      const end = at + (/^[^\s()";]+/.exec(text.slice(at, at + 4096))?.[0].length ?? 1);
      inner.items.push({ kind: "atom", text: text.slice(at, end), start: at, end });
      at = end;
    }
  }
}

/**
 * The keyword that opens a list, or "" for other nodes.
 * @param {Node | undefined} node
 */
export function headOf(node) {
  const first = node?.kind === "list" ? node.items[0] : undefined;
  return first?.kind === "atom" ? first.text : "";
}
