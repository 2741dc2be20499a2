/** The playground in Chromium, as its user meets it; on isolated pages and on others. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMIT, MODES, edit, openPlayground, shown, status, type } from "./chromium.js";

for (const { mode, isolated } of MODES) {
  test(
    `${mode}: a first visit loads the compiler in sight, compiles, and runs a program that asks a name`,
    LIMIT,
    async (t) => {
      const { page } = await openPlayground(t, { isolated });
      assert.equal(await page.evaluate(() => crossOriginIsolated), isolated);
      /** @type {Set<string>} */
      const told = new Set();
      await page.exposeFunction("tell", (/** @type {string} */ text) => told.add(text));
      await page.evaluate(() => {
        const text = /** @type {HTMLElement} */ (document.getElementById("progress-text"));
        new MutationObserver(() => /** @type {any} */ (globalThis).tell(text.textContent)).observe(
          text,
          { childList: true },
        );
      });
      await status(page, "Ready");
      const texts = [...told];
      const downloads = texts.filter((text) =>
        /^Downloading the compiler: [\d.]+ [kM]?B of 105\.2 MB$/.test(text),
      );
      assert.ok(downloads.length >= 2, texts.join("\n"));
      assert.ok(texts.includes("Compiling the compiler: 105.2 MB of 105.2 MB"), texts.join("\n"));

      await page.getByRole("button", { name: "Run" }).click();
      await status(page, "Compiling main.c");
      await status(page, "Waiting for input");
      const asked = await shown(page, "What is your name?");
      assert.match(asked, /^\$ cc -g -O1 -Wall main\.c -o main\n\$ \.\/main\nWhat is your name\?$/);
      await type(page, "Adb\b\x7f");
      await page.keyboard.type("a");
      await page.keyboard.press("Enter");
      await status(page, /^Ended: exit code 0, \d/);
      assert.match(
        await shown(page, "Hello"),
        /What is your name\?\nAa *\nHello, Aa!\nexit code 0, \d/,
      );
      const files = page.getByRole("list", { name: "Files" }).getByRole("listitem");
      await files.filter({ hasText: "visitors.txt" }).waitFor();
      assert.deepEqual(
        (await files.allInnerTexts()).map((text) => text.split(/\s/)[0]),
        ["main", "main.c", "visitors.txt"],
      );
    },
  );

  test(
    `${mode}: after a reload the source, the built program and the file it wrote are there`,
    LIMIT,
    async (t) => {
      const { page } = await openPlayground(t, { isolated });
      await edit(
        page,
        `#include <stdio.h>
int main(void) {
    FILE *f = fopen("out.txt", "w");
    fputs("written\\n", f);
    fclose(f);
    puts("done");
}
`,
      );
      await page.keyboard.press("ControlOrMeta+Enter");
      await status(page, "Ended: exit code 0");
      await page.reload();
      await page.locator(".cm-content").filter({ hasText: "written" }).waitFor();
      const files = page.getByRole("list", { name: "Files" });
      await files.getByRole("button", { name: /^out\.txt/ }).click();
      await page
        .locator(".cm-content")
        .filter({ hasText: /^written$/ })
        .waitFor();
      await files.getByRole("button", { name: /^main\s/ }).click();
      await page
        .locator(".cm-content")
        .filter({ hasText: "main is a WebAssembly program" })
        .waitFor();
      // The built program runs without being built again.
      const result = await page.evaluate(() =>
        /** @type {any} */ (globalThis).playground.system.exec("./main"),
      );
      assert.deepEqual([result.code, result.stdout], [0, "done\n"]);
    },
  );

  test(
    `${mode}: a compiler error is shown as clang says it, and marked in the editor`,
    LIMIT,
    async (t) => {
      const { page } = await openPlayground(t, { isolated });
      await edit(page, "int main(void) {\n    undeclared_thing();\n    return 1 +;\n}\n");
      await page.keyboard.press("ControlOrMeta+Enter");
      await status(page, "Not compiled: exit code 1");
      const text = await shown(page, "2 errors generated");
      assert.match(text, /main\.c:2:5: error: call to undeclared function 'undeclared_thing'/);
      assert.match(text, /main\.c:3:15: error: expected expression/);
      await page.locator(".cm-lint-marker-error").first().waitFor();
      await page.locator(".cm-lintRange-error").first().hover();
      await page
        .locator(".cm-tooltip")
        .getByText("call to undeclared function 'undeclared_thing'")
        .waitFor();
      await edit(page, "int main(void) { return 3; }\n");
      await page.keyboard.press("ControlOrMeta+Enter");
      await status(page, "Ended: exit code 3");
      assert.equal(await page.locator(".cm-lint-marker-error").count(), 0);
    },
  );

  test(
    `${mode}: Stop ends an endless loop and an endless wait, keeps the files, and Run works again`,
    LIMIT,
    async (t) => {
      const { page } = await openPlayground(t, { isolated });
      const stop = page.getByRole("button", { name: "Stop" });
      await edit(
        page,
        `#include <stdio.h>
int main(void) {
    FILE *f = fopen("before.txt", "w");
    fputs("x", f);
    fclose(f);
    puts("looping");
    fflush(stdout);
    for (volatile int i = 0;; i++) {}
}
`,
      );
      await page.keyboard.press("ControlOrMeta+Enter");
      await shown(page, "looping");
      const begin = performance.now();
      await stop.click();
      await status(page, /^Stopped after/);
      const took = performance.now() - begin;
      t.diagnostic(`a loop without system calls stopped ${Math.round(took)} ms after the click`);

      await edit(page, '#include <stdio.h>\nint main(void) { puts("again"); return getchar(); }\n');
      await page.keyboard.press("ControlOrMeta+Enter");
      await status(page, "Waiting for input");
      await shown(page, "again");
      await type(page, "");
      await page.keyboard.press("Control+c");
      await status(page, /^Stopped after/);

      await edit(page, '#include <stdio.h>\nint main(void) { for (;;) puts("flood"); }\n');
      await page.keyboard.press("ControlOrMeta+Enter");
      await shown(page, "flood\nflood\nflood");
      await stop.click();
      await status(page, /^Stopped after/);

      await edit(page, '#include <stdio.h>\nint main(void) { puts("fine"); return 7; }\n');
      await page.keyboard.press("ControlOrMeta+Enter");
      await status(page, "Ended: exit code 7");
      await shown(page, "fine");
    },
  );

  test(
    `${mode}: the terminal edits lines as terminals do, and gives the program what was meant`,
    LIMIT,
    async (t) => {
      const { page } = await openPlayground(t, { isolated });
      await edit(
        page,
        `#include <stdio.h>
#include <unistd.h>
#include <nidus/tty.h>
int main(void) {
    char line[100];
    struct winsize size;
    printf("%d %d %s\\n", isatty(0), isatty(1), tcgetwinsize(1, &size) ? "?" : size.ws_col > 20 ? "wide" : "narrow");
    while (fgets(line, sizeof line, stdin)) printf("[%s]\\n", line);
    clearerr(stdin);
    struct termios mode;
    tcgetattr(0, &mode);
    cfmakeraw(&mode);
    tcsetattr(0, TCSAFLUSH, &mode);
    printf("raw");
    for (int i = 0; i < 3; i++) printf("<%d>", getchar());
    return 9;
}
`,
      );
      await page.keyboard.press("ControlOrMeta+Enter");
      await status(page, "Waiting for input");
      await shown(page, "1 1 wide");
      await type(page, "abx");
      await page.keyboard.press("Backspace");
      await page.keyboard.type("c äöü");
      await page.keyboard.press("Backspace");
      await page.keyboard.press("Enter");
      // What is rubbed out leaves blanks on the screen.
      assert.match(await shown(page, "]"), /\nabc äö *\n\[abc äö\n\]$/);
      await page.keyboard.type("gone");
      await page.keyboard.press("Control+u");
      await page.keyboard.type("世界x");
      for (let i = 0; i < 2; i++) await page.keyboard.press("Backspace");
      await page.keyboard.type(" two words");
      await page.keyboard.press("Control+w");
      await page.keyboard.press("Enter");
      assert.match(await shown(page, "[世"), /\]\n世 two *\n\[世 two \n\]$/);
      await page.keyboard.press("Control+d");
      await shown(page, "raw");
      // Keys as they are: Control-C is one of them.
      await page.keyboard.press("Control+c");
      await page.keyboard.press("ArrowUp");
      await status(page, "Ended: exit code 9");
      await shown(page, "<3><27><91>");

      await edit(
        page,
        '#include <stdio.h>\nint main(void) { puts("on"); for (volatile int i = 0;; i++); }\n',
      );
      await page.keyboard.press("ControlOrMeta+Enter");
      await shown(page, "on");
      await type(page, "ahead");
      await page.keyboard.press("Control+c");
      await status(page, /^Stopped after/);
    },
  );

  test(`${mode}: files are made, renamed and deleted from the list`, LIMIT, async (t) => {
    const { page } = await openPlayground(t, { isolated });
    const files = page.getByRole("list", { name: "Files" });
    await files.getByRole("button", { name: /^main\.c/ }).waitFor();
    await page.getByRole("button", { name: "New file" }).click();
    await page.getByRole("textbox", { name: "Name" }).fill("main.c");
    await page.getByRole("button", { name: "Create" }).click();
    await page.getByRole("alert").filter({ hasText: "EEXIST" }).waitFor();
    await page.getByRole("textbox", { name: "Name" }).fill("lib/util.h");
    await page.getByRole("button", { name: "Create" }).click();
    await page.getByRole("heading", { name: "lib/util.h" }).waitFor();
    await edit(page, "#define ANSWER 42\n");
    await files.getByRole("button", { name: /^main\.c/ }).click();
    await page.getByRole("heading", { name: "main.c" }).waitFor();
    await edit(page, '#include "lib/util.h"\nint main(void) { return ANSWER; }\n');
    await page.keyboard.press("ControlOrMeta+Enter");
    await status(page, "Ended: exit code 42");

    await page.getByRole("button", { name: "Actions for main.c" }).click();
    await page.getByRole("menuitem", { name: "Rename" }).click();
    await page.getByRole("textbox", { name: "Name" }).fill("prog.c");
    await page.getByRole("button", { name: "Rename" }).click();
    await page.getByRole("heading", { name: "prog.c" }).waitFor();
    await page.getByRole("button", { name: "Actions for main", exact: true }).click();
    await page.getByRole("menuitem", { name: "Delete" }).click();
    await page.getByRole("button", { name: "Delete" }).click();
    await files.getByRole("button", { name: /^main\s/ }).waitFor({ state: "detached" });
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Actions for prog.c" }).click();
    await page.getByRole("menuitem", { name: "Download" }).click();
    assert.equal((await download).suggestedFilename(), "prog.c");
  });
}
