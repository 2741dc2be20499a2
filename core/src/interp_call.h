/* Calls, returns and exceptions; a part of interp_loop.h. */

    /* ---- Calls ---- */

    CASE(CALL)
    {
        callee = &run->instance->own_funcs[unit32(pc + 1)];
        args = &R(3);
        call_units = 4;
        goto call;
    }
    CASE(CALL_IMPORT)
    {
        callee = run->instance->funcs[unit32(pc + 1)];
        args = &R(3);
        call_units = 4;
        goto call;
    }
    CASE(CALL_INDIRECT)
    {
        FIND_CALLEE();
        args = &R(6);
        call_units = 7;
        goto call;
    }
    CASE(COPY_CALL)
    {
        callee = &run->instance->own_funcs[unit32(pc + 1)];
        args = &R(3);
        R(4).u64 = R(5).u64;
        call_units = 6;
        goto call;
    }
    CASE(COPY2_CALL)
    {
        callee = &run->instance->own_funcs[unit32(pc + 1)];
        args = &R(3);
        R(4).u64 = R(5).u64;
        R(6).u64 = R(7).u64;
        call_units = 8;
        goto call;
    }
    CASE(COPY_CALL_INDIRECT)
    {
        FIND_CALLEE();
        args = &R(6);
        R(7).u64 = R(8).u64;
        call_units = 9;
        goto call;
    }
    CASE(COPY2_CALL_INDIRECT)
    {
        FIND_CALLEE();
        args = &R(6);
        R(7).u64 = R(8).u64;
        R(9).u64 = R(10).u64;
        call_units = 11;
        goto call;
    }
    CASE(CALL_REF)
    {
        callee = (struct nidus_func *)(uintptr_t)R(1).u64;
        if (UNLIKELY(!callee))
            TRAP(NIDUS_TRAP_NULL_REFERENCE);
        args = &R(2);
        call_units = 3;
        goto call;
    }
    CASE(ENTER)
    {
        callee = run->entry;
        args = fp;
        call_units = 1;
        goto call;
    }

call: {
    const struct code *code = callee->code;
    if (UNLIKELY(!code)) {
        if (callee->host)
            goto call_host;
        TRY_TRAP(interp_prepare(callee));
        code = callee->code;
    }
    if (UNLIKELY(code->frame_cells > (size_t)(run->slots_end - args)))
        GROW_SLOTS(args, code->frame_cells);
    if (UNLIKELY(run->top == run->frames_end))
        TRY_TRAP(interp_grow_frames(run));
    struct call_frame *frame = run->top++;
    frame->pc = pc + call_units;
    frame->fp = fp;
    frame->func = callee;
    frame->instance = run->instance;
    fp = args;
    union slot *fill = fp + code->param_cells;
    const uint64_t *image = code->image;
    for (uint32_t i = 0, n = code->image_cells; i < n; i += 2) {
        fill[i].u64 = image[i];
        fill[i + 1].u64 = image[i + 1];
    }
    pc = code->units;
    if (callee->instance != run->instance) {
        run->instance = callee->instance;
        RELOAD_MEMORY();
    }
    fuel -= code->entry_cost;
    if (UNLIKELY(fuel < 0))
        goto out_of_fuel;
    NEXT(0);
}

call_host: {
    CALL_HOST(0);
    RELOAD_MEMORY();
    fuel -= 1;
    pc += call_units;
    if (UNLIKELY(fuel < 0 || answer == NIDUS_HOST_YIELD))
        goto out_of_fuel;
    NEXT(0);
}

    CASE(RETURN_CALL)
    {
        callee = run->instance->funcs[unit32(pc + 1)];
        args = &R(3);
        goto tail_call;
    }
    CASE(RETURN_CALL_INDIRECT)
    {
        FIND_CALLEE();
        args = &R(6);
        goto tail_call;
    }
    CASE(RETURN_CALL_REF)
    {
        callee = (struct nidus_func *)(uintptr_t)R(1).u64;
        if (UNLIKELY(!callee))
            TRAP(NIDUS_TRAP_NULL_REFERENCE);
        args = &R(2);
        goto tail_call;
    }

tail_call: {
    /* The callee takes the frame over. A host function answers into it and it returns at once. */
    if (callee->host) {
        CALL_HOST(1);
        memmove(fp, args, type->result_cells * sizeof *fp);
        const struct call_frame *frame = --run->top;
        pc = frame->pc;
        fp = frame->fp;
        run->instance = frame->instance;
        RELOAD_MEMORY();
        fuel -= 1;
        if (UNLIKELY(fuel < 0 || answer == NIDUS_HOST_YIELD))
            goto out_of_fuel;
        NEXT(0);
    }
    if (!callee->code)
        TRY_TRAP(interp_prepare(callee));
    const struct code *code = callee->code;
    if (UNLIKELY(code->frame_cells > (size_t)(run->slots_end - fp)))
        GROW_SLOTS(fp, code->frame_cells);
    memmove(fp, args, code->param_cells * sizeof *fp);
    for (uint32_t i = 0; i < code->image_cells; i++)
        fp[code->param_cells + i].u64 = code->image[i];
    run->top[-1].func = callee;
    pc = code->units;
    run->instance = callee->instance;
    RELOAD_MEMORY();
    fuel -= code->entry_cost;
    if (UNLIKELY(fuel < 0))
        goto out_of_fuel;
    NEXT(0);
}

    CASE(RETURN32)
    {
        fp->u32 = R(1).u32;
        goto do_return;
    }
    CASE(RETURN64)
    {
        fp->u64 = R(1).u64;
        goto do_return;
    }
    CASE(RETURN_N)
    {
        memmove(fp, &R(1), pc[2] * sizeof *fp);
        goto do_return;
    }
    CASE(RETURN)
do_return: {
    const struct call_frame *frame = --run->top;
    pc = frame->pc;
    fp = frame->fp;
    if (UNLIKELY(frame->instance != run->instance)) {
        run->instance = frame->instance;
        RELOAD_MEMORY();
    }
    NEXT(0);
}

    /* ---- Exceptions ---- */

    CASE(THROW)
    {
        SAVE();
        trap = interp_throw_tag(run);
        goto thrown;
    }
    CASE(THROW_REF)
    {
        const nidus_ref ref = R(1).u64;
        if (UNLIKELY(ref == NIDUS_NULL))
            TRAP(NIDUS_TRAP_NULL_REFERENCE);
        SAVE();
        trap = interp_throw(run, ref, 0);
        goto thrown;
    }
thrown: {
    if (UNLIKELY(trap != NIDUS_TRAP_NONE))
        goto trapped;
    pc = run->pc;
    fp = run->fp;
    run->instance = run_func(run)->instance;
    RELOAD_MEMORY();
    NEXT(0);
}
