/**
 * Clang's messages as data.
 *
 * The text is clang's own and reaches the user as it is; this reads it. Invariant: reading never fails
 * and never loses what it does not know: lines that are no message (source lines, carets, notes of
 * include chains) are passed over.
 */

/**
 * @typedef {object} FixIt a change that clang proposes: the text from (line, column) up to
 *   (endLine, endColumn), which is empty for an insertion, becomes `text`
 * @property {string} file
 * @property {number} line
 * @property {number} column
 * @property {number} endLine
 * @property {number} endColumn
 * @property {string} text
 */

/**
 * @typedef {object} Diagnostic
 * @property {string | null} file as clang named it; null for messages about the command or the link
 * @property {number | null} line from 1
 * @property {number | null} column from 1, in bytes, as clang counts
 * @property {"fatal" | "error" | "warning" | "note" | "remark"} severity
 * @property {string} message without the option in brackets
 * @property {string | null} option the warning option that controls it, such as `-Wunused-variable`
 * @property {FixIt[]} fixits
 */

/** `main.c:3:5: error: …`; the location may be missing (`clang: error: …`) or partial. */
const MESSAGE =
  /^(?:(.*?):(?:(\d+):(?:(\d+):)?)? )?(fatal error|error|warning|note|remark): (.*?)(?: \[(-W[^\]]+)\])?$/;
/** `fix-it:"main.c":{3:12-3:12}:";"`, of `-fdiagnostics-parseable-fixits`. */
const FIXIT = /^fix-it:"((?:[^"\\]|\\.)*)":\{(\d+):(\d+)-(\d+):(\d+)\}:"((?:[^"\\]|\\.)*)"$/;
/** What terminals take as colour and the like. */
// eslint-disable-next-line no-control-regex
const ESCAPES = /\u001b\[[0-9;]*[A-Za-z]/g;
/** Programs that speak of themselves in front of the colon, where a file stands otherwise. */
const PROGRAM = /^(c(c|\+\+|lang(\+\+)?)|(wasm-)?ld|error)$/;

/**
 * Reads the messages in what the compiler and linker wrote to standard error.
 *
 * @param {string} text
 * @returns {Diagnostic[]}
 */
export function parseDiagnostics(text) {
  /** @type {Diagnostic[]} */
  const found = [];
  for (const each of text.replace(ESCAPES, "").split(/\r?\n/)) {
    const fixit = FIXIT.exec(each);
    const said = MESSAGE.exec(each);
    if (fixit) {
      const [file, replacement] = [fixit[1], fixit[6]].map(unescape);
      const [line, column, endLine, endColumn] = fixit.slice(2, 6).map(Number);
      const { fixits = [] } = found[found.length - 1] ?? {};
      fixits.push({ file, line, column, endLine, endColumn, text: replacement });
    } else if (said) {
      const [, file, line, column, severity, message, option = null] = said;
      found.push({
        file: !file || PROGRAM.test(file) ? null : file,
        line: line ? Number(line) : null,
        column: column ? Number(column) : null,
        severity: /** @type {Diagnostic["severity"]} */ (severity.split(" ")[0]),
        message,
        option,
        fixits: [],
      });
    }
  }
  return found;
}

/** @type {Record<string, string>} */
const CHARACTERS = { n: "\n", t: "\t", r: "\r" };

/**
 * Undoes the escapes of a parseable fix-it: `\\`, `\"`, `\n` and octal bytes of UTF-8.
 *
 * @param {string} text
 */
function unescape(text) {
  return text.replace(/((?:\\[0-7]{3})+)|\\(.)/g, (_, octals, character) => {
    if (octals === undefined) return CHARACTERS[character] ?? character;
    const values = octals.slice(1).split("\\");
    const bytes = Uint8Array.from(values, (/** @type {string} */ octal) => parseInt(octal, 8));
    return new TextDecoder().decode(bytes);
  });
}
