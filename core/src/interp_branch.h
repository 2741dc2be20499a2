/* Branches; those on comparisons came with the comparisons; a part of interp_loop.h. */

    BRANCH(BR, 0, 1)
    BRANCH(BR_IF, 1, R(3).u32 != 0)
    BRANCH(BR_UNLESS, 1, R(3).u32 == 0)
    BRANCH(BR_IF64, 1, R(3).u64 != 0)
    BRANCH(BR_UNLESS64, 1, R(3).u64 == 0)
    BRANCH(BR_DIVIDES, 2, R(3).u32 * R(4).u64 < R(4).u64)
    BRANCH(BR_DIVIDES_NOT, 2, R(3).u32 * R(4).u64 >= R(4).u64)
    BRANCH(BR_TEST, 2, (R(3).u32 & (uint32_t)K(4)) != 0)
    BRANCH(BR_TEST_NOT, 2, (R(3).u32 & (uint32_t)K(4)) == 0)
    CASE(COUNT_BR)
    {
        R(3).u32 = R(4).u32 + (uint32_t)K(5);
        JUMP();
        NEXT(0);
    }
    COUNT(COUNT_BR_LOOP, 3, 1)
    COUNT(COUNT_BR_IF_LOOP, 3, sum != 0)
    COUNT(COUNT_BR_NE_LOOP, 4, sum != R(6).u32)
    COUNT(COUNT_BR_NE_K_LOOP, 4, sum != (uint32_t)K(6))
    COUNT(COUNT_BR_LT_S_LOOP, 4, (int32_t)sum < R(6).i32)
    COUNT(COUNT_BR_LT_S_K_LOOP, 4, (int32_t)sum < K(6))
    COUNT(COUNT_BR_LT_U_LOOP, 4, sum < R(6).u32)
    COUNT(COUNT_BR_LT_U_K_LOOP, 4, sum < (uint32_t)K(6))
    COUNT2(COUNT2_BR_LOOP, 6, 1)
    COUNT2(COUNT2_BR_IF_LOOP, 7, R(9).u32 != 0)
    COUNT2(COUNT2_BR_NE_LOOP, 8, R(9).u32 != R(10).u32)
    CASE(STORE32_BR)
    {
        ADDRESS(3, pc[5], 4);
        memcpy(mem + ea, &R(4), 4);
        JUMP();
        NEXT(0);
    }
    CASE(COPY_BR)
    {
        R(3).u64 = R(4).u64;
        JUMP();
        NEXT(0);
    }
    CASE(COPY_BR_LOOP)
    {
        R(3).u64 = R(4).u64;
        JUMP_BACK(5);
    }
    CASE(COPY2_BR)
    {
        R(3).u64 = R(4).u64;
        R(5).u64 = R(6).u64;
        JUMP();
        NEXT(0);
    }
    CASE(COPY2_BR_LOOP)
    {
        R(3).u64 = R(4).u64;
        R(5).u64 = R(6).u64;
        JUMP_BACK(7);
    }
    CASE(BR_TABLE)
    {
        const uint32_t count = unit32(pc + 2);
        uint32_t index = R(1).u32;
        if (index > count)
            index = count;
        pc += 3 + (size_t)index * 2; /* the unit before the jump, as in all branches */
        JUMP();
        NEXT(0);
    }
    CASE(BR_TABLE_LOAD)
    {
        const uint32_t count = unit32(pc + 3);
        uint32_t index;
        ADDRESS(1, pc[2], sizeof index);
        memcpy(&index, mem + ea, sizeof index);
        if (index > count)
            index = count;
        pc += 4 + (size_t)index * 2;
        JUMP();
        NEXT(0);
    }
