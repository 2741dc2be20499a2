;; Exceptions that functions with a count of their own throw, catch and let pass, and labels that clauses
;; of try_table share with branches.
(module
  (tag $odd (param i32))
  (tag $pair (param i32 i64))
  (tag $none)
  (global $seen (export "seen") (mut i32) (i32.const 0))

  (func $spin (param $n i32) (result i32) (local $s i32)
    (loop $l
      (local.set $s (i32.add (i32.mul (local.get $s) (i32.const 5)) (local.get $n)))
      (br_if $l (i32.gt_s (local.tee $n (i32.sub (local.get $n) (i32.const 1))) (i32.const 0))))
    (local.get $s))

  ;; throws after a loop of its own; what it counted must not be lost
  (func $late (param $n i32) (result i32) (local $k i32)
    (local.set $k (i32.and (local.get $n) (i32.const 7)))
    (loop $l (br_if $l (i32.gt_s (local.tee $k (i32.sub (local.get $k) (i32.const 1))) (i32.const 0))))
    (if (i32.and (local.get $n) (i32.const 1)) (then (throw $odd (local.get $n))))
    (i32.mul (local.get $n) (i32.const 3)))
  (func $throws (throw $none))

  ;; a clause whose label nothing else leads to
  (func (export "caught") (param $n i32) (result i32) (local $s i32)
    (loop $l
      (local.set $s (i32.add (local.get $s)
        (block $h (result i32)
          (try_table (result i32) (catch $odd $h) (call $late (local.get $n))))))
      (drop (call $spin (i32.const 3)))
      (br_if $l (i32.gt_s (local.tee $n (i32.sub (local.get $n) (i32.const 1))) (i32.const 0))))
    (loop $m
      (br_if $m (i32.gt_s (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 100))))
    (local.get $s))

  ;; a label that clauses, every kind of branch and the end before it lead to
  (func (export "shared") (param $n i32) (result i32) (local $i i32) (local $s i32)
    (loop $l
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (block $h
        (br_if $h (i32.eqz (i32.rem_u (local.get $i) (i32.const 5))))
        (local.set $s (i32.add (local.get $s) (i32.const 1)))
        (block $case
          (br_table $case $h $case (i32.and (local.get $i) (i32.const 1))))
        (br_on_null $h (if (result (ref null i31)) (i32.and (local.get $i) (i32.const 2))
          (then (ref.null i31)) (else (ref.i31 (local.get $i)))))
        (drop)
        (try_table (catch $none $h) (catch_all $h)
          (loop $m
            (local.set $s (i32.add (local.get $s) (i32.const 3)))
            (br_if $m (i32.and (local.get $s) (i32.const 4))))
          (if (i32.and (local.get $i) (i32.const 4)) (then (throw $none)))
          (if (i32.and (local.get $i) (i32.const 8)) (then (br $h)))))
      (br_if $l (i32.lt_s (local.get $i) (local.get $n))))
    (local.get $s))

  ;; clauses that lead to the head of a loop, to both parts of an if and to the function
  (func (export "heads") (param $n i32) (result i32) (local $s i32)
    (loop $again
      (local.set $s (i32.add (local.get $s) (i32.const 1)))
      (local.set $n (i32.sub (local.get $n) (i32.const 3)))
      (if (i32.gt_s (local.get $n) (i32.const 0))
        (then (try_table (catch_all $again) (throw $pair (local.get $n) (i64.const 1)))))
      (loop $m (br_if $m (i32.and (local.tee $s (i32.add (local.get $s) (i32.const 1))) (i32.const 3)))))
    (if (i32.and (local.get $s) (i32.const 8))
      (then
        (try_table (catch_all 0) (call $throws)))
      (else
        (local.set $s (i32.add (local.get $s) (i32.const 100)))))
    (if (i32.and (local.get $s) (i32.const 16))
      (then (try_table (catch_all 0) (loop $o (br_if $o (i32.and
        (local.tee $s (i32.add (local.get $s) (i32.const 1))) (i32.const 7)))) (call $throws))))
    (try_table (catch $odd 0)
      (drop (call $late (local.get $s)))
      (loop $o (br_if $o (i32.and (local.tee $s (i32.add (local.get $s) (i32.const 1))) (i32.const 7)))))
    (local.get $s))

  ;; what nobody catches, after a loop
  (func (export "uncaught") (param $n i32) (result i32)
    (global.set $seen (call $spin (local.get $n)))
    (call $late (local.get $n)))

  ;; exceptions kept and thrown again, from loop to loop
  (func (export "again") (param $n i32) (result i32) (local $e exnref) (local $s i32)
    (loop $l
      (block $h (result exnref)
        (try_table (catch_all_ref $h)
          (loop $m (br_if $m (i32.and (local.tee $s (i32.add (local.get $s) (i32.const 1))) (i32.const 15))))
          (throw $pair (local.get $n) (i64.const 2)))
        (unreachable))
      (local.set $e)
      (block $got (result i32 i64)
        (try_table (catch $pair $got) (throw_ref (local.get $e)))
        (unreachable))
      (i32.wrap_i64) (i32.add) (local.set $s (i32.add (local.get $s)))
      (br_if $l (i32.gt_s (local.tee $n (i32.sub (local.get $n) (i32.const 1))) (i32.const 0))))
    (local.get $s))

  ;; recursion through handlers
  (func $deep (export "deep") (param $n i32) (result i32) (local $k i32)
    (local.set $k (i32.const 2))
    (loop $l (br_if $l (local.tee $k (i32.sub (local.get $k) (i32.const 1)))))
    (if (i32.le_s (local.get $n) (i32.const 0)) (then (throw $odd (i32.const 7))))
    (block $h (result i32)
      (try_table (catch $odd $h)
        (return (call $deep (i32.sub (i32.rem_u (local.get $n) (i32.const 40)) (i32.const 1)))))
      (unreachable))
    (if (i32.and (local.get $n) (i32.const 1)) (then (throw $odd (local.get $n))))
    (i32.add (local.get $n))))
