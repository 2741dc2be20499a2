;; Atomic operations and a wait on a shared memory.
(module
  (type (func (param i32) (result i32)))
  (memory 1 1 shared)
  (export "f" (func 0))
  (func (type 0) (param i32) (result i32)
    i32.const 0
    local.get 0
    i32.atomic.store
    i32.const 8
    i64.const 5
    i64.atomic.rmw.add
    drop
    atomic.fence
    i32.const 1
    i32.const 0
    i32.const 9
    i32.atomic.rmw8.cmpxchg_u
    drop
    i32.const 0
    i32.const 1
    memory.atomic.notify
    drop
    i32.const 0
    i32.const 0
    i64.const 1
    memory.atomic.wait32))
