/*
 * Where frames hold references: the map that lets the collector find its exact roots.
 *
 * Only references in operand homes need noting: references in locals lie there all the time, and
 * entries that stand for a local or a constant null have nothing in their homes. The stack at the
 * start of a wasm instruction is what counts for all operations made from it, because nothing is
 * collected between two operations of one instruction: the loop stops before an operation that
 * allocates or calls, whose operands are still in their homes, or at a label, or behind a call; and
 * single steps do not stop behind mere moves (interp_loop.h).
 *
 * Nodes form a tree: a stack is a path to its root, so noting one costs the same however high it is.
 */
#include <string.h>

#include "translate.h"

static enum nidus_code add_node(struct translator *t, uint32_t parent, uint16_t slot,
                                uint32_t *node)
{
    if (!VEC_ROOM(t->allocator, &t->root_nodes, 1))
        return error_no_memory(&t->error);
    *node = t->root_nodes.count;
    t->root_nodes.items[t->root_nodes.count++] = (struct root_node){parent, slot};
    return NIDUS_OK;
}

enum nidus_code roots_update(struct translator *t, uint32_t position)
{
    if (!t->tracks_roots)
        return NIDUS_OK;
    uint32_t roots = position ? t->stack.items[position - 1].roots : NO_INDEX;
    for (uint32_t i = position; i < t->stack.count; i++) {
        struct entry *entry = &t->stack.items[i];
        if (entry->kind == ENTRY_TEMP && entry->width == WIDTH_REF)
            TRY(add_node(t, roots, entry->home, &roots));
        entry->roots = roots;
    }
    t->roots = roots;
    return NIDUS_OK;
}

enum nidus_code roots_note(struct translator *t)
{
    if (!t->tracks_roots)
        return NIDUS_OK;
    uint32_t unit = t->units.count;
    /* Operations that were taken back, and instructions that made none. */
    while (t->root_points.count && t->root_points.items[t->root_points.count - 1].unit >= unit)
        t->root_points.count--;
    uint32_t before = t->root_points.count ? t->root_points.items[t->root_points.count - 1].node
                                           : NO_INDEX;
    if (before == t->roots)
        return NIDUS_OK;
    if (!VEC_ROOM(t->allocator, &t->root_points, 1))
        return error_no_memory(&t->error);
    t->root_points.items[t->root_points.count++] = (struct root_point){unit, t->roots};
    return NIDUS_OK;
}

enum nidus_code roots_local(struct translator *t, uint32_t slot)
{
    if (!t->tracks_roots)
        return NIDUS_OK;
    if (!VEC_ROOM(t->allocator, &t->ref_locals, 1))
        return error_no_memory(&t->error);
    t->ref_locals.items[t->ref_locals.count++] = (uint16_t)slot;
    return NIDUS_OK;
}

/* A copy of just the size; NULL for nothing and for no memory, which *failed tells. */
static void *exact(const struct translator *t, const void *items, uint32_t count, size_t size,
                   int *failed)
{
    if (count == 0)
        return NULL;
    void *copy = pool_new(t->allocator, count, size);
    if (copy)
        memcpy(copy, items, count * size);
    else
        *failed = 1;
    return copy;
}

enum nidus_code roots_finish(struct translator *t, struct code *code)
{
    int failed = 0;
    code->root_node_count = t->root_nodes.count;
    code->root_point_count = t->root_points.count;
    code->ref_local_count = t->ref_locals.count;
    code->handler_count = t->handlers.count;
    code->root_nodes = exact(t, t->root_nodes.items, t->root_nodes.count,
                             sizeof *code->root_nodes, &failed);
    code->root_points = exact(t, t->root_points.items, t->root_points.count,
                              sizeof *code->root_points, &failed);
    code->ref_locals = exact(t, t->ref_locals.items, t->ref_locals.count,
                             sizeof *code->ref_locals, &failed);
    code->handlers = exact(t, t->handlers.items, t->handlers.count, sizeof *code->handlers,
                           &failed);
    return failed ? error_no_memory(&t->error) : NIDUS_OK;
}
