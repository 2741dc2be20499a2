// The page's half of the bench of the kinds of volumes: the same work on an `idb` and on an `opfs` volume.
import { Nidus } from "../../../web/nidus.js";

const MB = 1e6;
const LARGE = 64 * MB;
const PIECE = 4 * MB;
const FILES = 2000;
const SMALL = 1024;
const SYNCS = 100;
const APPEND = 4096;

/** @param {() => Promise<unknown>} work */
async function timed(work) {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/**
 * Milliseconds of each step; each ends when what it wrote is stored.
 * @param {string} volume
 */
async function job(volume) {
  /** @type {Record<string, number>} */
  const times = {};
  let system = await Nidus.boot({ volume });
  const reboot = async () => {
    await system.close();
    system = await Nidus.boot({ volume });
  };
  const bytes = new Uint8Array(PIECE).map((_, i) => i * 31);

  times[`write ${LARGE / MB} MB into files of ${PIECE / MB} MB`] = await timed(async () => {
    for (let i = 0; i < LARGE / PIECE; i++) await system.fs.writeFile(`/home/large${i}`, bytes);
    await system.flush();
  });
  await reboot();
  times[`read ${LARGE / MB} MB after a restart`] = await timed(async () => {
    for (let i = 0; i < LARGE / PIECE; i++) await system.fs.readFile(`/home/large${i}`);
  });
  times["overwrite 4 MB"] = await timed(async () => {
    await system.fs.writeFile("/home/large0", bytes);
    await system.flush();
  });
  times[`write ${FILES} files of 1 KB`] = await timed(async () => {
    await system.fs.mkdir("/home/small");
    const small = bytes.subarray(0, SMALL);
    for (let i = 0; i < FILES; i++) await system.fs.writeFile(`/home/small/f${i}`, small);
    await system.flush();
  });
  times[`${SYNCS} times: append 4 KB and flush, each`] =
    (await timed(async () => {
      let text = new Uint8Array(0);
      for (let i = 0; i < SYNCS; i++) {
        const longer = new Uint8Array(text.length + APPEND);
        longer.set(text);
        text = longer.subarray(0, Math.min(longer.length, 60_000));
        await system.fs.writeFile("/home/log", text);
        await system.flush();
      }
    })) / SYNCS;
  times[`boot with ${FILES} files and ${LARGE / MB} MB`] = await timed(reboot);
  await system.close();
  return times;
}

Object.assign(globalThis, { job });
