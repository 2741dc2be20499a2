/**
 * Literal trees of files, written to what lies at a path.
 */

import { NidusError } from "./errors.js";

/**
 * Files by name: `{"src/a.c": "…"}`, nested, or as WebContainers writes it,
 * `{src: {directory: {"a.c": {file: {contents: "…"}}}}}`.
 * @typedef {string | Uint8Array | {file: {contents: string | Uint8Array}} | {file: {symlink: string}}
 *   | {symlink: string} | {directory: Tree} | Tree} TreeNode
 * @typedef {{[name: string]: TreeNode}} Tree
 */

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
    if (folder !== "") sync.mkdir(folder, { recursive: true });
    for (const [name, node] of Object.entries(entries)) {
      const at = `${folder}/${name}`;
      const above = at.slice(0, at.lastIndexOf("/"));
      if (above !== folder) sync.mkdir(above, { recursive: true });
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
