/**
 * The editor pane: CodeMirror with C, marks for what the compiler said, and colours from style.css.
 */

import { indentWithTab } from "@codemirror/commands";
import { cpp } from "@codemirror/lang-cpp";
import { indentUnit, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, setDiagnostics } from "@codemirror/lint";
import { Compartment, EditorState, Prec } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";
import { classHighlighter } from "@lezer/highlight";
import { basicSetup } from "codemirror";

/** @typedef {{line: number, column: number, endColumn?: number, severity: string, message: string}} Mark */

export class Editor {
  #view;
  #access = new Compartment();
  #language = new Compartment();
  #listening = true;

  /**
   * @param {HTMLElement} parent
   * @param {{onChange: () => void, onRun: () => void}} events
   */
  constructor(parent, { onChange, onRun }) {
    this.#view = new EditorView({ parent });
    const run = () => {
      onRun();
      return true;
    };
    this.extensions = [
      Prec.highest(keymap.of([{ key: "Mod-Enter", run, preventDefault: true }])),
      basicSetup,
      // Escape, then Tab, leaves the editor.
      keymap.of([indentWithTab]),
      indentUnit.of("    "),
      lintGutter(),
      syntaxHighlighting(classHighlighter),
      EditorView.contentAttributes.of({ "aria-label": "Source code" }),
      EditorView.updateListener.of((update) => {
        if (update.docChanged && this.#listening) onChange();
      }),
    ];
  }

  get text() {
    return this.#view.state.doc.toString();
  }

  /**
   * Shows another file.
   * @param {string} text
   * @param {{readOnly: boolean, isC: boolean}} kind
   */
  show(text, { readOnly, isC }) {
    const access = readOnly ? [EditorState.readOnly.of(true), EditorView.editable.of(false)] : [];
    this.#listening = false;
    this.#view.setState(
      EditorState.create({
        doc: text,
        extensions: [
          this.extensions,
          this.#access.of(access),
          this.#language.of(isC ? cpp() : EditorView.lineWrapping),
        ],
      }),
    );
    this.#listening = true;
  }

  /** @param {Mark[]} marks of the file shown, lines and columns from 1 */
  mark(marks) {
    const { doc } = this.#view.state;
    const diagnostics = marks
      .filter(({ line }) => line >= 1 && line <= doc.lines)
      .map(({ line, column, endColumn, severity, message }) => {
        const { from, to } = doc.line(line);
        const start = Math.min(from + Math.max(column - 1, 0), to);
        const word = this.#view.state.wordAt(start);
        const end = endColumn === undefined ? (word?.to ?? start + 1) : from + endColumn - 1;
        return {
          from: start,
          to: Math.min(Math.max(end, start), to),
          severity: severityOf(severity),
          source: "clang",
          message,
        };
      });
    this.#view.dispatch(setDiagnostics(this.#view.state, diagnostics));
  }

  focus() {
    this.#view.focus();
  }
}

/**
 * @param {string} severity clang's
 * @returns {"error" | "warning" | "info"}
 */
function severityOf(severity) {
  if (severity.includes("error")) return "error";
  return severity === "warning" ? "warning" : "info";
}
