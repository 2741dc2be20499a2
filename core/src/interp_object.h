/* Structs and arrays, and the families outside the loop; a part of interp_loop.h. */

    /* ---- Structs and arrays ---- */

    STRUCT_NEW(STRUCT_NEW1, 1)
    STRUCT_NEW(STRUCT_NEW2, 2)
    STRUCT_NEW(STRUCT_NEW3, 3)
    STRUCT_NEW(STRUCT_NEW4, 4)
    STRUCT_NEW(STRUCT_NEW, pc[5])
    CASE(NEW_FIXED)
    {
        SAVE();
        TRY_TRAP(interp_new_fixed(run));
        NEXT(5 + pc[4]);
    }
    CASE(STRUCT_GET32)
    {
        OBJECT(2);
        memcpy(&R(1).u32, object + pc[3], 4);
        NEXT(4);
    }
    CASE(STRUCT_GET64)
    {
        OBJECT(2);
        memcpy(&R(1).u64, object + pc[3], 8);
        NEXT(4);
    }
    CASE(I32_ADD_FIELD)
    {
        uint32_t field;
        OBJECT(3);
        memcpy(&field, object + pc[4], sizeof field);
        R(1).u32 = R(2).u32 + field;
        NEXT(5);
    }
    CASE(I64_ADD_FIELD)
    {
        uint64_t field;
        OBJECT(3);
        memcpy(&field, object + pc[4], sizeof field);
        R(1).u64 = R(2).u64 + field;
        NEXT(5);
    }
    CASE(STRUCT_SET32)
    {
        OBJECT(1);
        memcpy(object + pc[3], &R(2), 4);
        NEXT(4);
    }
    CASE(STRUCT_SET64)
    {
        OBJECT(1);
        memcpy(object + pc[3], &R(2), 8);
        NEXT(4);
    }
    CASE(STRUCT_SET_REF)
    {
        OBJECT(1);
        heap_write(HEAP(), object, (const nidus_ref *)(object + pc[3]));
        memcpy(object + pc[3], &R(2), 8);
        NEXT(4);
    }
    CASE(ARRAY_GET32)
    {
        ELEMENT(2, 3, 4);
        memcpy(&R(1).u32, element, 4);
        NEXT(4);
    }
    CASE(ARRAY_GET64)
    {
        ELEMENT(2, 3, 8);
        memcpy(&R(1).u64, element, 8);
        NEXT(4);
    }
    CASE(ARRAY_SET32)
    {
        ELEMENT(1, 2, 4);
        memcpy(element, &R(3), 4);
        NEXT(4);
    }
    CASE(ARRAY_SET64)
    {
        ELEMENT(1, 2, 8);
        memcpy(element, &R(3), 8);
        NEXT(4);
    }
    CASE(ARRAY_SET_REF)
    {
        ELEMENT(1, 2, 8);
        heap_write(HEAP(), object, (const nidus_ref *)element);
        memcpy(element, &R(3), 8);
        NEXT(4);
    }
    CASE(ARRAY_LEN)
    {
        OBJECT(2);
        R(1).u32 = ((const struct heap_array *)object)->length;
        NEXT(3);
    }
    CASE(I31_NEW)
    {
        R(1).u64 = REF_I31 | R(2).u32 << 1 >> 1;
        NEXT(3);
    }
    CASE(I31_GET_S)
    {
        if (UNLIKELY(R(2).u64 == NIDUS_NULL))
            TRAP(NIDUS_TRAP_NULL_REFERENCE);
        R(1).i32 = (int32_t)(R(2).u32 << 1) >> 1;
        NEXT(3);
    }
    CASE(I31_GET_U)
    {
        if (UNLIKELY(R(2).u64 == NIDUS_NULL))
            TRAP(NIDUS_TRAP_NULL_REFERENCE);
        R(1).u32 = R(2).u32 << 1 >> 1;
        NEXT(3);
    }
    CASE(OBJECT)
    {
        SAVE();
        TRY_TRAP(interp_object(run));
        NEXT(12);
    }
    CASE(WIDE)
    {
        interp_wide(fp, pc);
        NEXT(7);
    }

    CASE(UNREACHABLE)
    TRAP(NIDUS_TRAP_UNREACHABLE);
    CASE(EXIT)
    goto leave;

    /* ---- Families outside the loop ---- */

    CASE(MEMORY)
    {
        TRY_TRAP(interp_memory(run->instance, fp, pc));
        NEXT(11);
    }
    CASE(BULK)
    {
        TRY_TRAP(interp_bulk(run->instance, fp, pc));
        RELOAD_MEMORY();
        NEXT(10);
    }
    CASE(SIMD1)
    {
        interp_simd(fp, pc);
        NEXT(4);
    }
    CASE(SIMD2)
    {
        simd_binary(pc[1] - 0x200u, (union v128 *)&R(2), (const union v128 *)&R(3),
                    (const union v128 *)&R(4));
        NEXT(5);
    }
    CASE(SIMD3)
    {
        simd_ternary(pc[1] - 0x200u, (union v128 *)&R(2), (const union v128 *)&R(3),
                     (const union v128 *)&R(4), (const union v128 *)&R(5));
        NEXT(6);
    }
    CASE(SIMD_LANE)
    {
        interp_simd(fp, pc);
        NEXT(6);
    }
    CASE(SHUFFLE)
    {
        uint8_t lanes[16];
        memcpy(lanes, pc + 4, 16);
        simd_shuffle((union v128 *)&R(1), (const union v128 *)&R(2), (const union v128 *)&R(3),
                     lanes);
        NEXT(12);
    }
