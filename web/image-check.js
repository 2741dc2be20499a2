/**
 * What damaged and missing chunks of a volume mean to who uses it: files, and places in them.
 */

const CHUNK = 65536;

/**
 * One sentence for each chunk.
 * @param {import("./system.js").System["sync"]} fs
 * @param {string} mount the path of the volume
 * @param {[ino: number, index: number][]} chunks
 * @param {string} what is wrong with them
 */
export function describeChunks(fs, mount, chunks, what) {
  const wanted = new Set(chunks.map(([ino]) => ino));
  /** @type {Map<number, {path: string, size: number}>} */
  const found = new Map();
  const folders = [mount];
  for (let folder; (folder = folders.pop()) !== undefined && found.size < wanted.size;) {
    for (const name of /** @type {string[]} */ (fs.readdir(folder))) {
      const path = `${folder}/${name}`;
      const stats = fs.lstat(path);
      if (stats.isDirectory()) folders.push(path);
      if (wanted.has(stats.ino)) {
        found.set(stats.ino, { path: path.slice(mount.length), size: stats.size });
      }
    }
  }
  return chunks.map(([ino, index]) => {
    const file = found.get(ino);
    if (!file || file.size <= index * CHUNK) {
      return "there are damaged contents that belong to no file";
    }
    const last = Math.min(file.size, (index + 1) * CHUNK) - 1;
    return `${file.path}: bytes ${index * CHUNK} to ${last} ${what}`;
  });
}
