;; Integers and floats, operations that trap, and a global with an extended constant expression.
(module
  (type (func (param i32 i32) (result i32)))
  (type (func (param f64 f32) (result f64)))
  (type (func (param f64) (result i64)))
  (global $g (mut i64) i64.const 2 i64.const 3 i64.add)
  (export "g" (global $g))
  (export "i" (func 0))
  (export "f" (func 1))
  (export "c" (func 2))
  (func (type 0) (param i32 i32) (result i32)
    local.get 0
    local.get 1
    i32.div_s
    local.get 0
    i32.clz
    local.get 1
    i32.popcnt
    i32.rotl
    i32.xor)
  (func (type 1) (param f64 f32) (result f64)
    local.get 0
    f64.nearest
    local.get 1
    f32.const nan
    f32.min
    f64.promote_f32
    f64.add)
  (func (type 2) (param f64) (result i64)
    local.get 0
    i64.trunc_sat_f64_u
    global.set $g
    local.get 0
    i64.trunc_f64_s))
