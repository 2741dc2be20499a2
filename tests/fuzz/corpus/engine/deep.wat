;; A function that calls itself.
(module
  (type (func (param i64) (result i64)))
  (export "f" (func $f))
  (func $f (type 0) (param i64) (result i64)
    local.get 0
    i64.eqz
    if (result i64)
      i64.const 1
    else
      local.get 0
      local.get 0
      i64.const 1
      i64.sub
      call $f
      i64.mul
    end))
