;; An import of every kind, a start function, and an import exported again.
(module
  (type (func (param i32) (result i64)))
  (type (func))
  (type (func (result i64)))
  (import "a" "f" (func $f (type 0)))
  (import "a" "m" (memory 1 2))
  (import "a" "t" (table 1 funcref))
  (import "a" "g" (global $g i32))
  (export "f" (func 2))
  (export "again" (func $f))
  (start $s)
  (func $s (type 1)
    global.get $g
    call $f
    drop)
  (func (type 2) (result i64)
    i32.const 0
    i32.load
    call $f))
