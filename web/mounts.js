/**
 * What mounts are made from: archives, read straight into kernel memory, and literal trees.
 */

import { NidusError } from "./errors.js";

/**
 * A tar archive: its bytes, a stream or response, or a reader of a known size that fills what it is
 * given and answers the number of bytes.
 * @typedef {Uint8Array | ArrayBuffer | Blob | Response | ReadableStream<Uint8Array>
 *   | {size: number, read: (into: Uint8Array) => number | Promise<number>}} ArchiveSource
 */

/**
 * Files by name: `{"src/a.c": "…"}`, nested, or as WebContainers writes it,
 * `{src: {directory: {"a.c": {file: {contents: "…"}}}}}`.
 * @typedef {string | Uint8Array | {file: {contents: string | Uint8Array}} | {file: {symlink: string}}
 *   | {symlink: string} | {directory: Tree} | Tree} TreeNode
 * @typedef {{[name: string]: TreeNode}} Tree
 */

/** What is allocated first for an archive whose size is not known. */
const FIRST_GUESS = 4 * 1024 * 1024;

/** @typedef {import("./kernel.js").Kernel} Kernel */

/**
 * Reads an archive into kernel memory; what comes back belongs to the mount to be made.
 * @param {Kernel} kernel
 * @param {ArchiveSource} source
 * @param {number} [size] if known
 */
export async function loadArchive(kernel, source, size) {
  const buffer = new Growing(kernel, size ?? sizeOf(source));
  try {
    if (source instanceof Uint8Array || source instanceof ArrayBuffer) {
      buffer.append(source instanceof Uint8Array ? source : new Uint8Array(source));
    } else if ("read" in source) {
      await buffer.fill(source.read);
    } else {
      const stream =
        source instanceof Response
          ? source.body
          : source instanceof Blob
            ? source.stream()
            : source;
      const reader = /** @type {ReadableStream<Uint8Array>} */ (stream).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        buffer.append(value);
      }
    }
    return { ptr: buffer.ptr, length: buffer.length };
  } catch (error) {
    kernel.free(buffer.ptr);
    throw error;
  }
}

/** @param {ArchiveSource} source */
function sizeOf(source) {
  if (source instanceof Uint8Array || source instanceof ArrayBuffer) return source.byteLength;
  if (source instanceof Blob || "read" in source) return source.size;
  return FIRST_GUESS;
}

/** Bytes in kernel memory that become more. */
class Growing {
  length = 0;

  /**
   * @param {Kernel} kernel
   * @param {number} capacity
   */
  constructor(kernel, capacity) {
    this.kernel = kernel;
    this.capacity = Math.max(capacity, 512);
    this.ptr = kernel.alloc(this.capacity);
  }

  /** @param {Uint8Array} bytes */
  append(bytes) {
    if (bytes.length > this.capacity - this.length) {
      const capacity = Math.max(this.capacity * 2, this.length + bytes.length);
      const ptr = this.kernel.alloc(capacity);
      this.kernel.u8().copyWithin(ptr, this.ptr, this.ptr + this.length);
      this.kernel.free(this.ptr);
      this.ptr = ptr;
      this.capacity = capacity;
    }
    this.kernel.u8().set(bytes, this.ptr + this.length);
    this.length += bytes.length;
  }

  /** @param {(into: Uint8Array) => number | Promise<number>} read */
  async fill(read) {
    while (this.length < this.capacity) {
      const view = this.kernel.u8().subarray(this.ptr + this.length, this.ptr + this.capacity);
      const got = await read(view);
      if (got === 0) return;
      this.length += got;
    }
  }
}

/**
 * Writes a literal tree below a folder, which is made if it is missing.
 * @param {import("./fs.js").FsSync} sync
 * @param {string} path
 * @param {Tree} tree
 */
export function writeTree(sync, path, tree) {
  /** @type {[string, Tree][]} */
  const folders = [[path === "/" ? "" : path, tree]];
  for (const [folder, entries] of folders) {
    if (folder !== "") sync.mkdirs(folder);
    for (const [name, node] of Object.entries(entries)) {
      const at = `${folder}/${name}`;
      const above = at.slice(0, at.lastIndexOf("/"));
      if (above !== folder) sync.mkdirs(above);
      const kind = kindOf(node, at);
      if (kind.contents !== undefined) sync.writeFile(at, kind.contents);
      else if (kind.symlink !== undefined) sync.symlink(kind.symlink, at);
      else folders.push([at, kind.tree ?? {}]);
    }
  }
}

/**
 * @param {TreeNode} node
 * @param {string} path
 * @returns {{contents?: string | Uint8Array, symlink?: string, tree?: Tree}}
 */
function kindOf(node, path) {
  if (typeof node === "string" || node instanceof Uint8Array) return { contents: node };
  if (typeof node !== "object" || node === null) {
    throw new NidusError("EINVAL", `EINVAL: ${path} in the tree is neither a file nor a folder`);
  }
  const { file, directory, symlink } =
    /** @type {{file?: {contents?: string | Uint8Array, symlink?: string}, directory?: Tree, symlink?: string}} */ (
      node
    );
  if (typeof symlink === "string" && Object.keys(node).length === 1) return { symlink };
  if (typeof directory === "object" && !(directory instanceof Uint8Array))
    return { tree: directory };
  if (typeof file === "object" && !(file instanceof Uint8Array)) {
    if (typeof file.symlink === "string") return { symlink: file.symlink };
    if (file.contents !== undefined) return { contents: file.contents };
  }
  return { tree: /** @type {Tree} */ (node) };
}
