# Where a thread begins, in an instance of its own whose globals are as in a fresh program: before any C it needs its
# stack, and its thread-local storage, which thread.h has at the beginning of struct __pthread.

	.globaltype	__stack_pointer, i32
	.functype	__wasm_init_tls (i32) -> ()
	.functype	__nidus_thread_run (i32, i32) -> (i32)
	.functype	__nidus_thread_ended (i32) -> ()

	.globl	wasi_thread_start
	.type	wasi_thread_start,@function
wasi_thread_start:
	.functype	wasi_thread_start (i32, i32) -> ()
	local.get	1
	i32.load	0
	global.set	__stack_pointer
	local.get	1
	i32.load	4
	call	__wasm_init_tls
	local.get	0
	local.get	1
	call	__nidus_thread_run
	# From here on the stack may be another one's.
	call	__nidus_thread_ended
	end_function
	.export_name	wasi_thread_start, wasi_thread_start
