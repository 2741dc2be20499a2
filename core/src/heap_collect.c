/* The collector: marking in steps, and the end of a cycle; see heap.h. */
#include <string.h>

#include "heap.h"
#include "runtime.h"

#define BYTES_PER_ROOT 128u /* allocated for each root that a minor collection looks at, at the least ... */
#define LARGEST_NURSERY (16 * HEAP_NURSERY) /* ... up to this */

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
    uint8_t *block = (uint8_t *)heap->blocks.items[link / (HEAP_BLOCK / 8)].block;
    return (struct object_head *)(block + (size_t)(link % (HEAP_BLOCK / 8)) * 8);
}

static void make_grey(struct heap *heap, struct object_head *object)
{
    object->link = heap->grey;
    heap->grey = link_to(object);
}

/* Elements of a card of a large array. */
static uint32_t card_length(const struct heap_array *array)
{
    return array->length / HEAP_LINES + 1;
}

void heap_note_write(struct heap *heap, struct object_head *object, const nidus_ref *at)
{
    if (heap->marking) {
        heap_mark(heap, *at);
        return;
    }
    struct heap_block *block = block_of(object);
    if (heap->blocks.items[block->index].large) {
        const struct heap_array *array = (const struct heap_array *)object;
        block->lines[(uint32_t)(at - (const nidus_ref *)(array + 1)) / card_length(array)] = 1;
    }
    if (object->link == 0)
        make_grey(heap, object);
}

static void mark_object(struct heap *heap, struct object_head *object)
{
    object->word = (object->word & HEAP_TYPE_MASK) | (uint32_t)heap->cycle << 24;
    struct heap_block *block = block_of(object);
    struct heap_entry *entry = &heap->blocks.items[block->index];
    entry->cycle = heap->cycle;
    if (entry->large) {
        heap->live += entry->large;
        memset(block->lines, 1, sizeof block->lines);
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

void heap_mark(struct heap *heap, nidus_ref ref)
{
    heap->work++;
    if (ref_is_object(ref)) {
        struct object_head *object = ref_address(ref);
        if (object->word >> 24 != heap->cycle)
            mark_object(heap, object);
    }
}

/* Where the object is now: it stays when it is not small, and nothing moves any more when there is no free block.
 * Free blocks behind the one that the allocator looks at have nothing young in them. */
static struct object_head *move(struct heap *heap, struct object_head *object)
{
    size_t size = heap_size(heap, object);
    if (size > HEAP_LARGEST_MOVED)
        return object;
    if ((size_t)(heap->survivors.end - heap->survivors.at) < size &&
        !heap_reserve(heap, heap->next_block + 1, 1)) {
        heap->moving = 0;
        return object;
    }
    struct object_head *moved = (struct object_head *)heap->survivors.at;
    heap->survivors.at += size;
    memcpy(moved, object, size);
    object->word = HEAP_MOVED | (uint32_t)heap->cycle << 24;
    object->link = link_to(moved);
    return moved;
}

void heap_visit(struct heap *heap, nidus_ref *at)
{
    heap->work++;
    if (!ref_is_object(*at))
        return;
    struct object_head *object = ref_address(*at);
    if (object->word >> 24 == heap->cycle) {
        if (object_type(object) == HEAP_MOVED)
            *at = heap_ref(linked(heap, object->link));
        return;
    }
    if (heap->moving) {
        object = move(heap, object);
        *at = heap_ref(object);
    }
    mark_object(heap, object);
}

/* ---- Scanning ---- */

static void scan_fields(struct heap *heap, uint8_t *object, const struct deftype *type)
{
    uint32_t left = type->ref_count;
    for (const struct field *field = type->fields; left > 0; field++) {
        if (!type_is_ref(field->type))
            continue;
        heap_visit(heap, (nidus_ref *)(object + field->offset));
        left--;
    }
}

static void scan_exception(struct heap *heap, struct heap_exception *exception,
                           const struct deftype *type)
{
    uint64_t *cell = exception->cells;
    for (uint32_t i = 0; i < type->shape.param_count; i++) {
        if (type_is_ref(type->shape.params[i]))
            heap_visit(heap, cell);
        cell += type_cells(type->shape.params[i]);
    }
}

static uint64_t scan_elements(struct heap *heap, struct heap_array *array, uint32_t from,
                              uint32_t count)
{
    nidus_ref *elements = (nidus_ref *)(array + 1);
    for (uint32_t i = 0; i < count; i++)
        heap_visit(heap, &elements[from + i]);
    return ARRAY_HEAD + (uint64_t)count * sizeof *elements;
}

/* The next card of heap->scanning that has to be looked at; answers its bytes. */
static uint64_t scan_card(struct heap *heap)
{
    struct heap_array *array = heap->scanning;
    uint8_t *cards = block_of(array)->lines;
    uint32_t length = card_length(array);
    uint32_t card = heap->scan_from;
    while (card < HEAP_LINES && !cards[card])
        card++;
    heap->scan_from = card + 1;
    if (card == HEAP_LINES || (uint64_t)card * length >= array->length) {
        heap->scanning = NULL;
        return ARRAY_HEAD;
    }
    cards[card] = 0;
    uint32_t left = array->length - card * length;
    return scan_elements(heap, array, card * length, left < length ? left : length);
}

/* Scans one object, or a card of one; answers about how many bytes it looked at, 0 when all is
 * done. */
static uint64_t scan_one(struct heap *heap)
{
    if (heap->scanning)
        return scan_card(heap);
    if (heap->grey == LINK_END)
        return 0;
    struct object_head *object = linked(heap, heap->grey);
    heap->grey = object->link;
    object->link = 0;
    const struct deftype *type = &heap->store->types.items[object_type(object)];
    switch (type->kind) {
    case KIND_STRUCT:
        scan_fields(heap, (uint8_t *)object, type);
        return type->size;
    case KIND_FUNC:
        scan_exception(heap, (struct heap_exception *)object, type);
        return sizeof(struct heap_exception);
    default:
        if (!heap->blocks.items[block_of(object)->index].large)
            return scan_elements(heap, (struct heap_array *)object, 0,
                                 ((struct heap_array *)object)->length);
        heap->scanning = (struct heap_array *)object;
        heap->scan_from = 0;
        return scan_card(heap);
    }
}

/* ---- Collections ---- */

static void keep_hole(struct heap *heap, const struct heap_hole *hole)
{
    if (hole->at == hole->end)
        return;
    struct heap_block *block = block_of(hole->at);
    size_t from = (size_t)(hole->at - (uint8_t *)block) / HEAP_LINE;
    size_t to = (size_t)(hole->end + HEAP_SLACK - (uint8_t *)block) / HEAP_LINE;
    memset(block->lines + from, heap->cycle, to - from);
    heap->blocks.items[block->index].cycle = heap->cycle;
}

/* Large objects without the mark are freed; blocks are looked at for holes again. */
static void sweep_blocks(struct heap *heap)
{
    uint32_t kept = 0;
    uint32_t young_block = heap->young_block;
    heap->work += heap->blocks.count;
    for (uint32_t i = 0; i < heap->blocks.count; i++) {
        struct heap_entry entry = heap->blocks.items[i];
        entry.claim = CLAIM_NONE;
        if (entry.large && entry.cycle != heap->cycle) {
            young_block -= i < heap->young_block; /* those behind it move down */
            heap->bytes -= entry.large;
            pool_free(heap->allocator, entry.memory, entry.large, 1);
            continue;
        }
        if (kept != i)
            entry.block->index = kept;
        heap->blocks.items[kept++] = entry;
    }
    heap->young_block = young_block;
    heap->blocks.count = kept;
}

/* In stress mode what was freed is overwritten, so that a root that was missed shows. */
static void poison(struct heap *heap)
{
    for (uint32_t i = 0; i < heap->blocks.count; i++) {
        struct heap_block *block = heap->blocks.items[i].block;
        if (heap->blocks.items[i].large)
            continue;
        for (uint32_t line = HEAP_FIRST_LINE; line < HEAP_LINES; line++)
            if (block->lines[line] != heap->cycle)
                memset((uint8_t *)block + (size_t)line * HEAP_LINE, 0xA5, HEAP_LINE);
    }
}

/* Everything reachable has the mark, and nothing is grey. */
static void end_collection(struct heap *heap)
{
    heap->hole = heap->whole = (struct heap_hole){NULL, NULL};
    sweep_blocks(heap);
    if (heap->survivors.end - heap->survivors.at >= (ptrdiff_t)HEAP_BLOCK / 2)
        heap->blocks.items[block_of(heap->survivors.at)->index].claim = CLAIM_SURVIVORS;
    else
        (void)heap_reserve(heap, heap->young_block, 0);
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
        uint64_t scanned = scan_one(heap);
        if (scanned == 0) {
            end_major(heap);
            return;
        }
        done += scanned;
    }
}

static void collect_young(struct heap *heap)
{
    uint64_t before = heap->work;
    heap->moving = (uint8_t)heap_roots_are_exact(heap);
    heap_mark_roots(heap);
    uint64_t wanted = (heap->work - before) * BYTES_PER_ROOT;
    while (scan_one(heap))
        ;
    heap->moving = 0;
    end_collection(heap);
    heap->threshold = wanted < HEAP_NURSERY     ? HEAP_NURSERY
                      : wanted > LARGEST_NURSERY ? LARGEST_NURSERY
                                                 : wanted;
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
