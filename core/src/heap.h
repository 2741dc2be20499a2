/*
 * The heap of a store: structs, arrays and exceptions, and the collector that frees them.
 *
 * A reference in a slot, table, global or field:
 *
 *    63 62 61                                  0
 *   +-----+-------------------------------------+
 *   | 0 0 |  0 null; a struct nidus_func *;      |
 *   |     |  or a number of the host's (extern)  |
 *   | 1 0 |  i31: its low 31 bits                |
 *   | 1 1 |  address of an object                |
 *   +-----+-------------------------------------+
 *
 * so that any and extern share one representation, and two references are the same where their bits
 * are.
 *
 * An object begins with its head: | type 24 | mark 8 | link 32 | and
 *   a struct goes on with its fields, an array with | length 32 | 0 | and its elements from byte 16,
 *   an exception (its type is the tag's function type) with its tag and one slot per cell of a value.
 *
 * Memory comes in blocks of 32 KiB, aligned to their size, of 256 lines. The allocator fills holes, runs
 * of free lines, from the lowest address up; what is larger than a quarter of a block gets a block of
 * its own, as long as need be.
 *
 * The collector has two generations: an object with the current mark is old. A minor collection, every MiB,
 * marks what is reachable and young, from the roots and from old objects that were written to since
 * (heap_write puts them on the grey list); survivors are old. It moves small survivors together into a
 * block of their own, so that the few of them do not break the memory of the many dead into little
 * holes; what does not fit there, what the host holds, and everything while a host function runs, stays where
 * it is. The memory it frees is filled again at once. A major collection gives the mark a new number and
 * so makes all objects young; it begins when the old ones have doubled, moves nothing, and marks in
 * small steps between allocations (a snapshot at the beginning: whatever was reachable then stays, for
 * heap_write marks what is overwritten, and what is made meanwhile stays too).
 *
 * A pause is bounded by what was made since the one before, not by what lives. Large arrays are looked at by
 * cards, which are the lines of their blocks: an old one that was written to, only where that was.
 *
 * A line is marked with the number of the cycle that found something alive in it; all other lines are
 * free, without having been looked at. Grey objects form a list through their links, so marking needs no
 * memory and cannot fail.
 *
 * Invariants: between operations every reference to an object is found from the roots: locals and operands
 * of runs (code.h says where), globals, tables, element segments, exceptions in flight, and what the
 * host holds. An operation that makes an object reads its operands' references after that. An object with the current mark has been, or will be, scanned in this cycle.
 */
#ifndef NIDUS_CORE_HEAP_H
#define NIDUS_CORE_HEAP_H

#include <string.h>

#include <nidus/engine.h>

#include "types.h"

#define REF_OBJECT (UINT64_C(3) << 62)
#define REF_I31 (UINT64_C(2) << 62)
#define REF_ADDRESS ((UINT64_C(1) << 62) - 1)

struct object_head {
    uint32_t word; /* type | mark << 24 */
    uint32_t link; /* of a grey object: the next one, or LINK_END; else 0 */
};

struct heap_array {
    struct object_head head;
    uint32_t length;
    uint32_t zero;
};

struct heap_exception {
    struct object_head head;
    union {
        struct nidus_tag *tag;
        uint64_t room;
    } of;
    uint64_t cells[];
};

_Static_assert(sizeof(struct object_head) == OBJECT_HEAD, "fields follow it");
_Static_assert(sizeof(struct heap_array) == ARRAY_HEAD, "elements follow it");
_Static_assert(sizeof(struct heap_exception) == 16, "cells follow it");

#define LINK_END 1u
#define HEAP_TYPE_MASK 0xFFFFFFu
#define HEAP_MOVED HEAP_TYPE_MASK /* instead of a type: the object is now where its link says */
#define HEAP_LARGEST_MOVED 256u /* bytes */
#define HEAP_BLOCK 32768u
#define HEAP_LINE 128u
#define HEAP_NURSERY ((uint64_t)1 << 20)
#define HEAP_FIRST_MAJOR ((uint64_t)16 << 20)
#define HEAP_LINES (HEAP_BLOCK / HEAP_LINE)

/* What stands at the beginning of a block. */
struct heap_block {
    uint32_t index; /* in heap.blocks */
    uint8_t lines[HEAP_LINES];
    uint8_t beyond[8]; /* lines are read eight at a time */
};

enum heap_claim {
    CLAIM_NONE,
    CLAIM_WHOLE,    /* by heap.whole: not to be looked at for holes until a collection ends */
    CLAIM_SURVIVORS /* by heap.survivors */
};

/* And what does not, so that going through all blocks touches none. */
struct heap_entry {
    struct heap_block *block;
    void *memory;   /* of a large object: what the allocator gave */
    uint32_t large; /* bytes, when it is one large object; else 0 */
    uint8_t cycle;  /* the latest that found something alive here, or made it here */
    uint8_t claim;  /* enum heap_claim */
};

/* The first line behind a block's head. */
#define HEAP_FIRST_LINE ((sizeof(struct heap_block) + HEAP_LINE - 1) / HEAP_LINE)

struct heap_chunk {
    void *memory;
    size_t size;
};

/* Bytes at the end of a hole that hold no object: struct.new writes whole slots, and so up to 4 bytes
 * (or 7, for packed fields) behind a struct. */
#define HEAP_SLACK 8u

struct heap_hole {
    uint8_t *at;
    uint8_t *end;
};

struct held_ref {
    nidus_ref ref;
    uint32_t count; /* 0: free */
};

struct heap {
    struct nidus_store *store;
    const struct nidus_allocator *allocator;
    struct heap_hole hole;
    uint32_t mark;     /* of new objects, << 24: 0, or the cycle's while marking */
    uint8_t marking;
    uint8_t cycle;     /* the current or latest one; never 0 */
    uint8_t last;      /* the latest that has ended */
    uint8_t stress;    /* a collection at every allocation, minor and major in turns */
    uint8_t turn;
    uint32_t paused;   /* while not 0, nothing is collected */
    struct heap_hole whole; /* a block for objects that did not fit a hole */
    struct heap_hole survivors; /* where minor collections move them */
    uint8_t moving;      /* during a minor collection that may move objects */
    uint32_t next_block; /* where to look for holes: block ... */
    uint32_t next_line;  /* ... and line */
    uint64_t bytes;      /* of all blocks */
    uint64_t limit;
    uint64_t allocated;  /* since the latest collection */
    uint64_t threshold;  /* of `allocated`, where the next minor one begins */
    uint64_t debt;       /* allocated while marking, without a step for it yet */
    uint64_t live;       /* bytes that the current or latest cycle marked */
    uint64_t major;      /* of `live`, where the next major collection begins */
    uint64_t work;       /* references and blocks that collections have looked at, ever */
    uint64_t pauses;     /* stretches of that work between two operations, whole collections not counted ... */
    uint64_t longest;    /* ... and the most work of one */
    uint32_t young_block; /* where the allocator starts again after a minor collection: blocks before it
                           * had hardly a hole left */
    uint32_t yield;      /* lines found in the block being looked at */
    uint32_t grey;       /* first of the list, or LINK_END */
    struct heap_array *scanning; /* a large array in the middle, from this card on */
    uint32_t scan_from;
    VEC(struct heap_entry) blocks;
    VEC(struct heap_chunk) chunks;
    struct held_ref *held; /* a hash table */
    uint32_t held_room;
    uint32_t held_count;
};

void heap_init(struct heap *heap, struct nidus_store *store);
void heap_free(struct heap *heap);

static inline int ref_is_object(nidus_ref ref)
{
    return ref >= REF_OBJECT;
}
static inline void *ref_address(nidus_ref ref)
{
    return (void *)(uintptr_t)(ref & REF_ADDRESS);
}
static inline nidus_ref heap_ref(const void *object)
{
    return REF_OBJECT | (uintptr_t)object;
}
static inline uint32_t object_type(const void *object)
{
    return ((const struct object_head *)object)->word & HEAP_TYPE_MASK;
}

/* ---- heap.c: allocation ---- */

/* Whether an object of so many bytes fits into the hole at hand. */
static inline int heap_fits(const struct heap *heap, size_t size)
{
    return (size_t)(heap->hole.end - heap->hole.at) >= size;
}

/* The slow way: collects, finds another hole. NULL: the limit, or the allocator. */
void *heap_refill(struct heap *heap, size_t size);

/* The head of a new object. */
static inline void heap_begin(const struct heap *heap, void *object, uint32_t type)
{
    const uint64_t head = type | heap->mark; /* and no link */
    memcpy(object, &head, sizeof head);
}

/* An object of `size` bytes (a multiple of 8), its head set and the rest undefined. May collect. */
static inline void *heap_new(struct heap *heap, uint32_t type, size_t size)
{
    void *object = heap->hole.at;
    if (__builtin_expect(!heap_fits(heap, size), 0)) {
        object = heap_refill(heap, size);
        if (!object)
            return NULL;
    } else {
        heap->hole.at += size;
    }
    heap_begin(heap, object, type);
    return object;
}

/* A struct with all fields 0. */
void *heap_new_struct(struct heap *heap, uint32_t type);
/* An array with its elements undefined; whoever asks fills them before anything else is made.
 * `cleared`: all 0. */
struct heap_array *heap_new_array(struct heap *heap, uint32_t type, uint64_t length, int cleared);
struct heap_exception *heap_new_exception(struct heap *heap, struct nidus_tag *tag);

/* A free block for survivors, among those from number `from` on, or a new one (`grow`). False: there is none. */
int heap_reserve(struct heap *heap, uint32_t from, int grow);
/* Bytes of an object. */
size_t heap_size(const struct heap *heap, const void *object);

/* ---- heap_collect.c ---- */

/* Marks what `ref` refers to, where it is. */
void heap_mark(struct heap *heap, nidus_ref ref);
/* Marks what the reference at `at` refers to, and makes it refer to where that is moved. */
void heap_visit(struct heap *heap, nidus_ref *at);
/* A minor collection, and the beginning of a major one when it is time. */
void heap_minor(struct heap *heap);
/* Goes on with a major collection for about that many bytes. */
void heap_step(struct heap *heap, uint64_t bytes);
/* A whole major collection, of what is reachable now. */
void heap_collect(struct heap *heap);
void heap_note_write(struct heap *heap, struct object_head *object, const nidus_ref *at);

/* Before the reference at `at`, in the object, is overwritten. */
static inline void heap_write(struct heap *heap, void *object, const nidus_ref *at)
{
    struct object_head *head = object;
    if (__builtin_expect(heap->marking || head->word >> 24 == heap->cycle, 0))
        heap_note_write(heap, head, at);
}

/* ---- heap_roots.c ---- */

/* For the host: keeps an object alive; as many holds as releases. False for no memory. */
int heap_hold(struct heap *heap, nidus_ref ref);
void heap_release(struct heap *heap, nidus_ref ref);

void heap_mark_roots(struct heap *heap);
/* Whether all references are where the collector finds them: the loop asks for memory, and no host does. */
int heap_roots_are_exact(const struct heap *heap);

#endif
