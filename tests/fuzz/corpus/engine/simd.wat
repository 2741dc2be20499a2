;; Vectors: shuffles, lanes, loads that splat and extend.
(module
  (type (func (param i32) (result v128)))
  (type (func (result i32)))
  (memory 1)
  (export "f" (func 0))
  (export "g" (func 1))
  (func (type 0) (param i32) (result v128)
    i32.const 16
    local.get 0
    i32x4.splat
    v128.const i32x4 0x00000001 0x00000002 0x00000003 0x00000004
    i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23
    v128.store
    i32.const 16
    v128.load
    i32.const 3
    v128.load32_splat
    f32x4.mul
    i32.const 0
    v128.load8x8_s
    i32.const 8
    v128.load64_zero
    local.get 0
    i16x8.shl
    i16x8.q15mulr_sat_s
    i32.const 0
    v128.load
    v128.const i32x4 0x00000001 0x00000000 0x00000002 0x00000000
    i8x16.swizzle
    v128.bitselect)
  (func (type 1) (result i32)
    i32.const 1
    i32.const 0
    v128.load
    i32.const 16
    v128.load
    i32x4.dot_i16x8_s
    v128.load16_lane 2
    i8x16.extract_lane_s 3))
