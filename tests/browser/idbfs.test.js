/**
 * A program built by `emcc -lidbfs.js` and a guest of Nidus, both made from tests/idbfs/files.c, on one page and
 * one database: what either writes, renames and deletes, the other sees.
 */

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { buildGuest, buildPeer, emccVersion } from "../idbfs/build.js";
import { LIMIT, MODES, openBlank } from "./chromium.js";

const POINT = "/home/web_user";

/**
 * A page with the two: `peer` and `guest` run a command and answer what it prints, `load` and `save` are IDBFS's two
 * directions, `flush` is ours.
 * @param {import("node:test").TestContext} t
 * @param {boolean} isolated
 */
async function start(t, isolated) {
  const built = fileURLToPath(new URL("../../build/idbfs/", import.meta.url));
  mkdirSync(built, { recursive: true });
  writeFileSync(`${built}files.wasm`, await buildGuest());
  const { page } = await openBlank(t, { isolated });
  await page.evaluate(`(async () => {
    let printed = "";
    const print = (line) => (printed += line + "\\n");
    const { default: start } = await import("/${buildPeer()}");
    let synced;
    const program = await start({ print, printErr: print, synced: (error) => synced(error) });
    const peer = async (...args) => {
      printed = "";
      const code = program.callMain(args);
      if (code !== 0) throw new Error(args.join(" ") + ": " + printed);
      return printed;
    };
    const sync = (direction) => new Promise((resolve, reject) => {
      synced = (error) => (error ? reject(error) : resolve());
      peer(direction);
    });
    await peer("mount", "${POINT}");
    await sync("load");
    const boot = async () => {
      globalThis.system = await Nidus.boot({ volumes: { "/data": "idbfs:${POINT}" } });
      const bytes = await (await fetch("/build/idbfs/files.wasm")).arrayBuffer();
      await system.fs.writeFile("/tmp/files", new Uint8Array(bytes), { mode: 0o755 });
    };
    const guest = async (...args) => {
      const { code, stdout, stderr } = await system.exec("/tmp/files", args);
      if (code !== 0) throw new Error(args.join(" ") + ": " + stderr);
      return stdout;
    };
    await boot();
    Object.assign(globalThis, { peer, guest, boot,
      load: () => sync("load"), save: () => sync("save"), flush: () => system.flush() });
  })()`);
  /** @type {(who: "peer" | "guest", ...args: string[]) => Promise<string>} */
  const run = (who, ...args) => page.evaluate(`${who}(...${JSON.stringify(args)})`);
  return {
    page,
    /** Commands of one side, each in a line. @param {"peer" | "guest"} who @param {string} lines */
    async does(who, lines) {
      for (const line of lines.trim().split("\n")) await run(who, ...line.trim().split(" "));
    },
    /** What either has, without where it is mounted. @param {"peer" | "guest"} who */
    async tree(who) {
      const folder = who === "peer" ? POINT : "/data";
      return (await run(who, "tree", folder)).replaceAll(folder, "");
    },
    /** @param {"load" | "save" | "flush" | "boot"} verb */
    sync: (verb) => page.evaluate(`${verb}()`),
  };
}

for (const { mode, isolated } of MODES) {
  test(
    `a guest reads what a program built by Emscripten has stored (${mode})`,
    LIMIT,
    async (t) => {
      const { does, tree, sync, page } = await start(t, isolated);
      await does(
        "peer",
        `mkdir ${POINT}/src
       write ${POINT}/src/main.c int-main
       write ${POINT}/empty ${""}
       append ${POINT}/large 4096 150
       fill ${POINT}/many 120 100
       chmod 640 ${POINT}/empty
       symlink src/main.c ${POINT}/link`,
      );
      await sync("save");
      await sync("flush");
      const seen = await tree("guest");
      // Of a link, Emscripten 3.1.6 stores an empty file.
      const link = /^\/link(?: -> \/src\/main\.c|: {2}0 00001505)$/m;
      assert.match(seen, link);
      assert.equal(seen.replace(link, ""), (await tree("peer")).replace(link, ""));
      assert.match(seen, /^\/large: x{60} 614400 /m);
      assert.equal(
        await page.evaluate(`system.fs.stat("/data/empty").then((s) => s.mode)`),
        0o100640,
      );
      // And from the start, in a system that finds it all there.
      await page.evaluate("system.close()");
      await sync("boot");
      assert.equal(await tree("guest"), seen);
    },
  );

  test(
    `a program built by Emscripten reads what a guest has stored (${mode})`,
    LIMIT,
    async (t) => {
      const { does, tree, sync, page } = await start(t, isolated);
      await does(
        "guest",
        `mkdir /data/src
       write /data/src/main.c int-main
       append /data/large 4096 150
       fill /data/many 120 100
       link /data/large /data/second
       truncate 100000 /data/src/main.c
       rename /data/many /data/all
       unlink /data/all/d000/f00007`,
      );
      await page.evaluate(`system.fs.chmod("/data/large", 0o600)`);
      await sync("flush");
      await sync("load");
      const seen = await tree("guest");
      assert.equal(await tree("peer"), seen);
      assert.match(seen, /^\/second: x{60} 614400 /m);
      assert.match(seen, /^\/src\/main.c: int-main\.{52} 100000 /m);
      // Stored is the size of the file, and not what IDBFS had allocated.
      const stored = await page.evaluate(`new Promise((resolve) => {
      indexedDB.open("${POINT}").onsuccess = ({ target: { result } }) =>
        (result.transaction("FILE_DATA").objectStore("FILE_DATA").get("${POINT}/large").onsuccess =
          ({ target }) => resolve([target.result.contents.buffer.byteLength, target.result.mode]));
    })`);
      assert.deepEqual(stored, [614_400, 0o100600]);
    },
  );
}

test("changes of both sides meet, whoever goes first", LIMIT, async (t) => {
  const { does, tree, sync } = await start(t, false);
  const same = async () => {
    const [peer, guest] = [await tree("peer"), await tree("guest")];
    assert.equal(peer, guest);
    return guest;
  };
  await does("guest", "fill /data/g 10 50");
  await sync("flush");
  // IDBFS deletes what it has not loaded, so it loads first; a flush of ours needs no such care.
  await sync("load");
  await does("peer", `fill ${POINT}/p 10 50`);
  await sync("save");
  await sync("flush");
  await same();
  await does("peer", `unlink ${POINT}/g/d000/f00003\nrename ${POINT}/p ${POINT}/q`);
  await sync("save");
  await does("guest", "write /data/g/d000/f00004 changed\nunlink /data/g/d000/f00005");
  await sync("flush");
  await sync("load");
  const paths = (await same()).split("\n").map((line) => line.split(/: /)[0]);
  const names = (/** @type {string} */ of, /** @type {number[]} */ gone) => [
    `/${of}/`,
    `/${of}/d000/`,
    ...Array.from({ length: 10 }, (_, i) => i)
      .filter((i) => !gone.includes(i))
      .map((i) => `/${of}/d000/f0000${i}`),
  ];
  assert.deepEqual(paths, [...names("g", [3, 5]), ...names("q", []), ""]);
  assert.match(await tree("guest"), /^\/g\/d000\/f00004: changed 7 /m);
});

test(
  "empty folders, what removes them, modes and times go both ways while both are open",
  LIMIT,
  async (t) => {
    const { does, tree, sync, page } = await start(t, false);
    const stored = () =>
      page.evaluate(`new Promise((resolve) => {
      indexedDB.open("${POINT}").onsuccess = ({ target: { result } }) => {
        const found = {};
        result.transaction("FILE_DATA").objectStore("FILE_DATA").openCursor().onsuccess =
          ({ target: { result: cursor } }) => {
            if (!cursor) return resolve(found);
            found[cursor.key] = [Number(cursor.value.timestamp), cursor.value.mode];
            cursor.continue();
          };
      };
    })`);
    await does("guest", "mkdir /data/ours\nmkdir /data/both\nwrite /data/f text");
    await page.evaluate(`system.fs.utimes("/data/f", 1e9, 1_000_000_000.125)`);
    await page.evaluate(`system.fs.chmod("/data/both", 0o700)`);
    await sync("flush");
    assert.deepEqual((await stored())[`${POINT}/f`], [1_000_000_000_125, 0o100644]);
    assert.equal((await stored())[`${POINT}/both`][1], 0o40700);
    await sync("load");
    assert.equal(await tree("peer"), await tree("guest"));
    await does(
      "peer",
      `rmdir ${POINT}/ours\nmkdir ${POINT}/theirs\nchmod 600 ${POINT}/f\nwrite ${POINT}/f longer`,
    );
    await sync("save");
    await does("guest", "rmdir /data/both");
    await sync("flush");
    await sync("load");
    assert.equal(await tree("peer"), await tree("guest"));
    assert.deepEqual(await page.evaluate(`system.fs.readdir("/data")`), ["f", "theirs"]);
    const [time, mode] = (await stored())[`${POINT}/f`];
    assert.equal(mode, 0o100600);
    assert.deepEqual(
      await page.evaluate(`system.fs.stat("/data/f").then((s) => [s.mtimeMs, s.mode])`),
      [time, mode],
    );
  },
);

test(
  "our flush keeps what another program stored meanwhile; IDBFS's would have deleted it",
  LIMIT,
  async (t) => {
    const { does, tree, sync } = await start(t, false);
    await does("peer", `write ${POINT}/theirs text`);
    await sync("save");
    await does("guest", "write /data/ours text");
    await sync("flush");
    assert.match(await tree("guest"), /^\/ours: text .*\n\/theirs: text /);
    await sync("load");
    assert.equal(await tree("peer"), await tree("guest"));
  },
);

test("when both change a file, the page is told which change stayed", LIMIT, async (t) => {
  const { does, tree, sync, page } = await start(t, false);
  await does("peer", `write ${POINT}/f first`);
  await sync("save");
  await sync("flush");
  await page.evaluate(
    `globalThis.told = []; void system.on("conflict", (error) => told.push(error.message))`,
  );
  // Nothing has changed here when theirs comes, so no flush takes it before ours is written.
  await does("peer", `write ${POINT}/f there`);
  await sync("save");
  await page.evaluate(`system.fs.writeFile("/data/f", "here").then(flush)`);
  assert.deepEqual(await page.evaluate("told"), [
    `Another program changed files of "${POINT}" that were changed here, too. Kept as they are here: /data/f.`,
  ]);
  assert.match(await tree("guest"), /^\/f: here /);
  await sync("load");
  assert.match(await tree("peer"), /^\/f: here /);
});

test(
  "links are stored as current versions of Emscripten store them, which 3.1.6 cannot load",
  LIMIT,
  async (t) => {
    const { does, tree, sync, page } = await start(t, false);
    await does("guest", "write /data/f text\nsymlink f /data/link");
    await sync("flush");
    const record = await page.evaluate(`new Promise((resolve) => {
    indexedDB.open("${POINT}").onsuccess = ({ target: { result } }) =>
      (result.transaction("FILE_DATA").objectStore("FILE_DATA").get("${POINT}/link").onsuccess =
        ({ target: { result: { timestamp, ...rest } } }) => resolve({ ...rest, dated: timestamp instanceof Date }));
  })`);
    assert.deepEqual(record, { mode: 0o120777, link: "f", dated: true });
    const outcome = await page.evaluate(`load().then(() => "", (error) => error.message)`);
    if (emccVersion().includes(" 3.1.6 ")) {
      assert.equal(outcome, "node type not supported");
      // It has all the rest.
      assert.match(await tree("peer"), /^\/f: text /);
    } else {
      assert.equal(await tree("peer"), await tree("guest"));
    }
  },
);
