/* The collector: marking in steps, and the end of a cycle; see heap.h. */
#include <string.h>

#include "heap.h"
#include "runtime.h"

#define BYTES_PER_ROOT 128u  /* allocated for each root that a minor collection looks at, at the least */
#define ARRAY_STRETCH 1024u /* elements of an array scanned at a time */

static struct heap_block *block_of(const void *object)
{
    return (struct heap_block *)((uintptr_t)object & ~(uintptr_t)(HEAP_BLOCK - 1));
}

/* ---- The grey list: an object is named by its block and its place there, in units of 8 bytes, plus
 * one; objects lie within 32 KiB of their block's start. ---- */

static uint32_t link_to(const void *object)
{
    const struct heap_block *block = block_of(object);
    uint32_t place = (uint32_t)((uintptr_t)object - (uintptr_t)block) / 8;
    return block->index * (HEAP_BLOCK / 8) + place;
}

static struct object_head *linked(const struct heap *heap, uint32_t link)
{
    uint8_t *block = (uint8_t *)heap->blocks.items[link / (HEAP_BLOCK / 8)];
    return (struct object_head *)(block + (size_t)(link % (HEAP_BLOCK / 8)) * 8);
}

static void make_grey(struct heap *heap, struct object_head *object)
{
    object->link = heap->grey;
    heap->grey = link_to(object);
}

void heap_note_write(struct heap *heap, struct object_head *object, const nidus_ref *at)
{
    if (heap->marking)
        heap_mark(heap, *at);
    else if (object->link == 0)
        make_grey(heap, object);
}

void heap_mark(struct heap *heap, nidus_ref ref)
{
    heap->looked_at++;
    if (!ref_is_object(ref))
        return;
    struct object_head *object = ref_address(ref);
    if (object->word >> 24 == heap->cycle)
        return;
    object->word = (object->word & HEAP_TYPE_MASK) | (uint32_t)heap->cycle << 24;
    struct heap_block *block = block_of(object);
    block->cycle = heap->cycle;
    if (block->large) {
        heap->live += block->large;
    } else {
        size_t size = heap_size(heap, object);
        size_t from = (size_t)((uint8_t *)object - (uint8_t *)block);
        size_t last = (from + size - 1) / HEAP_LINE;
        for (size_t line = from / HEAP_LINE; line <= last; line++)
            block->lines[line] = heap->cycle;
        heap->live += size;
    }
    const struct deftype *type = &heap->store->types.items[object_type(object)];
    if (type->ref_count == 0 && type->kind != KIND_FUNC)
        return;
    make_grey(heap, object);
}

/* ---- Scanning ---- */

static void scan_fields(struct heap *heap, const uint8_t *object, const struct deftype *type)
{
    uint32_t left = type->ref_count;
    for (const struct field *field = type->fields; left > 0; field++) {
        if (!type_is_ref(field->type))
            continue;
        nidus_ref ref;
        memcpy(&ref, object + field->offset, sizeof ref);
        heap_mark(heap, ref);
        left--;
    }
}

static void scan_exception(struct heap *heap, const struct heap_exception *exception,
                           const struct deftype *type)
{
    const uint64_t *cell = exception->cells;
    for (uint32_t i = 0; i < type->shape.param_count; i++) {
        if (type_is_ref(type->shape.params[i]))
            heap_mark(heap, *cell);
        cell += type_cells(type->shape.params[i]);
    }
}

/* Some elements of heap->scanning; answers their bytes. */
static uint64_t scan_stretch(struct heap *heap)
{
    const struct heap_array *array = heap->scanning;
    const uint8_t *elements = (const uint8_t *)array + ARRAY_HEAD;
    uint32_t count = array->length - heap->scan_from;
    if (count > ARRAY_STRETCH)
        count = ARRAY_STRETCH;
    for (uint32_t i = 0; i < count; i++) {
        nidus_ref ref;
        memcpy(&ref, elements + (size_t)(heap->scan_from + i) * sizeof ref, sizeof ref);
        heap_mark(heap, ref);
    }
    heap->scan_from += count;
    if (heap->scan_from == array->length)
        heap->scanning = NULL;
    return (uint64_t)count * sizeof(nidus_ref);
}

/* Scans one object, or a stretch of one; answers about how many bytes it looked at, 0 when all is
 * done. */
static uint64_t scan_one(struct heap *heap)
{
    if (heap->scanning)
        return scan_stretch(heap);
    if (heap->grey == LINK_END)
        return 0;
    struct object_head *object = linked(heap, heap->grey);
    heap->grey = object->link;
    object->link = 0;
    const struct deftype *type = &heap->store->types.items[object_type(object)];
    switch (type->kind) {
    case KIND_STRUCT:
        scan_fields(heap, (const uint8_t *)object, type);
        return type->size;
    case KIND_FUNC:
        scan_exception(heap, (const struct heap_exception *)object, type);
        return sizeof(struct heap_exception);
    default:
        heap->scanning = (struct heap_array *)object;
        heap->scan_from = 0;
        return ARRAY_HEAD + scan_stretch(heap);
    }
}

/* ---- Collections ---- */

static void keep_hole(struct heap *heap, const struct heap_hole *hole)
{
    if (hole->at == hole->end)
        return;
    struct heap_block *block = block_of(hole->at);
    size_t from = (size_t)(hole->at - (uint8_t *)block) / HEAP_LINE;
    size_t to = (size_t)(hole->end - (uint8_t *)block) / HEAP_LINE;
    memset(block->lines + from, heap->cycle, to - from);
    block->cycle = heap->cycle;
}

/* Large objects without the mark are freed; blocks are looked at for holes again. */
static void sweep_blocks(struct heap *heap)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < heap->blocks.count; i++) {
        struct heap_block *block = heap->blocks.items[i];
        block->claimed = 0;
        if (i < heap->young_block && block->large && block->cycle != heap->cycle)
            heap->young_block--; /* those behind it move down */
        if (block->large && block->cycle != heap->cycle) {
            heap->bytes -= block->large;
            pool_free(heap->allocator, block->memory, block->large, 1);
            continue;
        }
        block->index = kept;
        heap->blocks.items[kept++] = block;
    }
    heap->blocks.count = kept;
}

/* In stress mode what was freed is overwritten, so that a root that was missed shows. */
static void poison(struct heap *heap)
{
    for (uint32_t i = 0; i < heap->blocks.count; i++) {
        struct heap_block *block = heap->blocks.items[i];
        for (uint32_t line = HEAP_FIRST_LINE; !block->large && line < HEAP_LINES; line++)
            if (block->lines[line] != heap->cycle)
                memset((uint8_t *)block + (size_t)line * HEAP_LINE, 0xA5, HEAP_LINE);
    }
}

/* Everything reachable has the mark, and nothing is grey. */
static void end_collection(struct heap *heap)
{
    heap->hole = heap->whole = (struct heap_hole){NULL, NULL};
    sweep_blocks(heap);
    heap->next_block = heap->young_block;
    heap->next_line = 0;
    heap->allocated = 0;
    if (heap->stress)
        poison(heap);
}

static void begin_major(struct heap *heap)
{
    /* Numbers come round; a line with one of long ago is kept once more, and that is all. */
    heap->cycle = heap->cycle == UINT8_MAX ? 1 : (uint8_t)(heap->cycle + 1);
    heap->marking = 1;
    heap->mark = (uint32_t)heap->cycle << 24;
    heap->live = 0;
    heap->debt = 0;
    keep_hole(heap, &heap->hole);
    keep_hole(heap, &heap->whole);
    heap_mark_roots(heap);
}

static void end_major(struct heap *heap)
{
    heap->marking = 0;
    heap->mark = 0;
    heap->last = heap->cycle;
    heap->young_block = 0;
    heap->major = 2 * heap->live > HEAP_FIRST_MAJOR ? 2 * heap->live : HEAP_FIRST_MAJOR;
    end_collection(heap);
}

void heap_step(struct heap *heap, uint64_t bytes)
{
    for (uint64_t done = 0; done <= bytes;) {
        uint64_t looked_at = scan_one(heap);
        if (looked_at == 0) {
            end_major(heap);
            return;
        }
        done += looked_at;
    }
}

static void collect_young(struct heap *heap)
{
    heap->looked_at = 0;
    heap_mark_roots(heap);
    while (scan_one(heap))
        ;
    uint64_t looked_at = heap->looked_at;
    end_collection(heap);
    heap->threshold = looked_at * BYTES_PER_ROOT > HEAP_NURSERY ? looked_at * BYTES_PER_ROOT
                                                               : HEAP_NURSERY;
}

void heap_minor(struct heap *heap)
{
    collect_young(heap);
    if (heap->live >= heap->major)
        begin_major(heap);
}

void heap_collect(struct heap *heap)
{
    /* A collection that is under way keeps what has become garbage since it began: it ends first. */
    if (heap->marking)
        heap_step(heap, UINT64_MAX - 1);
    else
        collect_young(heap);
    begin_major(heap);
    heap_step(heap, UINT64_MAX - 1);
}
