/**
 * The page's one dialog: asks for a name, or whether to go on; it closes only when what was asked for
 * has worked, and says why when it has not.
 */

import { byId } from "./dom.js";

/**
 * @param {object} question
 * @param {string} question.title
 * @param {string | null} question.name the name to start from; null when none is asked for
 * @param {string} question.action the button that does it
 * @param {(name: string) => Promise<unknown>} question.perform
 * @returns {Promise<string | null>} the name, or null when nothing was done
 */
export function ask({ title, name, action, perform }) {
  const dialog = byId("dialog", HTMLDialogElement);
  const field = byId("dialog-name", HTMLInputElement);
  const error = byId("dialog-error");
  const form = /** @type {HTMLFormElement} */ (dialog.querySelector("form"));
  byId("dialog-title").textContent = title;
  byId("dialog-ok").textContent = action;
  byId("dialog-field").hidden = name === null;
  field.value = name ?? "";
  error.textContent = "";
  dialog.returnValue = "";
  dialog.showModal();
  const dot = field.value.lastIndexOf(".");
  if (name !== null) field.setSelectionRange(0, dot > 0 ? dot : field.value.length);
  return new Promise((resolve) => {
    const listening = new AbortController();
    const { signal } = listening;
    /** @param {string | null} answer */
    const finish = (answer) => {
      listening.abort();
      dialog.close();
      resolve(answer);
    };
    form.addEventListener(
      "submit",
      async (event) => {
        event.preventDefault();
        try {
          const value = field.value.trim();
          await perform(value);
          finish(value);
        } catch (thrown) {
          error.textContent = thrown instanceof Error ? thrown.message : String(thrown);
        }
      },
      { signal },
    );
    byId("dialog-cancel").addEventListener("click", () => finish(null), { signal });
    dialog.addEventListener("cancel", () => finish(null), { signal });
  });
}
