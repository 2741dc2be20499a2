/* wasm.h: traps, the frames of their backtraces, and foreign objects. */
#include <stdlib.h>

#include "module.h"
#include "wasm_api.h"

/* ---- Frames ---- */

struct wasm_frame_t {
    wasm_instance_t *instance; /* own */
    uint32_t func_index;
    size_t func_offset;
    size_t module_offset;
};

/* Each frame of a backtrace translates its function once more: a run-away recursion has thousands. */
#define FRAMES_MOST 128u

/* NULL for no memory. */
static wasm_frame_t *frame_from_engine(struct wasm_store_t *store, const struct nidus_frame *from)
{
    const struct nidus_module *module = nidus_instance_module(from->instance);
    size_t body = module->bodies.items[from->function - module->imported_funcs].offset;
    struct wasm_ref_t *instance = ref_of(store, REF_INSTANCE, from->instance);
    wasm_frame_t *frame = instance ? malloc(sizeof *frame) : NULL;
    if (frame)
        *frame = (wasm_frame_t){(wasm_instance_t *)instance, from->function, from->offset - body,
                                from->offset};
    else
        ref_drop(instance);
    return frame;
}

void wasm_frame_delete(wasm_frame_t *frame)
{
    if (!frame)
        return;
    wasm_instance_delete(frame->instance);
    free(frame);
}

wasm_frame_t *wasm_frame_copy(const wasm_frame_t *frame)
{
    wasm_frame_t *copy = malloc(sizeof *copy);
    if (copy) {
        *copy = *frame;
        ref_hold(&frame->instance->ref);
    }
    return copy;
}

wasm_instance_t *wasm_frame_instance(const wasm_frame_t *frame)
{
    return frame->instance;
}

uint32_t wasm_frame_func_index(const wasm_frame_t *frame)
{
    return frame->func_index;
}

size_t wasm_frame_func_offset(const wasm_frame_t *frame)
{
    return frame->func_offset;
}

size_t wasm_frame_module_offset(const wasm_frame_t *frame)
{
    return frame->module_offset;
}

/* ---- Traps ---- */

static struct trap_story *story_of(const struct wasm_ref_t *trap)
{
    return trap->object;
}

void trap_story_free(struct trap_story *story)
{
    wasm_name_delete(&story->message);
    wasm_frame_vec_delete(&story->frames);
    free(story);
}

struct wasm_ref_t *trap_no_memory(struct wasm_store_t *store)
{
    return store->no_memory ? ref_hold(store->no_memory) : NULL;
}

/* A zero byte is added unless the text ends with one. */
static struct wasm_ref_t *make_trap(struct wasm_store_t *store, const char *text, size_t size)
{
    size_t whole = size && text[size - 1] == 0 ? size : size + 1;
    struct trap_story *story = calloc(1, sizeof *story);
    if (!story)
        return trap_no_memory(store);
    wasm_byte_vec_new_uninitialized(&story->message, whole);
    struct wasm_ref_t *trap = story->message.data ? ref_new(store, REF_TRAP, story) : NULL;
    if (!trap) {
        trap_story_free(story);
        return trap_no_memory(store);
    }
    if (size)
        memcpy(story->message.data, text, size);
    return trap;
}

struct wasm_ref_t *trap_say(struct wasm_store_t *store, const char *text)
{
    return make_trap(store, text, strlen(text));
}

wasm_trap_t *wasm_trap_new(wasm_store_t *store, const wasm_message_t *message)
{
    return (wasm_trap_t *)make_trap(store, message->data, message->size);
}

void trap_trace(struct wasm_ref_t *trap, const struct nidus_run *run)
{
    struct wasm_store_t *store = trap->store;
    wasm_frame_vec_t *frames = &story_of(trap)->frames;
    uint32_t count = nidus_run_frame_count(run);
    if (trap == store->no_memory || frames->size)
        return;
    wasm_frame_vec_new_uninitialized(frames, count < FRAMES_MOST ? count : FRAMES_MOST);
    for (uint32_t i = 0; i < frames->size; i++) {
        struct nidus_frame frame;
        wasm_frame_t *made = NULL;
        if (nidus_run_frame(run, i, &frame) == NIDUS_OK)
            made = frame_from_engine(store, &frame);
        if (!made)
            wasm_frame_vec_delete(frames); /* rather no backtrace than half of one */
        else
            frames->data[i] = made;
    }
}

void wasm_trap_message(const wasm_trap_t *trap, wasm_message_t *out)
{
    wasm_name_copy(out, &story_of(&trap->ref)->message);
}

wasm_frame_t *wasm_trap_origin(const wasm_trap_t *trap)
{
    const wasm_frame_vec_t *frames = &story_of(&trap->ref)->frames;
    return frames->size ? wasm_frame_copy(frames->data[0]) : NULL;
}

void wasm_trap_trace(const wasm_trap_t *trap, wasm_frame_vec_t *out)
{
    wasm_frame_vec_copy(out, &story_of(&trap->ref)->frames);
}

/* ---- Foreign objects ---- */

wasm_foreign_t *wasm_foreign_new(wasm_store_t *store)
{
    return (wasm_foreign_t *)ref_new(store, REF_FOREIGN, NULL);
}
