;; Control flow of every kind that the rewriter's checks are put into.
(module
  (type $pair (func (param i32) (result i32 i32)))
  (table 2 funcref) (elem (i32.const 0) $odd $pairs)
  (memory 1)

  ;; a branch table in a loop in a loop, to every label around it
  (func (export "table") (param $n i32) (result i32) (local $i i32) (local $s i32)
    (block $out (result i32)
      (loop $outer
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (block $next
          (loop $inner
            (local.set $s (i32.add (i32.mul (local.get $s) (i32.const 3)) (local.get $i)))
            (local.set $n (i32.sub (local.get $n) (i32.const 1)))
            (drop (br_if $out (local.get $s) (i32.le_s (local.get $n) (i32.const 0))))
            (block $case
              (br_table $case $inner $outer $next $case (i32.and (local.get $s) (i32.const 3))))
            (br_if $inner (i32.and (local.get $s) (i32.const 4)))))
        (br $outer))
      (i32.const -1)))

  ;; a loop that answers, and leaves by return
  (func (export "answer") (param $n i32) (result i64) (local $s i64)
    (i64.add (i64.const 1)
      (loop $l (result i64)
        (local.set $s (i64.add (local.get $s) (i64.const 7)))
        (if (i32.eq (local.get $n) (i32.const 13)) (then (return (local.get $s))))
        (br_if $l
          (i32.gt_s (local.tee $n (i32.sub (local.get $n) (i32.const 2))) (i32.const 0)))
        (local.get $s))))

  ;; loops that take values, and functions with several results
  (func $pairs (export "pairs") (type $pair) (local $k i32)
    (local.set $k (local.get 0))
    (i32.const 1) (i32.const 1)
    (loop $l (param i32 i32) (result i32 i32)
      (local.set 0) (i32.add (local.get 0)) (local.get 0)
      (br_if $l (local.tee $k (i32.sub (local.get $k) (i32.const 1))))))

  ;; loops around calls, around loops
  (func (export "calls") (param $n i32) (result i32) (local $s i32) (local $k i32)
    (loop $l
      (local.set $s (i32.add (local.get $s) (call $odd (i32.and (local.get $n) (i32.const 15)))))
      (local.set $k (i32.const 5))
      (loop $m
        (local.set $s (i32.xor (local.get $s) (call $leaf (local.get $k))))
        (br_if $m (local.tee $k (i32.sub (local.get $k) (i32.const 1)))))
      (local.set $s (i32.add (local.get $s) (call_indirect (type $pair) (i32.const 3) (i32.const 1))))
      (local.set $s (i32.xor (local.get $s)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $s))
  (func $leaf (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2654435761)))
  (func $even (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (call $odd (i32.sub (local.get 0) (i32.const 1)))) (else (i32.const 1))))
  (func $odd (export "odd") (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (call $even (i32.sub (local.get 0) (i32.const 1)))) (else (i32.const 0))))
  (func (export "tail") (param $n i32) (result i32) (local $k i32)
    (local.set $k (i32.const 3))
    (loop $l (br_if $l (local.tee $k (i32.sub (local.get $k) (i32.const 1)))))
    (if (result i32) (i32.le_s (local.get $n) (i32.const 0))
      (then (local.get $n))
      (else (return_call $odd (local.get $n)))))
  (func (export "fault") (param $n i32) (result i32) (local $at i32)
    (loop $l
      (i32.store (local.get $at) (local.get $n))
      (local.set $at (i32.add (local.get $at) (i32.const 64)))
      (br $l))
    (unreachable)))
