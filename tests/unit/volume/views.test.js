/** Views of a volume that another one writes, and how a view becomes the writer. */

import assert from "node:assert/strict";
import { IDBDatabase, IDBFactory, IDBObjectStore, IDBTransaction } from "fake-indexeddb";
import { after, test } from "node:test";
import { FAULTS, createFaults } from "./faults.js";
import { mount, newDatabase, renewLog, snapshot, stored } from "./rig.js";

const faults = createFaults({ IDBFactory, IDBDatabase, IDBObjectStore, IDBTransaction });
after(() => faults.restore());

/** A test that takes longer hangs. */
const LIMIT = { timeout: 300_000 };
const CHUNK = 65536;

/**
 * A view, and how to wait until it has been refreshed once more.
 * @param {IDBFactory} db
 * @param {{memory?: number}} [how]
 */
async function look(db, how) {
  /** @type {[string, string | undefined][]} */
  const events = [];
  let next = () => {};
  const mounted = await mount(
    db,
    (name, error) => {
      events.push([name, error?.code]);
      next();
    },
    { view: true, ...how },
  );
  /** Resolves with the next event. */
  const event = () => new Promise((resolve) => (next = () => resolve(events.at(-1))));
  return { ...mounted, events, event };
}

/**
 * What a file's operation answers, once its contents have come.
 * @param {Awaited<ReturnType<typeof look>>} view
 * @param {() => any} act
 * @param {number} [faults] so often it may be told that they could not be had
 */
async function eventually({ volume }, act, faults = 0) {
  for (;;) {
    try {
      return act();
    } catch (error) {
      if (/** @type {any} */ (error).code === "EIO" && faults-- > 0) continue;
      const coming = volume.settle();
      if (coming === null) throw error;
      await coming;
    }
  }
}

test(
  "a view shows what was stored, follows each flush of its writer, and can change nothing",
  LIMIT,
  async () => {
    const db = newDatabase();
    const writer = await mount(db);
    writer.fs.mkdir("/home/folder");
    writer.fs.writeFile("/home/folder/a", "1");
    await writer.volume.flush();
    const view = await look(db);
    assert.deepEqual(view.volume.state(), { persistent: true, reason: null, readonly: true });
    assert.deepEqual(snapshot(view.fs), snapshot(writer.fs));
    for (const act of [
      () => view.fs.writeFile("/home/b", "x"),
      () => view.fs.rm("/home/folder", { recursive: true }),
      () => view.fs.utimes("/home/folder/a", 1, 1),
      () => view.fs.rename("/home/folder/a", "/home/b"),
    ]) {
      assert.throws(act, { code: "EROFS" });
    }
    for (let i = 0; i < 5; i++) {
      writer.fs.writeFile("/home/folder/a", `version ${i}`);
      writer.fs.writeFile(`/home/large${i}`, new Uint8Array(150_000).fill(i));
      writer.fs.rename("/home/folder", "/home/moved");
      writer.fs.rename("/home/moved", "/home/folder");
      const before = snapshot(view.fs);
      const refreshed = view.event();
      await writer.volume.flush();
      assert.deepEqual(await refreshed, ["refresh", undefined]);
      assert.notDeepEqual(snapshot(view.fs), before);
      assert.deepEqual(snapshot(view.fs), snapshot(writer.fs));
    }
    await view.volume.flush();
    await view.volume.close();
    await writer.volume.close();
  },
);

test(
  "a view of a volume that does not exist yet is empty until somebody writes",
  LIMIT,
  async () => {
    const db = newDatabase();
    const view = await look(db);
    assert.deepEqual(snapshot(view.fs), {});
    const writer = await mount(db);
    const refreshed = view.event();
    writer.fs.writeFile("/home/a", "1");
    await writer.volume.flush();
    await refreshed;
    assert.deepEqual(snapshot(view.fs), { "/home/a": "1" });
  },
);

test(
  "a log that starts anew under a view is read anew, and what was open stays open",
  LIMIT,
  async () => {
    const db = newDatabase();
    const writer = await mount(db);
    writer.fs.writeFile("/home/kept", "kept");
    writer.fs.writeFile("/home/gone", "gone");
    await writer.volume.flush();
    const view = await look(db);
    const fd = view.fs.open("/home/kept");
    writer.fs.rm("/home/gone");
    await renewLog(db, writer);
    while (snapshot(view.fs)["/home/file0"] !== snapshot(writer.fs)["/home/file0"])
      await view.event();
    assert.deepEqual(snapshot(view.fs), snapshot(writer.fs));
    assert.equal(Buffer.from(view.fs.read(fd)).toString(), "kept");
  },
);

test(
  "a view whose contents are not all in memory reads those of the state it shows",
  LIMIT,
  async () => {
    const db = newDatabase();
    const writer = await mount(db);
    const write = (/** @type {number} */ byte) =>
      writer.fs.writeFile("/home/large", new Uint8Array(40 * CHUNK).fill(byte));
    write(1);
    await writer.volume.flush();
    const view = await look(db, { memory: 1 });
    for (let round = 2; round < 6; round++) {
      const fd = view.fs.open("/home/large");
      const seen = new Set();
      let flushed;
      for (let size = 0; size < 40 * CHUNK;) {
        const piece = await eventually(view, () => view.fs.read(fd));
        assert.ok(piece.length > 0);
        size += piece.length;
        for (const byte of new Set(piece)) seen.add(byte);
        // In the middle the writer is a step ahead: the view goes with it, at once.
        if (size >= 20 * CHUNK) flushed ??= (write(round), writer.volume.flush());
        await flushed;
      }
      view.fs.close(fd);
      assert.deepEqual([...seen], [round - 1, round]);
    }
  },
);

test(
  "a view reads to the end what is not all in memory, also while its writer stores without a pause",
  { timeout: 60_000 },
  async () => {
    const db = newDatabase();
    const writer = await mount(db, undefined, { memory: 1024 * 1024 });
    const contents = (/** @type {number} */ i) => Buffer.alloc(200_000, i);
    for (let i = 0; i < 12; i++) {
      writer.fs.writeFile(`/home/${i}`, contents(i));
      await writer.volume.flush();
    }
    const view = await mount(db, undefined, { view: true, memory: 1024 * 1024 });
    let reading = true;
    const writing = (async () => {
      for (let i = 0; reading; i++) {
        writer.fs.writeFile("/home/busy", String(i));
        await writer.volume.flush();
      }
    })();
    for (let i = 0; i < 24; i++) {
      for (let bytes; !bytes;) {
        try {
          bytes = Buffer.from(view.fs.readFile(`/home/${i % 12}`));
          assert.ok(bytes.equals(contents(i % 12)));
        } catch (error) {
          assert.equal(/** @type {any} */ (error).code, "EAGAIN");
          await view.volume.settle();
        }
      }
    }
    reading = false;
    await writing;
    await view.volume.close();
    await writer.volume.close();
  },
);

test("a view that was told nothing notices when it reads", LIMIT, async (t) => {
  const { BroadcastChannel } = globalThis;
  t.after(() => Object.assign(globalThis, { BroadcastChannel }));
  const silent = class {
    postMessage() {}
    close() {}
  };
  Object.assign(globalThis, { BroadcastChannel: silent });
  const db = newDatabase();
  const writer = await mount(db);
  writer.fs.writeFile("/home/large", new Uint8Array(3 * CHUNK).fill(1));
  await writer.volume.flush();
  const view = await look(db, { memory: 1 });
  writer.fs.writeFile("/home/large", new Uint8Array(2 * CHUNK).fill(2));
  await writer.volume.flush();
  assert.equal(view.fs.stat("/home/large").size, 3 * CHUNK);
  const bytes = await eventually(view, () => view.fs.readFile("/home/large"));
  assert.ok(Buffer.alloc(2 * CHUNK, 2).equals(bytes));
  assert.deepEqual(view.events, [["refresh", undefined]]);
});

test(
  "a view becomes the writer with all that was stored; who wrote before is told and overwrites nothing",
  LIMIT,
  async () => {
    const db = newDatabase();
    const writer = await mount(db);
    writer.fs.writeFile("/home/a", "first");
    writer.fs.writeFile("/home/large", new Uint8Array(3 * CHUNK).fill(1));
    await writer.volume.flush();
    const view = await look(db, { memory: 1 });
    const fd = view.fs.open("/home/a");
    writer.fs.writeFile("/home/b", "first");
    writer.fs.truncate("/home/large", CHUNK + 1);
    await writer.volume.flush();
    assert.deepEqual(await view.volume.takeOver(), {
      persistent: true,
      reason: null,
      readonly: false,
    });
    assert.equal(Buffer.from(view.fs.read(fd)).toString(), "first");
    assert.deepEqual(await view.volume.takeOver(), view.volume.state(), "again: nothing happens");
    view.fs.writeFile("/home/b", "second");
    await eventually(view, () => view.fs.appendFile("/home/large", "end"));
    await view.volume.flush();

    writer.fs.writeFile("/home/b", "lost");
    await assert.rejects(writer.volume.flush(), { code: "EBUSY" });
    view.fs.writeFile("/home/c", "second");
    await view.volume.flush();
    const tree = await stored(db);
    assert.deepEqual(Object.keys(tree).sort(), ["/home/a", "/home/b", "/home/c", "/home/large"]);
    assert.deepEqual([tree["/home/a"], tree["/home/b"]], ["first", "second"]);
    assert.equal(tree["/home/large"], `${"\u0001".repeat(CHUNK + 1)}end`);
  },
);

test(
  "a view of a volume that is deleted keeps what it shows, says so, and is not taken over",
  LIMIT,
  async () => {
    const db = newDatabase();
    const writer = await mount(db);
    writer.fs.writeFile("/home/a", "1");
    await writer.volume.flush();
    const view = await look(db);
    await new Promise((resolve) => (db.deleteDatabase("nidus:test").onsuccess = resolve));
    await assert.rejects(view.volume.takeOver(), {
      code: "EBUSY",
      message: /opened or deleted elsewhere/,
    });
    assert.deepEqual(view.volume.state().readonly, true);
    assert.deepEqual(snapshot(view.fs), { "/home/a": "1" });
    // Made anew by somebody else, it is another volume.
    const other = await mount(db);
    other.fs.writeFile("/home/b", "2");
    await other.volume.close();
    assert.deepEqual(snapshot(view.fs), { "/home/a": "1" });
  },
);

for (const name of /** @type {import("./faults.js").FaultName[]} */ (Object.keys(FAULTS))) {
  test(
    `${name}, at every step of a view's life: it shows the state of some flush, and the last one in the end`,
    LIMIT,
    async () => {
      for (let n = 1, steps = n; steps >= n; n++) {
        const db = newDatabase();
        const writer = await mount(db);
        writer.fs.writeFile("/home/a", "1");
        writer.fs.writeFile("/home/large", new Uint8Array(3 * CHUNK).fill(1));
        await writer.volume.flush();
        const states = [snapshot(writer.fs)];
        writer.fs.writeFile("/home/a", "2");
        writer.fs.writeFile("/home/large", new Uint8Array(2 * CHUNK).fill(2));
        const other = snapshot(writer.fs);
        faults.arm(name, n);
        const view = await look(db).catch(() => null);
        const show = () => view && eventually(view, () => snapshot(view.fs), 3);
        const shown = [await show()];
        await writer.volume.flush().catch(() => {});
        states.push(other);
        shown.push(await show());
        const taken = await view?.volume.takeOver().then(
          () => true,
          () => false,
        );
        steps = faults.disarm();
        for (const tree of shown) {
          if (!tree) continue;
          assert.ok(states.some((each) => JSON.stringify(each) === JSON.stringify(tree)));
        }
        if (!view) {
          await writer.volume.close();
          continue;
        }
        if (!taken) await view.volume.takeOver();
        view.fs.writeFile("/home/b", "taken over");
        await view.volume.flush();
        const wanted = await show();
        assert.ok(wanted["/home/a"] === "2" || writer.dirty() > 0, `${name} at ${n}`);
        assert.deepEqual(await stored(db), wanted);
        // They would go on, and be counted.
        await Promise.allSettled([writer.volume.close(), view.volume.close()]);
      }
    },
  );
}
