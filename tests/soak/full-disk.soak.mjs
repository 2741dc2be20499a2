/** A guest fills a small disk, and then others do, in some seconds: see full-disk.js. */
import { fileURLToPath } from "node:url";
import { filledDiskTest, fullDiskTest, inOwnNamespace } from "./full-disk.js";

const ran = await inOwnNamespace(fileURLToPath(import.meta.url), async () => {
  await fullDiskTest(console.log);
  await filledDiskTest(console.log);
});
if (!ran)
  console.log("skipped: this machine gives no namespaces to mount a disk in (unshare -Urm)");
