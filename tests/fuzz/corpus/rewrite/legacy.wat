;; Exceptions of the proposal's first version: try, catch, catch_all, delegate, rethrow.
(module
  (tag $odd (param i32))
  (tag $none)

  (func $late (param $n i32) (result i32) (local $k i32)
    (local.set $k (i32.and (local.get $n) (i32.const 7)))
    (loop $l (br_if $l (i32.gt_s (local.tee $k (i32.sub (local.get $k) (i32.const 1))) (i32.const 0))))
    (if (i32.and (local.get $n) (i32.const 1)) (then (throw $odd (local.get $n))))
    (i32.mul (local.get $n) (i32.const 3)))

  (func (export "caught") (param $n i32) (result i32) (local $s i32)
    (loop $l
      (local.set $s (i32.add (local.get $s)
        (try (result i32)
          (do (call $late (local.get $n)))
          (catch $odd (i32.add (i32.const 1)))
          (catch_all (i32.const 5)))))
      (br_if $l (i32.gt_s (local.tee $n (i32.sub (local.get $n) (i32.const 1))) (i32.const 0))))
    (loop $m
      (br_if $m (i32.gt_s (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 100))))
    (local.get $s))

  ;; a loop that calls nothing in a try, which throws and branches out of both
  (func (export "loops") (param $n i32) (result i32) (local $s i32)
    (block $out
      (loop $l
        (try $t
          (do
            (loop $m
              (local.set $s (i32.add (local.get $s) (i32.const 1)))
              (br_if $t (i32.eq (i32.and (local.get $s) (i32.const 31)) (i32.const 30)))
              (if (i32.eq (i32.and (local.get $s) (i32.const 7)) (i32.const 3)) (then (throw $none)))
              (br_if $out (i32.gt_s (local.get $s) (i32.const 4000)))
              (br $m)))
          (catch $none (local.set $s (i32.add (local.get $s) (i32.const 2))))
          (catch_all (local.set $s (i32.const -9))))
        (br_if $l (i32.gt_s (local.tee $n (i32.sub (local.get $n) (i32.const 1))) (i32.const 0)))))
    (local.get $s))

  ;; delegates to a try, to a block and to the function; what was caught is thrown again
  (func $passes (param $n i32) (result i32) (local $k i32)
    (loop $l (br_if $l (i32.and (local.tee $k (i32.add (local.get $k) (i32.const 1))) (i32.const 3))))
    (try $outer (result i32)
      (do
        (loop $m (br_if $m (i32.and (local.tee $k (i32.add (local.get $k) (i32.const 1))) (i32.const 3))))
        (block $b (result i32)
          (try (result i32)
            (do (try (result i32) (do (call $late (local.get $n))) (delegate $outer)))
            (delegate $b))))
      (catch $odd
        (loop $o (br_if $o (i32.and (local.tee $k (i32.add (local.get $k) (i32.const 1))) (i32.const 3))))
        (if (i32.and (local.get $n) (i32.const 2)) (then (rethrow $outer)))
        (i32.add (local.get $k))))
    (try (result i32) (do (call $late (i32.shr_u (local.get $n) (i32.const 2)))) (delegate 0))
    (i32.add))
  (func (export "delegates") (param $n i32) (result i32) (local $s i32)
    (loop $l
      (local.set $s (i32.add (i32.mul (local.get $s) (i32.const 3))
        (try (result i32) (do (call $passes (local.get $n))) (catch_all (i32.const 11)))))
      (loop $m (br_if $m (i32.and (local.tee $s (i32.add (local.get $s) (i32.const 1))) (i32.const 3))))
      (br_if $l (i32.gt_s (local.tee $n (i32.sub (local.get $n) (i32.const 1))) (i32.const 0))))
    (local.get $s))
  (func (export "uncaught") (param $n i32) (result i32)
    (call $passes (local.get $n))))
