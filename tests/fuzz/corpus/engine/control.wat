;; Blocks, a loop, br_table, select, and a block with parameters and results.
(module
  (type (func (param i32) (result i32)))
  (type (func (param i64 i32) (result i64 i32)))
  (type (func (param i64 i32) (result i32 i64)))
  (export "f" (func 0))
  (export "g" (func 1))
  (func (type 0) (param i32) (result i32)
    (local i32)
    block $b
      loop $l
        local.get 1
        local.get 0
        i32.ge_u
        br_if $b
        local.get 1
        i32.const 1
        i32.add
        local.set 1
        block $x
          block $y
            block $z
              local.get 1
              br_table $x $y $z
            end
          end
          br $l
        end
        br $l
      end
    end
    local.get 0
    if (result i32)
      i32.const 1
    else
      i32.const 2
      i32.const 3
      local.get 1
      select
    end)
  (func (type 1) (param i64 i32) (result i64 i32)
    local.get 0
    local.get 1
    block (type 2) (param i64 i32) (result i32 i64)
      drop
      drop
      i32.const 7
      i64.const 8
    end
    drop
    drop
    local.get 0
    local.get 1))
