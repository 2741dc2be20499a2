;; Typed function references: a nullable global and call_ref.
(module
  (type $t (func (result i32)))
  (type (func (param funcref) (result i32)))
  (global $r (ref null $t) ref.null $t)
  (export "f" (func 1))
  (export "g" (func 2))
  (elem declare func $f)
  (func $f (type $t) (result i32)
    i32.const 5)
  (func (type 1) (param funcref) (result i32)
    (local (ref null $t))
    ref.func $f
    local.set 1
    local.get 0
    ref.is_null
    drop
    local.get 1
    ref.as_non_null
    call_ref $t)
  (func (type $t) (result i32)
    global.get $r
    call_ref $t))
