/* The heap: blocks, holes, and making objects; see heap.h. */
#include "heap.h"

#include <stddef.h>
#include <string.h>

#include "runtime.h"

#define LARGE (HEAP_BLOCK / 4)
#define CHUNK_BLOCKS 32u
#define LARGEST_STEP ((uint64_t)128 << 10) /* of a major collection, in bytes that have been made */
#define LEAST_YIELD (HEAP_LINES / 8) /* of a block that is worth coming back to */

void heap_init(struct heap *heap, struct nidus_store *store)
{
    const struct nidus_config *config = &store->engine->config;
    heap->store = store;
    heap->allocator = store->allocator;
    heap->limit = config->limits.heap_bytes;
    heap->stress = config->heap_stress;
    heap->cycle = heap->last = 1;
    heap->threshold = HEAP_NURSERY;
    heap->major = HEAP_FIRST_MAJOR;
    heap->grey = LINK_END;
}

void heap_free(struct heap *heap)
{
    const struct nidus_allocator *allocator = heap->allocator;
    for (uint32_t i = 0; i < heap->blocks.count; i++) {
        const struct heap_entry *entry = &heap->blocks.items[i];
        if (entry->large)
            pool_free(allocator, entry->memory, entry->large, 1);
    }
    for (uint32_t i = 0; i < heap->chunks.count; i++)
        pool_free(allocator, heap->chunks.items[i].memory, heap->chunks.items[i].size, 1);
    VEC_FREE(allocator, &heap->blocks);
    VEC_FREE(allocator, &heap->chunks);
    pool_free(allocator, heap->held, heap->held_room, sizeof *heap->held);
}

/* ---- Blocks ---- */

/* Memory for `size` bytes from a block boundary on: the block, and in *memory what to free. The
 * allocator's blocks are not cleared here: large ones are filled by whoever asks. */
static struct heap_block *aligned_memory(struct heap *heap, size_t size, void **memory)
{
    *memory = heap->allocator->reallocate(heap->allocator->user, NULL, 0, size + HEAP_BLOCK);
    if (!*memory)
        return NULL;
    uintptr_t start = ((uintptr_t)*memory + HEAP_BLOCK - 1) & ~(uintptr_t)(HEAP_BLOCK - 1);
    return (struct heap_block *)start;
}

static int limit_allows(const struct heap *heap, uint64_t bytes)
{
    return heap->bytes <= heap->limit && bytes <= heap->limit - heap->bytes;
}

/* 1 MiB of fresh blocks behind all others, or as much as the limit leaves. */
static int add_chunk(struct heap *heap)
{
    uint32_t count = CHUNK_BLOCKS;
    while (count > 1 && !limit_allows(heap, (uint64_t)count * HEAP_BLOCK))
        count /= 2;
    if (!limit_allows(heap, (uint64_t)count * HEAP_BLOCK) ||
        !VEC_ROOM(heap->allocator, &heap->blocks, count) ||
        !VEC_ROOM(heap->allocator, &heap->chunks, 1))
        return 0;
    void *memory;
    struct heap_block *block = aligned_memory(heap, (size_t)count * HEAP_BLOCK, &memory);
    if (!block)
        return 0;
    heap->chunks.items[heap->chunks.count++] =
        (struct heap_chunk){memory, (size_t)(count + 1) * HEAP_BLOCK};
    for (uint32_t i = 0; i < count; i++) {
        memset(block, 0, sizeof *block);
        block->index = heap->blocks.count;
        heap->blocks.items[heap->blocks.count++] = (struct heap_entry){.block = block};
        block = (struct heap_block *)((uint8_t *)block + HEAP_BLOCK);
    }
    heap->bytes += (uint64_t)count * HEAP_BLOCK;
    return 1;
}

static int is_free_line(const struct heap *heap, uint8_t line)
{
    return line != heap->cycle && line != heap->last;
}

/* Whether the block has been free since the latest cycle, and nothing was made in it since. */
static int is_free_block(const struct heap *heap, const struct heap_entry *entry)
{
    return !entry->large && !entry->claim && is_free_line(heap, entry->cycle);
}

/* What is made while a cycle marks is alive in it: the lines are, from the beginning. */
static inline void take(struct heap *heap, struct heap_block *block, uint32_t from, uint32_t to,
                 struct heap_hole *hole)
{
    if (heap->marking) {
        memset(block->lines + from, heap->cycle, to - from);
        heap->blocks.items[block->index].cycle = heap->cycle;
    }
    heap->yield += to - from;
    hole->at = (uint8_t *)block + (size_t)from * HEAP_LINE;
    hole->end = (uint8_t *)block + (size_t)to * HEAP_LINE - HEAP_SLACK;
    heap->allocated += (uint64_t)(to - from) * HEAP_LINE;
    heap->debt += (uint64_t)(to - from) * HEAP_LINE;
}

/* The next line from `line` on that is not free, or HEAP_LINES. Eight at a time: a byte of `taken` has its top bit
 * set where the line has one of the two numbers, at least up to the first such. */
static uint32_t end_of_free(const struct heap *heap, const struct heap_block *block, uint32_t line)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint8_t *lines = (const uint8_t *)block + offsetof(struct heap_block, lines);
    for (; line < HEAP_LINES; line += 8) {
        uint64_t eight;
        memcpy(&eight, lines + line, sizeof eight);
        const uint64_t a = eight ^ ones * heap->cycle;
        const uint64_t b = eight ^ ones * heap->last;
        const uint64_t taken = (((a - ones) & ~a) | ((b - ones) & ~b)) & ones << 7;
        if (taken) {
            line += (uint32_t)__builtin_ctzll(taken) / 8;
            break;
        }
    }
    return line < HEAP_LINES ? line : HEAP_LINES;
}

/* The next hole of the block being looked at, at least `size` bytes. */
static inline int hole_in_block(struct heap *heap, struct heap_block *block, size_t size)
{
    uint32_t line = heap->next_line;
    while (line < HEAP_LINES) {
        while (line < HEAP_LINES && !is_free_line(heap, block->lines[line]))
            line++;
        uint32_t from = line;
        line = end_of_free(heap, block, line);
        if ((size_t)(line - from) * HEAP_LINE >= size + HEAP_SLACK) {
            heap->next_line = line;
            take(heap, block, from, line, &heap->hole);
            return 1;
        }
    }
    return 0;
}

static int find_hole(struct heap *heap, size_t size)
{
    for (; heap->next_block < heap->blocks.count; heap->next_block++) {
        const struct heap_entry *entry = &heap->blocks.items[heap->next_block];
        if (heap->next_line == 0) {
            heap->next_line = HEAP_FIRST_LINE;
            if (is_free_block(heap, entry)) {
                heap->next_line = HEAP_LINES;
                take(heap, entry->block, HEAP_FIRST_LINE, HEAP_LINES, &heap->hole);
                return 1;
            }
        }
        if (!entry->large && !entry->claim && hole_in_block(heap, entry->block, size))
            return 1;
        heap->next_line = 0;
        if (heap->next_block == heap->young_block && entry->claim != CLAIM_WHOLE &&
            heap->yield < LEAST_YIELD)
            heap->young_block++;
        heap->yield = 0;
    }
    return 0;
}

/* A free block among those from number `from` on, or NULL. */
static struct heap_block *claim(struct heap *heap, uint32_t from, enum heap_claim claim)
{
    for (uint32_t i = from; i < heap->blocks.count; i++) {
        struct heap_entry *entry = &heap->blocks.items[i];
        if (is_free_block(heap, entry)) {
            entry->claim = (uint8_t)claim;
            return entry->block;
        }
    }
    return NULL;
}

/* A whole block for what did not fit the hole at hand, which is not given up for it. */
static int find_whole(struct heap *heap)
{
    struct heap_block *block = claim(heap, heap->next_block + (heap->next_line != 0), CLAIM_WHOLE);
    if (block)
        take(heap, block, HEAP_FIRST_LINE, HEAP_LINES, &heap->whole);
    return block != NULL;
}

int heap_reserve(struct heap *heap, uint32_t from, int grow)
{
    uint8_t *block = (uint8_t *)claim(heap, from, CLAIM_SURVIVORS);
    if (!block && grow && add_chunk(heap))
        block = (uint8_t *)claim(heap, from, CLAIM_SURVIVORS);
    heap->survivors = (struct heap_hole){NULL, NULL};
    if (block)
        heap->survivors = (struct heap_hole){block + HEAP_FIRST_LINE * HEAP_LINE, block + HEAP_BLOCK};
    return block != NULL;
}

static void *from_hole(struct heap_hole *hole, size_t size)
{
    if ((size_t)(hole->end - hole->at) < size)
        return NULL;
    void *object = hole->at;
    hole->at += size;
    return object;
}

static void *new_small(struct heap *heap, size_t size)
{
    /* An object of some lines would waste small holes. */
    if (size > HEAP_LINE) {
        void *object = from_hole(&heap->whole, size);
        if (object)
            return object;
        if (find_whole(heap))
            return from_hole(&heap->whole, size);
    }
    return find_hole(heap, size) ? from_hole(&heap->hole, size) : NULL;
}

/* The usual case: the block being looked at goes on. */
static inline void *next_hole(struct heap *heap, size_t size)
{
    struct heap_block *block = heap->blocks.items[heap->next_block].block;
    return hole_in_block(heap, block, size) ? from_hole(&heap->hole, size) : NULL;
}

static void *new_large(struct heap *heap, size_t size)
{
    size_t head = HEAP_FIRST_LINE * HEAP_LINE;
    if (size > UINT32_MAX - head - 2 * HEAP_BLOCK || !limit_allows(heap, size + head + HEAP_BLOCK) ||
        !VEC_ROOM(heap->allocator, &heap->blocks, 1))
        return NULL;
    void *memory;
    struct heap_block *block = aligned_memory(heap, size + head, &memory);
    if (!block)
        return NULL;
    uint32_t large = (uint32_t)(size + head + HEAP_BLOCK);
    block->index = heap->blocks.count++;
    heap->blocks.items[block->index] =
        (struct heap_entry){block, memory, large, heap->marking ? heap->cycle : 0, CLAIM_NONE};
    heap->bytes += large;
    heap->allocated += large;
    heap->debt += large;
    return (uint8_t *)block + head;
}

static void *try_new(struct heap *heap, size_t size)
{
    return size > LARGE ? new_large(heap, size) : new_small(heap, size);
}

/* More memory, or what a whole collection frees. */
static void *last_resort(struct heap *heap, size_t size)
{
    void *object = size <= LARGE && add_chunk(heap) ? try_new(heap, size) : NULL;
    if (!object && !heap->paused) {
        heap_collect(heap);
        object = try_new(heap, size);
    }
    return object;
}

/* What is due of collecting. */
static void collect_some(struct heap *heap)
{
    uint64_t before = heap->work;
    if (heap->marking) {
        /* What is due for a large array is done in several steps. */
        uint64_t part = heap->debt < LARGEST_STEP ? heap->debt : LARGEST_STEP;
        heap->debt -= part;
        heap_step(heap, 4 * part);
    } else if (heap->stress || heap->allocated >= heap->threshold)
        heap_minor(heap);
    uint64_t work = heap->work - before;
    heap->pauses += work > 0;
    if (work > heap->longest)
        heap->longest = work;
}

void *heap_refill(struct heap *heap, size_t size)
{
    if (!heap->paused) {
        if (heap->stress && (heap->turn ^= 1))
            heap_collect(heap);
        else
            collect_some(heap);
    }
    void *object = heap->next_line && size <= HEAP_LINE ? next_hole(heap, size) : NULL;
    if (!object)
        object = try_new(heap, size);
    if (!object)
        object = last_resort(heap, size);
    /* So that the next allocation comes here too. */
    if (heap->stress)
        heap->hole.end = heap->hole.at;
    return object;
}

/* ---- Objects ---- */

size_t heap_size(const struct heap *heap, const void *object)
{
    const struct deftype *type = &heap->store->types.items[object_type(object)];
    if (type->kind == KIND_STRUCT)
        return type->size;
    if (type->kind == KIND_FUNC)
        return sizeof(struct heap_exception) + type->param_cells * sizeof(uint64_t);
    const struct heap_array *array = object;
    return (ARRAY_HEAD + ((size_t)array->length << type->fields->shift) + 7) & ~(size_t)7;
}

void *heap_new_struct(struct heap *heap, uint32_t type)
{
    size_t size = heap->store->types.items[type].size;
    uint8_t *object = heap_new(heap, type, size);
    if (object)
        memset(object + OBJECT_HEAD, 0, size - OBJECT_HEAD);
    return object;
}

struct heap_array *heap_new_array(struct heap *heap, uint32_t type, uint64_t length, int cleared)
{
    uint64_t size = ARRAY_HEAD + (length << heap->store->types.items[type].fields->shift);
    if (size > UINT32_MAX / 2)
        return NULL;
    struct heap_array *array = heap_new(heap, type, ((size_t)size + 7) & ~(size_t)7);
    if (!array)
        return NULL;
    array->length = (uint32_t)length;
    array->zero = 0;
    if (cleared)
        memset((uint8_t *)array + ARRAY_HEAD, 0, (((size_t)size + 7) & ~(size_t)7) - ARRAY_HEAD);
    return array;
}

struct heap_exception *heap_new_exception(struct heap *heap, struct nidus_tag *tag)
{
    const struct deftype *type = &heap->store->types.items[tag->type];
    struct heap_exception *exception = heap_new(
        heap, tag->type, sizeof *exception + type->param_cells * sizeof(uint64_t));
    if (!exception)
        return NULL;
    exception->of.room = 0;
    exception->of.tag = tag;
    return exception;
}
