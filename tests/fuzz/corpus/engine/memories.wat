;; Two memories, one with 64-bit addresses, and a copy between them.
(module
  (type (func (param i32) (result i64)))
  (memory $a 1)
  (memory $b i64 1)
  (export "f" (func 0))
  (func (type 0) (param i32) (result i64)
    local.get 0
    i32.const 5
    i32.store
    i64.const 65520
    i64.const 1
    i64.store $b offset=8
    i32.const 0
    i64.const 65528
    i32.const 8
    memory.copy $a $b
    local.get 0
    i64.extend_i32_u
    i64.load $b))
