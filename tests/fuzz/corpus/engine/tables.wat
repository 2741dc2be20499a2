;; Two tables of different types, segments, growth and indirect calls.
(module
  (type $t (func (param i32) (result i32)))
  (table $a 4 8 funcref)
  (table $b 2 externref)
  (export "t" (table $a))
  (export "f" (func 2))
  (elem (table $a) (i32.const 0) func $f $g)
  (elem $p funcref (ref.func $f) (ref.null func))
  (func $f (type $t) (param i32) (result i32)
    local.get 0
    i32.const 1
    i32.add)
  (func $g (type $t) (param i32) (result i32)
    local.get 0
    i32.const 0
    call_indirect (type $t))
  (func (type $t) (param i32) (result i32)
    i32.const 2
    i32.const 0
    i32.const 2
    table.init $p
    elem.drop $p
    i32.const 1
    i32.const 0
    i32.const 2
    table.copy
    ref.null func
    i32.const 2
    table.grow $a
    drop
    i32.const 0
    ref.null extern
    i32.const 1
    table.fill $b
    i32.const 0
    ref.func $g
    table.set $a
    local.get 0
    table.get $a
    ref.is_null
    drop
    local.get 0
    local.get 0
    i32.const 5
    i32.rem_u
    call_indirect (type $t)))
