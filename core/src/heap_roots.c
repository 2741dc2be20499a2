/*
 * The roots: everything outside the heap that may refer into it. All are exact: what is looked at is
 * known to be a reference by its type, or by the map that the translator made (code.h).
 */
#include "heap.h"
#include "runtime.h"

/* ---- What the host holds: a hash table from references to counts, with linear probing ---- */

static uint32_t held_place(const struct heap *heap, nidus_ref ref)
{
    uint32_t at = (uint32_t)((ref >> 3) * UINT64_C(0x9E3779B97F4A7C15) >> 32);
    for (at &= heap->held_room - 1; heap->held[at].ref != ref && heap->held[at].ref != NIDUS_NULL;)
        at = (at + 1) & (heap->held_room - 1);
    return at;
}

static int held_grow(struct heap *heap)
{
    struct held_ref *old = heap->held;
    uint32_t old_room = heap->held_room;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < old_room; i++)
        kept += old[i].count != 0;
    uint32_t room = 64;
    while (room < kept * 4 + 4)
        room *= 2;
    struct held_ref *held = pool_new(heap->allocator, room, sizeof *held);
    if (!held)
        return 0;
    heap->held = held;
    heap->held_room = room;
    heap->held_count = kept;
    for (uint32_t i = 0; i < old_room; i++)
        if (old[i].count)
            heap->held[held_place(heap, old[i].ref)] = old[i];
    pool_free(heap->allocator, old, old_room, sizeof *old);
    return 1;
}

int heap_hold(struct heap *heap, nidus_ref ref)
{
    if (!ref_is_object(ref))
        return 1;
    if (heap->held_count * 2 >= heap->held_room && !held_grow(heap))
        return 0;
    struct held_ref *held = &heap->held[held_place(heap, ref)];
    heap->held_count += held->ref == NIDUS_NULL;
    held->ref = ref;
    held->count++;
    return 1;
}

void heap_release(struct heap *heap, nidus_ref ref)
{
    if (!ref_is_object(ref) || !heap->held_room)
        return;
    struct held_ref *held = &heap->held[held_place(heap, ref)];
    if (held->count)
        held->count--; /* the entry stays, for others that were put behind it */
}

/* ---- Runs ---- */

static void mark_values(struct heap *heap, union slot *slot, const nidus_type *types,
                        uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (type_is_ref(types[i]))
            heap_visit(heap, &slot->u64);
        slot += type_cells(types[i]);
    }
}

/* The operands that hold references at a unit. */
static uint32_t roots_at(const struct code *code, uint32_t unit)
{
    uint32_t low = 0;
    uint32_t high = code->root_point_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (code->root_points[middle].unit <= unit)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? code->root_points[low - 1].node : NO_INDEX;
}

/* Slots from `end` on belong to a callee. */
static void mark_frame(struct heap *heap, const struct code *code, uint32_t unit,
                       union slot *fp, const union slot *end)
{
    for (uint32_t i = 0; i < code->ref_local_count; i++)
        heap_visit(heap, &fp[code->ref_locals[i]].u64);
    for (uint32_t node = roots_at(code, unit); node != NO_INDEX;
         node = code->root_nodes[node].parent)
        if (fp + code->root_nodes[node].slot < end)
            heap_visit(heap, &fp[code->root_nodes[node].slot].u64);
}

static void mark_frames(struct heap *heap, const struct nidus_run *run)
{
    const struct nidus_func *func = run_func(run);
    const union slot *end = run->in_host ? run->host_args : run->slots_end;
    if (func->code)
        mark_frame(heap, func->code, (uint32_t)(run->pc - func->code->units), run->fp, end);
    end = run->fp;
    for (const struct call_frame *frame = run->top; --frame > run->frames;) {
        const struct code *code = frame[-1].func->code;
        if (!code)
            continue; /* the host's */
        /* It goes on behind the call, whose map counts. */
        uint32_t unit = (uint32_t)(frame->pc - code->units) - 1;
        mark_frame(heap, code, unit, frame->fp, end);
        end = frame->fp;
    }
}

static void mark_run(struct heap *heap, struct nidus_run *run)
{
    heap_visit(heap, &run->exception);
    for (uint32_t i = 0; i < run->host_refs.count; i++)
        heap_visit(heap, &run->host_refs.items[i]);
    if (!run->executing && run->status == NIDUS_RUN_DONE) {
        const struct nidus_functype *shape = &heap->store->types.items[run->entry->type].shape;
        mark_values(heap, run->slots, shape->results, shape->result_count);
        return;
    }
    if (!run->executing && (run->status == NIDUS_RUN_IDLE || run->status == NIDUS_RUN_TRAPPED))
        return;
    if (run->pc == interp_stub && !run->in_host) {
        const struct nidus_functype *shape = &heap->store->types.items[run->entry->type].shape;
        mark_values(heap, run->slots, shape->params, shape->param_count);
        return;
    }
    mark_frames(heap, run);
}

/* ---- All of them ---- */

static int may_hold_objects(const struct heap *heap, nidus_type type)
{
    return type_is_ref(type) &&
           heap_top(&heap->store->types, NIDUS_TYPE_HEAP(type)) != HEAP_FUNC;
}

static void mark_instance(struct heap *heap, struct nidus_instance *instance)
{
    const struct nidus_module *module = instance->module;
    if (!module->managed || !instance->elems)
        return;
    for (uint32_t i = 0; i < module->elems.count; i++)
        for (uint32_t k = 0; k < instance->elems[i].count; k++)
            heap_visit(heap, &instance->elems[i].items[k]);
}

int heap_roots_are_exact(const struct heap *heap)
{
    int executing = 0;
    for (const struct object *object = heap->store->objects; object; object = object->next) {
        if (object->kind != OBJECT_RUN)
            continue;
        const struct nidus_run *run = (const struct nidus_run *)object;
        if (run->in_host)
            return 0;
        executing |= run->executing;
    }
    return executing;
}

void heap_mark_roots(struct heap *heap)
{
    /* These first, for they stay where they are. */
    for (uint32_t i = 0; i < heap->held_room; i++)
        if (heap->held[i].count)
            heap_mark(heap, heap->held[i].ref);
    for (struct object *object = heap->store->objects; object; object = object->next) {
        switch (object->kind) {
        case OBJECT_TABLE: {
            struct nidus_table *table = (struct nidus_table *)object;
            if (may_hold_objects(heap, table->element))
                for (uint64_t i = 0; i < table->size; i++)
                    heap_visit(heap, &table->items[i]);
            break;
        }
        case OBJECT_GLOBAL: {
            struct nidus_global *global = (struct nidus_global *)object;
            if (may_hold_objects(heap, global->type))
                heap_visit(heap, &global->value[0].u64);
            break;
        }
        case OBJECT_INSTANCE:
            mark_instance(heap, (struct nidus_instance *)object);
            break;
        case OBJECT_RUN:
            mark_run(heap, (struct nidus_run *)object);
            break;
        default:
            break;
        }
    }
}
