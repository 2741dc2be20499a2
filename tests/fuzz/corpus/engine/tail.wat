;; Tail calls, direct and indirect.
(module
  (type $t (func (param i32 i64) (result i64)))
  (table 1 funcref)
  (export "f" (func $f))
  (elem (i32.const 0) func $f)
  (func $f (type $t) (param i32 i64) (result i64)
    local.get 0
    if (result i64)
      local.get 0
      i32.const 1
      i32.sub
      local.get 1
      i64.const 2
      i64.add
      return_call $g
    else
      local.get 1
    end)
  (func $g (type $t) (param i32 i64) (result i64)
    local.get 0
    local.get 1
    i32.const 0
    return_call_indirect (type $t)))
