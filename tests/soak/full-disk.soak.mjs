/** A guest fills a small disk, in some seconds: see full-disk.js. */
import { fileURLToPath } from "node:url";
import { fullDiskTest, inOwnNamespace } from "./full-disk.js";

const ran = await inOwnNamespace(fileURLToPath(import.meta.url), () => fullDiskTest(console.log));
if (!ran)
  console.log("skipped: this machine gives no namespaces to mount a disk in (unshare -Urm)");
