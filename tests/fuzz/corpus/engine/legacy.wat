(module
  (tag $a (param i32))
  (tag $b)
  (func $may (param i32)
    (if (i32.eq (local.get 0) (i32.const 1)) (then (throw $a (i32.const 5))))
    (if (i32.eq (local.get 0) (i32.const 2)) (then (throw $b))))
  (func (export "legacy") (param i32) (result i32)
    (try (result i32)
      (do
        (try $outer (result i32)
          (do
            (try (result i32)
              (do (call $may (local.get 0)) (i32.const 1))
              (delegate $outer)))
          (catch $a (if (i32.eq (local.get 0) (i32.const 1)) (then (rethrow 1))) (drop) (i32.const 2))))
      (catch $a)
      (catch_all (i32.const 4)))))
