/* Loads and stores; a part of interp_loop.h. */

    LOAD(LOAD32, u32, uint32_t, uint32_t)
    LOAD(LOAD64, u64, uint64_t, uint64_t)
    LOAD(I32_LOAD8_S, i32, int32_t, int8_t)
    LOAD(I32_LOAD8_U, u32, uint32_t, uint8_t)
    LOAD(I32_LOAD16_S, i32, int32_t, int16_t)
    LOAD(I32_LOAD16_U, u32, uint32_t, uint16_t)
    LOAD(I64_LOAD8_S, i64, int64_t, int8_t)
    LOAD(I64_LOAD8_U, u64, uint64_t, uint8_t)
    LOAD(I64_LOAD16_S, i64, int64_t, int16_t)
    LOAD(I64_LOAD16_U, u64, uint64_t, uint16_t)
    LOAD(I64_LOAD32_S, i64, int64_t, int32_t)
    LOAD(I64_LOAD32_U, u64, uint64_t, uint32_t)
    STORE(STORE8, 1)
    STORE(STORE16, 2)
    STORE(STORE32, 4)
    STORE(STORE64, 8)
    STORE_AS(STORE128, 16, pc[3], 4)
    STORE_AS(STORE128_FAR, 16, unit32(pc + 3), 5)
    LOAD_SUM(LOAD32_S, R(2).u32 + (R(3).u32 << pc[4]), pc[5], 6, u32, uint32_t, uint32_t)
    LOAD_SUM(LOAD64_S, R(2).u32 + (R(3).u32 << pc[4]), pc[5], 6, u64, uint64_t, uint64_t)
    LOAD_SHL(LOAD32_SHL, u32)
    LOAD_SHL(LOAD64_SHL, u64)
    STORE_SHL(STORE32_SHL, 4)
    STORE_SHL(STORE64_SHL, 8)
    INTEGER_LOAD(I32_ADD_LOAD, R(3).u32, pc[4], 5, R(2).u32 + value)
    INTEGER_LOAD(I32_ADD_LOAD_X, R(3).u32 + R(4).u32, pc[5], 6, R(2).u32 + value)
    INTEGER_LOAD(I32_ADD_LOAD_K, R(3).u32 + (uint32_t)K(4), pc[5], 6, R(2).u32 + value)
    INTEGER_LOAD(I32_MUL_LOAD, R(3).u32, pc[4], 5, R(2).u32 * value)
    FLOAT_LOAD(F64_ADD_LOAD, R(3).u32, pc[4], 5, R(2).f64 + value)
    FLOAT_LOAD(F64_MUL_LOAD, R(3).u32, pc[4], 5, R(2).f64 *value)
    FLOAT_LOAD(F64_SUB_LOAD, R(3).u32, pc[4], 5, R(2).f64 - value)
    FLOAT_LOAD(F64_SUB_LOAD_K, R(3).u32 + (uint32_t)K(4), pc[5], 6, R(2).f64 - value)
    CASE(LOAD32_LOAD32)
    {
        uint32_t at;
        {
            ADDRESS(2, pc[3], sizeof at);
            memcpy(&at, mem + ea, sizeof at);
        }
        const uint64_t ea = (uint64_t)at + pc[4];
        if (UNLIKELY(ea + sizeof at > mem_length)) {
            pc++; /* by which translate_locate tells the second load from the first */
            TRAP(NIDUS_TRAP_MEMORY_BOUNDS);
        }
        memcpy(&R(1).u32, mem + ea, sizeof at);
        NEXT(5);
    }
    CASE(I32_ADD_K_LOAD32)
    {
        const uint32_t at = R(2).u32 + (uint32_t)K(3);
        R(1).u32 = at;
        uint32_t value;
        ADDRESS_SUM(at, pc[5], sizeof value);
        memcpy(&value, mem + ea, sizeof value);
        R(4).u32 = value;
        NEXT(6);
    }
    CASE(LOAD128)
    {
        ADDRESS(2, pc[3], 16);
        memcpy(&R(1), mem + ea, 16);
        NEXT(4);
    }
    CASE(LOAD128_FAR)
    {
        ADDRESS(2, unit32(pc + 3), 16);
        memcpy(&R(1), mem + ea, 16);
        NEXT(5);
    }
