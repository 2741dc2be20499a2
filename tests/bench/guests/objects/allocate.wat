(module
  (type $node (sub (struct (field i32) (field (mut (ref null $node))))))
  (global $kept (mut (ref null $node)) (ref.null $node))
  (func (export "run") (param $n i32) (result i32)
    (local $i i32) (local $sum i32) (local $node (ref null $node))
    (loop $again
      (local.set $node (struct.new $node (local.get $i) (ref.null $node)))
      (if (i32.eqz (i32.rem_u (local.get $i) (i32.const 100)))
        (then
          (struct.set $node 1 (local.get $node) (global.get $kept))
          (global.set $kept (local.get $node))))
      (local.set $sum (i32.add (local.get $sum) (struct.get $node 0 (local.get $node))))
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (global.set $kept (ref.null $node))
    (local.get $sum)))
