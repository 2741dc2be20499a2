/*
 * Threads: runs of one store that take turns.
 *
 *              piece used up                     A thread is free (its number is), ready, asking (a host function
 *            ┌──────────────┐                    answered that it would block), or parked in an atomic wait.
 *   start    ▼              │   would block      Those that ask are made ready once in each slice, and call again.
 *   ──────▶ ready ──▶ executes ──────────▶ asks ──▶ ready
 *             ▲          │ atomic wait
 *             └─ parked ◀┘                       What executes is chosen by `draw`, and by nothing else: two groups
 *      notified, or time is over                 with one seed differ only where their hosts answer differently.
 *
 * Invariants: nobody but `current` executes; a parked thread's run stands at its wait, which it executes again when
 * it goes on, and then `outcome` is the instruction's answer, whatever the memory holds by then.
 */
#include <string.h>

#include "runtime.h"

enum thread_state { THREAD_FREE, THREAD_READY, THREAD_ASKS, THREAD_PARKED };

/* Answers of an atomic wait; 0 while there is none. */
enum outcome { OUTCOME_NONE = 0, OUTCOME_WOKEN, OUTCOME_TIMED_OUT };

/* Pieces are of 2^6 to 2^13 units and up to as many again, short ones as often as long ones, since it is around
 * short ones that races are lost. One in two goes on for single operations, up to 7: charges of fuel alone would
 * end pieces only at calls and heads of loops. */
enum { PIECE_LEAST = 6, PIECE_KINDS = 8, STEPS_MOST = 7 };
/* The piece of the only one that is ready, who may wake others. */
enum { PIECE_ALONE = 1 << 16 };

struct thread {
    struct nidus_run *run; /* kept for the next one of its number */
    struct nidus_func *next; /* to be called when what runs has returned, or NULL */
    struct nidus_value args[2];
    uint32_t arg_count;
    uint8_t state;
    uint8_t outcome;
    const struct nidus_memory *memory; /* while it is parked: where, since when, and until when at most */
    uint64_t address;
    uint64_t since;
    int64_t deadline;
    uint32_t word; /* of nidus_threads_set_word, while another one executes */
};

struct nidus_threads {
    struct nidus_store *store;
    struct thread *items;
    uint32_t room;
    uint32_t current;
    uint64_t random;
    uint64_t waits; /* so far */
    uint64_t fuel;
    int64_t now;
    struct nidus_memory *word_memory; /* NULL: there is no such word */
    uint64_t word_address;
    uint32_t word_owner; /* whose it is that lies there */
};

enum nidus_code nidus_threads_new(struct nidus_store *store, uint32_t most, uint64_t seed,
                                  struct nidus_threads **threads)
{
    if (store->threads)
        return NIDUS_ERROR_USAGE;
    if (most == UINT32_MAX)
        return NIDUS_ERROR_LIMIT;
    struct nidus_threads *fresh = pool_new(store->allocator, 1, sizeof *fresh);
    if (!fresh)
        return NIDUS_ERROR_NO_MEMORY;
    fresh->items = pool_new(store->allocator, (size_t)most + 1, sizeof *fresh->items);
    if (!fresh->items) {
        pool_free(store->allocator, fresh, 1, sizeof *fresh);
        return NIDUS_ERROR_NO_MEMORY;
    }
    fresh->store = store;
    fresh->room = most + 1;
    fresh->random = seed;
    fresh->fuel = NIDUS_UNLIMITED;
    *threads = store->threads = fresh;
    return NIDUS_OK;
}

/* The runs are objects of the store, which frees them. */
void threads_free(struct nidus_threads *threads)
{
    if (!threads)
        return;
    const struct nidus_allocator *allocator = threads->store->allocator;
    pool_free(allocator, threads->items, threads->room, sizeof *threads->items);
    pool_free(allocator, threads, 1, sizeof *threads);
}

void nidus_threads_set_fuel(struct nidus_threads *threads, uint64_t fuel)
{
    threads->fuel = fuel;
}

enum nidus_code nidus_threads_start(struct nidus_threads *threads, struct nidus_func *first,
                                    struct nidus_func *func, const struct nidus_value *args,
                                    size_t arg_count, uint32_t *number)
{
    uint32_t at = 0;
    while (at < threads->room && threads->items[at].state != THREAD_FREE)
        at++;
    if (at == threads->room)
        return NIDUS_ERROR_LIMIT;
    struct thread *thread = &threads->items[at];
    if (arg_count > sizeof thread->args / sizeof thread->args[0])
        return NIDUS_ERROR_USAGE;
    if (!thread->run)
        TRY(nidus_run_new(threads->store, &thread->run));
    /* Prepared even if another one comes first: so it finds room, and cannot fail later. */
    TRY(nidus_run_start(thread->run, func, args, arg_count));
    thread->next = NULL;
    if (first) {
        TRY(nidus_run_start(thread->run, first, NULL, 0));
        thread->next = func;
        thread->arg_count = (uint32_t)arg_count;
        if (arg_count)
            memcpy(thread->args, args, arg_count * sizeof *args);
    }
    thread->state = THREAD_READY;
    thread->outcome = OUTCOME_NONE;
    if (threads->word_memory && threads->word_owner == at)
        memset(threads->word_memory->base + threads->word_address, 0, 4);
    thread->word = 0;
    *number = at;
    return NIDUS_OK;
}

/* ---- Atomic waits ---- */

enum nidus_trap threads_wait(struct nidus_threads *threads, const struct nidus_memory *memory, uint64_t address,
                             int equal, int64_t timeout, uint32_t *answer)
{
    struct thread *thread = &threads->items[threads->current];
    if (thread->outcome != OUTCOME_NONE) {
        *answer = thread->outcome == OUTCOME_WOKEN ? 0 : 2;
        thread->outcome = OUTCOME_NONE;
        return NIDUS_TRAP_NONE;
    }
    if (!equal || timeout == 0) {
        *answer = equal ? 2 : 1;
        return NIDUS_TRAP_NONE;
    }
    /* Some other run of the store, such as a start function that is run to its end. */
    if (!thread->run || !thread->run->executing)
        return NIDUS_TRAP_DEADLOCK;
    thread->state = THREAD_PARKED;
    thread->memory = memory;
    thread->address = address;
    thread->since = threads->waits++;
    thread->deadline = timeout < 0 || timeout > INT64_MAX - threads->now ? INT64_MAX : threads->now + timeout;
    return TRAP_PARKED;
}

static void wake(struct thread *thread, enum outcome outcome)
{
    thread->state = THREAD_READY;
    thread->outcome = (uint8_t)outcome;
}

/* The one that has waited there for longest, or NULL. */
static struct thread *longest_waiting(const struct nidus_threads *threads, const struct nidus_memory *memory,
                                      uint64_t address)
{
    struct thread *found = NULL;
    for (uint32_t i = 0; i < threads->room; i++) {
        struct thread *thread = &threads->items[i];
        if (thread->state == THREAD_PARKED && thread->memory == memory && thread->address == address &&
            (!found || thread->since < found->since))
            found = thread;
    }
    return found;
}

uint32_t threads_notify(struct nidus_threads *threads, const struct nidus_memory *memory, uint64_t address,
                        uint32_t most)
{
    uint32_t woken = 0;
    struct thread *thread;
    while (woken < most && (thread = longest_waiting(threads, memory, address))) {
        wake(thread, OUTCOME_WOKEN);
        woken++;
    }
    return woken;
}

int64_t nidus_threads_deadline(const struct nidus_threads *threads)
{
    int64_t deadline = INT64_MAX;
    for (uint32_t i = 0; i < threads->room; i++) {
        const struct thread *thread = &threads->items[i];
        if (thread->state == THREAD_PARKED && thread->deadline < deadline)
            deadline = thread->deadline;
    }
    return deadline;
}

/* ---- Taking turns ---- */

/* splitmix64: every seed is a good one, 0 too. */
static uint64_t draw(struct nidus_threads *threads)
{
    uint64_t z = threads->random += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static uint32_t count(const struct nidus_threads *threads, enum thread_state state)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < threads->room; i++)
        found += threads->items[i].state == state;
    return found;
}

/* The place of the ready thread that has `before` ready ones before it. */
static uint32_t ready_at(const struct nidus_threads *threads, uint32_t before)
{
    uint32_t at = 0;
    while (threads->items[at].state != THREAD_READY || before-- > 0)
        at++;
    return at;
}

void nidus_threads_set_word(struct nidus_threads *threads, struct nidus_memory *memory, uint64_t address)
{
    bool fits = memory && memory->length >= 4 && address <= memory->length - 4;
    threads->word_memory = fits ? memory : NULL;
    threads->word_address = address;
    threads->word_owner = threads->current;
}

/* Memories do not shrink, so the word stays within. */
static void change_word(struct nidus_threads *threads)
{
    if (!threads->word_memory || threads->word_owner == threads->current)
        return;
    uint8_t *word = threads->word_memory->base + threads->word_address;
    memcpy(&threads->items[threads->word_owner].word, word, 4);
    memcpy(word, &threads->items[threads->current].word, 4);
    threads->word_owner = threads->current;
}

void nidus_threads_end(struct nidus_call *call)
{
    nidus_call_trap(call, TRAP_ENDED, 0, NULL);
}

/* Executes the current thread for a while; answers what it used. */
static uint64_t execute(struct nidus_threads *threads, uint64_t piece, uint64_t steps, enum nidus_status *status)
{
    struct nidus_run *run = threads->items[threads->current].run;
    uint64_t before = run->fuel_used;
    change_word(threads);
    /* From the run, whose debt stops it: what it cannot pay for any more it does not get again. */
    nidus_run_set_fuel(run, threads->fuel);
    *status = nidus_run_resume(run, piece);
    for (; steps > 0 && *status == NIDUS_RUN_READY; steps--)
        *status = nidus_run_step(run);
    threads->fuel = nidus_run_fuel(run);
    return run->fuel_used - before;
}

/* What becomes of the current thread; whether that ends the slice, with `status`. */
static bool settle(struct nidus_threads *threads, enum nidus_status *status)
{
    struct thread *thread = &threads->items[threads->current];
    switch (*status) {
    case NIDUS_RUN_READY:
        return false;
    case NIDUS_RUN_BLOCKED:
        if (thread->state == THREAD_READY)
            thread->state = THREAD_ASKS;
        return false;
    case NIDUS_RUN_DONE:
        if (thread->next) {
            struct nidus_func *next = thread->next;
            thread->next = NULL;
            /* It was prepared before, so there is room. */
            if (nidus_run_start(thread->run, next, thread->args, thread->arg_count) == NIDUS_OK)
                return false;
        }
        thread->state = THREAD_FREE;
        return threads->current == 0;
    case NIDUS_RUN_IDLE: /* by nidus_threads_end */
        thread->state = THREAD_FREE;
        *status = NIDUS_RUN_DONE;
        return threads->current == 0;
    default:
        return true;
    }
}

static void begin_slice(struct nidus_threads *threads, int64_t now)
{
    threads->now = now;
    for (uint32_t i = 0; i < threads->room; i++) {
        struct thread *thread = &threads->items[i];
        if (thread->state == THREAD_PARKED && thread->deadline <= now)
            wake(thread, OUTCOME_TIMED_OUT);
        else if (thread->state == THREAD_ASKS)
            thread->state = THREAD_READY;
    }
}

/* Nobody is ready. */
static enum nidus_status rest(struct nidus_threads *threads)
{
    if (count(threads, THREAD_ASKS) || nidus_threads_deadline(threads) != INT64_MAX)
        return NIDUS_RUN_BLOCKED;
    threads->current = 0;
    struct nidus_run *run = threads->items[0].run;
    run->trap = NIDUS_TRAP_DEADLOCK;
    return run->status = NIDUS_RUN_TRAPPED;
}

enum nidus_status nidus_threads_resume(struct nidus_threads *threads, uint64_t slice, int64_t now)
{
    enum nidus_status status;
    const struct nidus_run *last = threads->items[threads->current].run;
    if (threads->items[0].state == THREAD_FREE || nidus_run_status(last) == NIDUS_RUN_TRAPPED)
        return last ? nidus_run_status(last) : NIDUS_RUN_IDLE;
    begin_slice(threads, now);
    for (uint64_t left = slice; left > 0;) {
        uint32_t ready = count(threads, THREAD_READY);
        if (ready == 0)
            return rest(threads);
        uint64_t piece = left, steps = 0;
        if (left > PIECE_ALONE && count(threads, THREAD_FREE) + 1 < threads->room)
            piece = PIECE_ALONE;
        threads->current = ready_at(threads, 0);
        if (ready > 1) {
            uint64_t random = draw(threads);
            uint64_t least = (uint64_t)1 << (PIECE_LEAST + random % PIECE_KINDS);
            threads->current = ready_at(threads, (uint32_t)((random >> 8 & 0xffff) * ready >> 16));
            piece = least + (random >> 24 & (least - 1));
            steps = random >> 40 & 1 ? random >> 41 & STEPS_MOST : 0;
            if (piece > left)
                piece = left;
        }
        uint64_t used = execute(threads, piece, steps, &status);
        if (settle(threads, &status))
            return status;
        /* A thread that a host function ends the piece of may have used nothing. */
        left -= used == 0 ? 1 : used < left ? used : left;
    }
    return NIDUS_RUN_READY;
}

uint32_t nidus_threads_current(const struct nidus_threads *threads)
{
    return threads->current;
}

bool nidus_threads_alive(const struct nidus_threads *threads, uint32_t number)
{
    return number < threads->room && threads->items[number].state != THREAD_FREE;
}

struct nidus_run *nidus_threads_run(const struct nidus_threads *threads)
{
    return threads->items[threads->current].run;
}
