/*
 * What the files of the translator share: its model of the operand stack, and emission.
 *
 * The operand stack is a stack of entries. Each has a home, the frame slot that its height gives it.
 * A TEMP lies in its home. A LOCAL or CONST has not been copied there yet: whoever uses it names the
 * local's slot or an immediate, and most never are copied. Invariants:
 *   - before a local changes, entries that stand for it are copied home (translate_preserve);
 *   - no LOCAL entry survives the start of a block, because its copy might be made on one path only;
 *   - at a label all values that it takes are TEMP.
 * `last` remembers the latest operation while nothing can jump behind it, so that its destination
 * can be redirected into a local, or a comparison fused into the branch that uses it.
 */
#ifndef NIDUS_CORE_TRANSLATE_H
#define NIDUS_CORE_TRANSLATE_H

#include "code.h"
#include "instructions.h"

enum entry_kind { ENTRY_TEMP, ENTRY_LOCAL, ENTRY_CONST };
enum width { WIDTH32, WIDTH64, WIDTH128, WIDTH_REF };

struct entry {
    uint8_t kind;
    uint8_t width;
    uint16_t home;
    uint16_t local; /* its slot */
    uint32_t roots; /* the references in their homes, up to and with this entry; see code.h */
    uint64_t value;
};

struct label {
    uint16_t op;        /* WASM_BLOCK, _LOOP, _IF, _ELSE, _TRY_TABLE, _TRY, _CATCH; the function is a block */
    uint8_t targeted;   /* a branch leads to its end */
    uint8_t is_index;
    uint32_t type;      /* index when is_index */
    nidus_type single;
    uint32_t height;    /* entries below its parameters */
    uint32_t base;      /* the home of its first parameter or result */
    uint32_t start;     /* unit, for loops and tries */
    uint32_t try_end;   /* unit behind the body of a try that has its first catch; else NO_INDEX */
    uint32_t catches;   /* offset in the module of the clauses of a try_table */
    uint16_t caught;    /* the slot that keeps what a legacy catch has caught */
    uint32_t jumps;     /* chain of jump fields to be filled in at the end; NO_INDEX ends it */
    uint32_t else_jump; /* the jump field of an if, or NO_INDEX */
    uint32_t stub;      /* code that moves values and jumps here, made for ... */
    uint32_t stub_for;  /* ... the BR_TABLE at this unit */
};

struct translator {
    struct nidus_module *module;
    const struct nidus_allocator *allocator;
    struct reader reader;
    struct nidus_error error;
    const struct deftype *type;
    struct code *code;
    uint32_t op;        /* the wasm instruction at hand */
    size_t op_offset;

    VEC(uint16_t) units;
    VEC(struct entry) stack;
    VEC(struct label) labels;
    VEC(uint64_t) constants;
    VEC(uint32_t) lazy;      /* positions of LOCAL entries in the stack, ascending */
    uint16_t *local_slots;
    uint8_t *local_widths;
    uint32_t local_count;
    uint32_t local_cells;
    uint32_t constant_base;
    uint32_t constant_room;
    uint32_t stack_base;
    uint32_t cells;          /* the home of the next entry */
    uint32_t max_cells;
    uint32_t loop_depth;
    uint32_t skipping;       /* 0: reachable; else 1 + blocks opened since code became unreachable */
    uint32_t last;           /* start of the latest operation, or NO_INDEX */
    uint32_t last_dest;      /* its destination field, or NO_INDEX */
    size_t last_offset;      /* the wasm instruction that made it */
    uint32_t previous;       /* start of the operation right before it, or NO_INDEX */

    uint8_t tracks_roots;    /* the module has managed references, and code is being made */
    uint32_t roots;          /* those of the whole stack */
    VEC(struct root_node) root_nodes;
    VEC(struct root_point) root_points;
    VEC(uint16_t) ref_locals;
    VEC(struct handler) handlers;
    uint32_t caught_base;    /* the first of body->try_depth slots for caught exceptions */
    uint32_t try_depth;

    uint32_t instructions;   /* translated so far */
    uint32_t charged;        /* of them, up to the latest charge point in the text */
    uint32_t entry_cost;

    uint32_t watch;          /* locate: the unit looked for, or NO_INDEX */
    size_t watch_offset;     /* the instruction that made it */
};

#define LAZY_LIMIT 64u /* LOCAL entries at a time; bounds the search for those of one local */

/* ---- emission (translate_emit.c) ---- */

NIDUS_CHECK enum nidus_code emit_room(struct translator *t, uint32_t units);
/* Appends; the caller has called emit_room. */
static inline void emit(struct translator *t, uint32_t unit)
{
    t->units.items[t->units.count++] = (uint16_t)unit;
}
void emit32(struct translator *t, uint32_t value);
void emit64(struct translator *t, uint64_t value);
/* Starts an operation: makes room, writes the opcode, remembers it as `last`. */
NIDUS_CHECK enum nidus_code emit_op(struct translator *t, enum op op);
/* The operation just emitted, for one that was taken back, traps where that one did. */
static inline void keep_offset(struct translator *t, size_t offset)
{
    t->last_offset = offset;
    if (t->last <= t->watch)
        t->watch_offset = offset;
}
/* Writes the destination and remembers where it is. */
void emit_dest(struct translator *t, uint32_t slot);
/* Nothing may be fused across this point. */
static inline void emit_barrier(struct translator *t)
{
    t->last = t->last_dest = t->previous = NO_INDEX;
}
NIDUS_CHECK enum nidus_code emit_copy(struct translator *t, enum width width, uint32_t to,
                                      uint32_t from);
NIDUS_CHECK enum nidus_code emit_constant(struct translator *t, enum width width, uint32_t to,
                                          uint64_t value);

/* ---- the operand stack (translate_emit.c) ---- */

NIDUS_CHECK enum nidus_code push_temp(struct translator *t, enum width width, uint16_t *slot);
NIDUS_CHECK enum nidus_code push_local(struct translator *t, uint32_t local);
NIDUS_CHECK enum nidus_code push_constant(struct translator *t, enum width width, uint64_t value);
struct entry pop(struct translator *t);
/* The slot that holds a constant during the whole call. False: there is none, nor room for it. */
int constant_slot(struct translator *t, uint64_t value, uint16_t *slot);
/* The slot to read an entry from; constants go to a constant slot or to their home. */
NIDUS_CHECK enum nidus_code use(struct translator *t, const struct entry *entry, uint16_t *slot);
NIDUS_CHECK enum nidus_code use_popped(struct translator *t, uint16_t *slot);
/* Copies the entry at `position` home. */
NIDUS_CHECK enum nidus_code settle(struct translator *t, uint32_t position);
/* The topmost `count` entries, and all LOCAL entries. */
NIDUS_CHECK enum nidus_code settle_top(struct translator *t, uint32_t count);
NIDUS_CHECK enum nidus_code settle_locals(struct translator *t);
NIDUS_CHECK enum nidus_code preserve(struct translator *t, uint16_t local_slot);
/* Cuts the stack down to `height` entries. */
void drop_to(struct translator *t, uint32_t height);

static inline enum width type_width(nidus_type type)
{
    return type == NIDUS_V128                         ? WIDTH128
           : type == NIDUS_I32 || type == NIDUS_F32 ? WIDTH32
           : type_is_ref(type)                        ? WIDTH_REF
                                                      : WIDTH64;
}
static inline uint32_t width_cells(enum width width)
{
    return width == WIDTH128 ? 2 : 1;
}

/* ---- the references in frames (translate_roots.c) ---- */

/* The entry just pushed, or changed to a TEMP, at `position`: its roots and those above. */
NIDUS_CHECK enum nidus_code roots_update(struct translator *t, uint32_t position);
/* From the next unit on, the stack is what it is now. */
NIDUS_CHECK enum nidus_code roots_note(struct translator *t);
NIDUS_CHECK enum nidus_code roots_local(struct translator *t, uint32_t slot);
NIDUS_CHECK enum nidus_code roots_finish(struct translator *t, struct code *code);

/* ---- control (translate_control.c) ---- */

/* A conditional branch before it is written: not the _LOOP variant. */
struct branch {
    enum op op;
    uint16_t a;
    uint16_t b;
    uint8_t fields; /* how many of a and b it has */
};
NIDUS_CHECK enum nidus_code control_instruction(struct translator *t);
NIDUS_CHECK enum nidus_code control_start(struct translator *t);

/* For the files that make blocks and branches of their own. */
struct label *control_label(struct translator *t, uint32_t depth);
NIDUS_CHECK enum nidus_code control_block_type(struct translator *t, struct label *type);
void control_label_types(const struct translator *t, const struct label *label, int params,
                         const nidus_type **types, uint32_t *count);
NIDUS_CHECK enum nidus_code control_push_label(struct translator *t, const struct label *type,
                                               uint32_t params);
NIDUS_CHECK enum nidus_code control_push_results(struct translator *t, const nidus_type *types,
                                                 uint32_t count);
/* A jump to a label whose values are in place. */
NIDUS_CHECK enum nidus_code control_branch(struct translator *t, struct branch branch,
                                           struct label *label);
/* Moves the topmost values to where the label wants them, and jumps there. */
NIDUS_CHECK enum nidus_code control_exit(struct translator *t, struct label *label);
NIDUS_CHECK enum nidus_code control_conditional(struct translator *t, struct branch branch,
                                                struct label *label);
void control_land(struct translator *t, uint32_t field);
/* Appends a jump field to `label`: backward at once, forward into the label's chain. */
void control_emit_jump(struct translator *t, struct label *label);
/* What a back edge here costs; asked once for each. */
uint16_t control_charge(struct translator *t);
void control_unreachable(struct translator *t);

/* ---- two operations as one (translate_branch.c, translate_compare.c, translate_fuse.c) ---- */

/* Ends a branch: what it looks at, and of one that goes back, what it costs. */
void branch_end(struct translator *t, struct branch branch, int back);
/* A jump to a label, its values in place, with the latest operation. */
NIDUS_CHECK enum nidus_code fuse_jump(struct translator *t, struct branch branch,
                                      struct label *label, int *fused);

/* The latest operation, if its only effect is the popped entry; else NULL. */
uint16_t *fuse_maker(struct translator *t, const struct entry *entry);
/* The latest operation, when it is `op` and makes an operand in `slot` that what was just taken off the stack or back
 * alone reads; else NULL. */
const uint16_t *fuse_making(const struct translator *t, enum op op, uint16_t slot);
/* Takes the latest operation back. */
void fuse_remove(struct translator *t);
/* A branch on what the latest operation made for it alone. */
void fuse_branch(struct translator *t, struct branch *branch);
/* The instruction at hand of popped a and b with the latest operation, which made one of them. */
NIDUS_CHECK enum nidus_code fuse_combined(struct translator *t, enum width width,
                                          const struct entry *a, const struct entry *b,
                                          int *fused);
/* `binary`, of floats, with a sum, difference or product that is the latest operation. */
NIDUS_CHECK enum nidus_code fuse_floats(struct translator *t, enum op binary,
                                         const struct entry *a, const struct entry *b, int *fused);
/* A mask over a shift that is the latest operation. */
NIDUS_CHECK enum nidus_code fuse_bits(struct translator *t, const struct entry *a, uint16_t mask,
                                      int *fused);
/* The difference of two comparisons that says how numbers are ordered, as comparing functions do. */
NIDUS_CHECK enum nidus_code fuse_order(struct translator *t, const struct entry *a,
                                       const struct entry *b, int *fused);
/* What a selection looks at, the latest operations taken into account. */
struct choice {
    uint16_t c;
    uint16_t mask;
    uint8_t masked;
    uint8_t exchanged; /* the second operand where it is not zero */
};
NIDUS_CHECK enum nidus_code fuse_choice(struct translator *t, const struct entry *condition,
                                        struct choice *choice);
/* The latest two operations, where both add constants. */
void fuse_sums(struct translator *t);
/* The latest operation makes its value in local `slot`, behind the copies of what the stack has of it. */
NIDUS_CHECK enum nidus_code fuse_behind_copies(struct translator *t, uint16_t slot);

/* A load or store of memory 0: as it is without an index. */
struct access {
    enum op op;
    enum width width;
    int stores;
    uint32_t offset;
};
/* With the operation that made the address. */
NIDUS_CHECK enum nidus_code fuse_address(struct translator *t, const struct access *access,
                                         const struct entry *address, uint16_t value, int *fused);
/* A load of 32 bits with the sum before it, whose local is its address. */
NIDUS_CHECK enum nidus_code fuse_advance(struct translator *t, const struct access *access,
                                         uint16_t address, int *fused);

/* ---- exceptions (translate_exceptions.c) ---- */

NIDUS_CHECK enum nidus_code exception_instruction(struct translator *t);
NIDUS_CHECK enum nidus_code exception_end(struct translator *t);

/* ---- structs, arrays and casts (translate_objects.c) ---- */

NIDUS_CHECK enum nidus_code object_instruction(struct translator *t);
NIDUS_CHECK enum nidus_code object_branch(struct translator *t);

/* ---- plain instructions (translate_ops.c) ---- */

NIDUS_CHECK enum nidus_code plain_instruction(struct translator *t);

/* Makes the branch that is taken when the popped entry `condition` is not zero. When the latest
 * operation is a comparison made for it alone, that operation is removed and becomes the branch. */
NIDUS_CHECK enum nidus_code make_branch(struct translator *t, const struct entry *condition,
                                        struct branch *branch);

/* ---- memory, tables, SIMD, atomics (translate_families.c) ---- */

NIDUS_CHECK enum nidus_code family_instruction(struct translator *t);

/* Passes over the clauses of a try_table, and over the immediates of any instruction. */
NIDUS_CHECK enum nidus_code skip_catches(struct reader *reader);
NIDUS_CHECK enum nidus_code skip_immediates(struct reader *reader, uint32_t op);

#endif
