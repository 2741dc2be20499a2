/* Moves and numerics; a part of interp_loop.h. */

    /* ---- Moves ---- */

    CASE(COPY32)
    {
        R(1).u32 = R(2).u32;
        MOVED(3);
    }
    CASE(COPY64)
    {
        R(1).u64 = R(2).u64;
        MOVED(3);
    }
    CASE(COPY128)
    {
        const uint64_t low = R(2).u64;
        const uint64_t high = (&R(2))[1].u64;
        R(1).u64 = low;
        (&R(1))[1].u64 = high;
        MOVED(3);
    }
    CASE(COPY2_32)
    {
        R(1).u32 = R(2).u32;
        R(3).u32 = R(4).u32;
        MOVED(5);
    }
    CASE(COPY2_64)
    {
        R(1).u64 = R(2).u64;
        R(3).u64 = R(4).u64;
        MOVED(5);
    }
    CASE(CONST32)
    {
        R(1).u32 = unit32(pc + 2);
        MOVED(4);
    }
    CASE(CONST64S)
    {
        R(1).i64 = (int32_t)unit32(pc + 2);
        MOVED(4);
    }
    CASE(CONST64)
    {
        R(1).u64 = unit64(pc + 2);
        MOVED(6);
    }
    CASE(CONST128)
    {
        R(1).u64 = unit64(pc + 2);
        (&R(1))[1].u64 = unit64(pc + 6);
        MOVED(10);
    }
    CASE(SELECT32)
    {
        R(1).u32 = R(4).u32 ? R(2).u32 : R(3).u32;
        NEXT(5);
    }
    CASE(SELECT64)
    {
        R(1).u64 = R(4).u32 ? R(2).u64 : R(3).u64;
        NEXT(5);
    }
    CASE(SELECT32_TEST)
    {
        R(1).u32 = R(4).u32 & (uint32_t)K(5) ? R(2).u32 : R(3).u32;
        NEXT(6);
    }
    CASE(SELECT64_TEST)
    {
        R(1).u64 = R(4).u32 & (uint32_t)K(5) ? R(2).u64 : R(3).u64;
        NEXT(6);
    }
    CASE(SELECT128)
    {
        const union slot *from = R(4).u32 ? &R(2) : &R(3);
        const uint64_t low = from[0].u64;
        const uint64_t high = from[1].u64;
        R(1).u64 = low;
        (&R(1))[1].u64 = high;
        NEXT(5);
    }
    CASE(GLOBAL_GET32)
    {
        R(1).u32 = run->instance->globals[unit32(pc + 2)]->value[0].u32;
        NEXT(4);
    }
    CASE(GLOBAL_GET64)
    {
        R(1).u64 = run->instance->globals[unit32(pc + 2)]->value[0].u64;
        NEXT(4);
    }
    CASE(GLOBAL_GET128)
    {
        memcpy(&R(1), run->instance->globals[unit32(pc + 2)]->value, 16);
        NEXT(4);
    }
    CASE(GLOBAL_SET32)
    {
        run->instance->globals[unit32(pc + 2)]->value[0].u32 = R(1).u32;
        NEXT(4);
    }
    CASE(GLOBAL_SET64)
    {
        run->instance->globals[unit32(pc + 2)]->value[0].u64 = R(1).u64;
        NEXT(4);
    }
    CASE(GLOBAL_SET128)
    {
        memcpy(run->instance->globals[unit32(pc + 2)]->value, &R(1), 16);
        NEXT(4);
    }
    CASE(REF_FUNC)
    {
        R(1).u64 = (uintptr_t)run->instance->funcs[unit32(pc + 2)];
        NEXT(4);
    }
    CASE(REF_NON_NULL)
    {
        if (UNLIKELY(R(1).u64 == NIDUS_NULL))
            TRAP(NIDUS_TRAP_NULL_REFERENCE);
        NEXT(2);
    }

    /* ---- Numerics ---- */

    INTEGER(I32, u32, i32, 32)
    INTEGER(I64, u64, i64, 64)
    FLOAT(F32, f32, u32, 32)
    FLOAT(F64, f64, u64, 64)
nan_f32:
    R(1).u32 = NUM_F32_CANONICAL_NAN;
    NEXT(op_units[*pc]);
nan_f64:
    R(1).u64 = NUM_F64_CANONICAL_NAN;
    NEXT(op_units[*pc]);
    COMBINED(I32_ADD_SHL, u32, a + (b << k))
    COMBINED(I32_ADD_MUL_K, u32, a + b * (uint32_t)K(4))
    COMBINED(I32_ADD_MUL, u32, a + b * R(4).u32)
    COMBINED(I32_ADD_ADD, u32, a + b + R(4).u32)
    COMBINED(I32_XOR_SHL, u32, a ^ b << k)
    COMBINED(I32_XOR_SHR_U, u32, a ^ b >> k)
    COMBINED(I32_XOR_ROTL, u32, a ^ num_i32_rotl(b, k))
    COMBINED(I32_OR_SHL, u32, a | b << k)
    COMBINED(I32_XOR_AND, u32, a ^ (b & R(4).u32))
    COMBINED(I32_OR_AND, u32, a | (b & R(4).u32))
    COMBINED(I64_ADD_MUL_K, u64, a + b * (uint64_t)K(4))
    COMBINED(I64_ADD_MUL, u64, a + b * R(4).u64)
    COMBINED(I64_XOR_SHL, u64, a ^ b << k)
    COMBINED(I64_XOR_SHR_U, u64, a ^ b >> k)
    COMBINED(I64_XOR_ROTL, u64, a ^ num_i64_rotl(b, k))
    COMBINED(I64_OR_SHL, u64, a | b << k)
    CASE(I32_SHR_U_AND)
    {
        R(1).u32 = R(2).u32 >> (pc[3] & 31) & (uint32_t)K(4);
        NEXT(5);
    }
    CASE(I32_ADD_K2)
    {
        R(1).u32 = R(2).u32 + (uint32_t)K(3);
        R(4).u32 = R(5).u32 + (uint32_t)K(6);
        NEXT(7);
    }
    CASE(I32_ADD_K_AFTER)
    {
        const uint32_t a = R(2).u32;
        R(1).u32 = a;
        R(2).u32 = a + (uint32_t)K(3);
        NEXT(4);
    }
    BINARY(I32_ORDER_S, u32, i32, (uint32_t)((a > b) - (a < b)))
    BINARY(I32_ORDER_U, u32, u32, (uint32_t)((a > b) - (a < b)))
    UNARY(I64_EXTEND32_S, i64, i32, a)
    UNARY(I64_EXTEND_I32_U, u64, u32, a)
    UNARY(F64_CONVERT_I32_S, f64, i32, (double)a)
    UNARY(F64_CONVERT_I32_U, f64, u32, (double)a)
    ARITHMETIC(F64_PROMOTE_F32, f64, 3, (double)R(2).f32)
    ARITHMETIC(F32_DEMOTE_F64, f32, 3, (float)R(2).f64)
    TRUNCATE(I32_TRUNC_F64_S)
    TRUNCATE(I32_TRUNC_SAT_F64_S)
    CASE(CONVERT)
    {
        TRY_TRAP(interp_convert(pc[3], &R(1), &R(2)));
        NEXT(4);
    }
