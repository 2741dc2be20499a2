;; Growing, filling, copying, and a passive data segment.
(module
  (type (func (param i32) (result i64)))
  (memory 1 4)
  (export "m" (memory 0))
  (export "f" (func 0))
  (func (type 0) (param i32) (result i64)
    local.get 0
    i32.const 77
    i32.store offset=4
    i32.const 9
    i64.const -1
    i64.store8
    i32.const 0
    i32.const 1
    i32.const 3
    memory.init $p
    data.drop $p
    i32.const 100
    i32.const 0
    i32.const 50
    memory.copy
    i32.const 65500
    i32.const 9
    i32.const 36
    memory.fill
    i32.const 1
    memory.grow
    drop
    i32.const 3
    i64.load16_s
    memory.size
    i64.extend_i32_u
    i64.add)
  (data (i32.const 8) "seed")
  (data $p "passive"))
