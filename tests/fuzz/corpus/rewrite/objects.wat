;; Types, casts and sections of WebAssembly 3.0 that the rewriter passes by or must follow.
(module
  (rec
    (type $list (sub (struct (field $head (mut i32)) (field $rest (ref null $list)))))
    (type $named (sub $list (struct (field (mut i32)) (field (ref null $list)) (field i64)))))
  (type $step (func (param i32) (result i32)))
  (type $bytes (array (mut i8)))
  (tag $full (param (ref null $list)))
  (table $steps 4 (ref $step) (ref.func $double))
  (table $things i64 2 8 (ref null any))
  (memory $small i64 1 2)
  (memory $tiny 1)
  (elem $first (table $steps) (i32.const 1) (ref $step) (ref.func $triple) (ref.func $double))
  (elem $passive (ref null $step) (ref.null $step) (ref.func $triple))
  (elem declare func $double)
  (global $root (mut (ref null $list)) (ref.null $list))
  (global $zero (ref i31) (ref.i31 (i32.const 0)))
  (data (memory $small) (i64.const 8) "abcdefgh")

  (func $double (type $step) (i32.mul (local.get 0) (i32.const 2)))
  (func $triple (type $step) (i32.mul (local.get 0) (i32.const 3)))

  (func $push (param $n i32) (param $l (ref null $list)) (result (ref $list))
    (if (result (ref $list)) (i32.and (local.get $n) (i32.const 1))
      (then (struct.new $named (local.get $n) (local.get $l) (i64.extend_i32_u (local.get $n))))
      (else (struct.new $list (local.get $n) (local.get $l)))))

  ;; a list built and walked; casts that branch out of loops and into them
  (func (export "walk") (param $n i32) (result i32) (local $l (ref null $list)) (local $s i32)
    (local.set $n (i32.and (local.get $n) (i32.const 63)))
    (loop $build
      (local.set $l (call $push (local.get $n) (local.get $l)))
      (br_if $build (i32.gt_s (local.tee $n (i32.sub (local.get $n) (i32.const 1))) (i32.const 0))))
    (global.set $root (local.get $l))
    (block $done
      (loop $next
        (block $is_named (result (ref $named))
          (br_on_null $done (local.get $l))
          (br_on_cast $is_named (ref $list) (ref $named))
          (local.set $s (i32.add (struct.get $list $head) (local.get $s)))
          (local.set $l (struct.get $list $rest (local.get $l)))
          (br $next))
        (local.set $s (i32.xor (i32.wrap_i64 (struct.get $named 2)) (local.get $s)))
        (local.set $l (struct.get $list $rest (local.get $l)))
        (br $next)))
    (local.get $s))

  ;; the same labels taken by catch clauses, casts and null checks
  (func (export "mixed") (param $n i32) (result i32) (local $s i32) (local $l (ref null $list))
    (loop $l
      (block $h (result (ref null $list))
        (try_table (result (ref null $list)) (catch $full $h)
          (if (i32.eqz (i32.rem_u (local.get $n) (i32.const 3)))
            (then (throw $full (call $push (local.get $n) (ref.null $list)))))
          (loop $m (br_if $m (i32.and (local.tee $s (i32.add (local.get $s) (i32.const 1))) (i32.const 7))))
          (block $no (result (ref null $list))
            (br_on_cast_fail $no (ref null $list) (ref $named)
              (call $push (local.get $n) (local.get $l)))
            (br_on_non_null $h)
            (unreachable))
          (br_on_cast $h (ref null $list) (ref null $named))))
      (local.set $l)
      (local.set $s (i32.add (local.get $s) (struct.get $list $head (ref.as_non_null (local.get $l)))))
      (br_if $l (i32.gt_s (local.tee $n (i32.sub (local.get $n) (i32.const 1))) (i32.const 0))))
    (local.get $s))

  ;; calls by reference and through a table with an initialiser; tail calls by reference
  (func (export "refs") (param $n i32) (result i32) (local $s i32) (local $f (ref $step))
    (local.set $f (ref.func $triple))
    (loop $l
      (local.set $s (i32.add (local.get $s) (call_ref $step (local.get $n) (local.get $f))))
      (local.set $f (table.get $steps (i32.and (local.get $n) (i32.const 3))))
      (br_if $l (i32.gt_s (local.tee $n (i32.sub (local.get $n) (i32.const 1))) (i32.const 0))))
    (loop $m (br_if $m (i32.and (local.tee $s (i32.add (local.get $s) (i32.const 1))) (i32.const 7))))
    (return_call_ref $step (local.get $s) (local.get $f)))

  ;; a loop of its own, then a tail call of what counts nothing
  (func (export "plain") (param $n i32) (result i32)
    (loop $l
      (br_if $l (i32.gt_s (local.tee $n (i32.sub (local.get $n) (i32.const 1))) (i32.const 0))))
    (return_call $double (i32.add (local.get $n) (i32.const 21))))

  ;; two memories, one with addresses of 64 bits; a table with such; arrays
  (func (export "wide") (param $n i32) (result i32) (local $s i32) (local $a (ref $bytes))
    (local.set $a (array.new_default $bytes (i32.const 16)))
    (table.set $things (i64.const 0) (local.get $a))
    (loop $l
      (array.set $bytes (local.get $a) (i32.and (local.get $n) (i32.const 15)) (local.get $n))
      (i32.store8 $tiny (i32.and (local.get $n) (i32.const 255))
        (i32.load8_u $small (i64.extend_i32_u (i32.and (local.get $n) (i32.const 15)))))
      (table.set $things (i64.extend_i32_u (i32.and (local.get $n) (i32.const 1))) (local.get $a))
      (local.set $s (i32.add (local.get $s) (i32.load8_u $tiny (i32.const 10))))
      (br_if $l (i32.gt_s (local.tee $n (i32.sub (local.get $n) (i32.const 1))) (i32.const 0))))
    (i32.add (local.get $s) (array.get_u $bytes (ref.cast (ref $bytes)
      (table.get $things (i64.const 0))) (i32.const 3)))))
