//! Stacks of Go, Rust, C and C++, and .NET.

use super::{cause, frames, parse_as, whole};

#[test]
fn gos_frames_are_of_the_goroutine_that_panicked() {
    let text = "goroutine 1 [running]:\nruntime/debug.Stack()\n\t/usr/local/go/src/runtime/debug/stack.go:26 +0x5e\n\
        handled: x\npanic: first [recovered]\n\tpanic: second: y\n[signal SIGSEGV: segmentation violation code=0x1]\n\n\
        goroutine 7 gp=0xc0 m=0 mp=0x5a [running, locked to thread]:\npanic({0x46?, 0x47?})\n\t/usr/local/go/src/runtime/panic.go:884 +0x213\n\
        example.com/shop/v2.(*Cart[...]).Add(0xc0, {0x1, 0x2, ...})\n\t/app/a b/cart.go:12 +0x1d\nmain.main.func1.1(...)\n\t/app/main.go:13 +0x1\n\
        created by main.main in goroutine 1\n\t/app/main.go:3 +0x1\n\ngoroutine 8 [select]:\nmain.idle()\n\t/app/main.go:30 +0x1\n";
    let (said, found) = whole(text, "go");
    assert_eq!(said, "panic: second: y");
    assert_eq!(
        found,
        [
            "panic /usr/local/go/src/runtime/panic.go:884",
            "*example.com/shop/v2.(*Cart[...]).Add /app/a b/cart.go:12",
            "*main.main.func1.1 /app/main.go:13",
        ]
    );
    let parsed = parse_as(text, "go").unwrap();
    assert_eq!(parsed.frames[1].module.as_deref(), Some("example.com/shop/v2"));
    assert_eq!(cause(&parsed.causes[0]), ("context".into(), "panic: first".into(), 0, vec![]));
}

#[test]
fn who_recovers_from_a_panic_in_go_is_not_who_failed() {
    let text = "goroutine 23 [running]:\nruntime/debug.Stack()\n\truntime/debug/stack.go:26 +0x68\n\
        main.recovering.func1.1()\n\tshop/recovery.go:29 +0x20d\npanic({0x1019980?, 0x18cf780?})\n\truntime/panic.go:860 +0x13a\n\
        main.(*cache).get(...)\n\tshop/cache.go:47\ndatabase/sql.withLock({0x1, 0x2}, 0xc0)\n\tdatabase/sql/sql.go:3573 +0x71\n\
        example.org/chi.(*Mux).ServeHTTP(0xc0)\n\texample.org/chi@v5.2.1/mux.go:67 +0x68\n\
        example.org/shop/internal/api.Serve(0xc0)\n\texample.org/shop/internal/api/serve.go:9 +0x68\n";
    let own: Vec<String> = whole(text, "go").1.into_iter().filter(|frame| frame.starts_with('*')).collect();
    assert_eq!(
        own,
        [
            "*main.(*cache).get shop/cache.go:47",
            "*example.org/shop/internal/api.Serve example.org/shop/internal/api/serve.go:9"
        ]
    );
}

#[test]
fn gos_race_reports_have_both_accesses() {
    let text = "==================\nWARNING: DATA RACE\nWrite at 0x00c0 by goroutine 7:\n  main.put()\n      /app/x.go:12 +0x38\n\n\
        Previous read at 0x00c0 by main goroutine:\n  main.get()\n      /app/x.go:15 +0x84\n\nGoroutine 7 (running) created at:\n  main.main()\n      /app/x.go:11 +0x7a\n==================\n";
    let found = parse_as(text, "go").unwrap();
    assert_eq!(found.kind.as_deref(), Some("DATA RACE"));
    assert_eq!(frames(&found.frames), ["*main.put /app/x.go:12"]);
    let previous = "DATA RACE: Previous read at 0x00c0 by main goroutine".to_owned();
    assert_eq!(cause(&found.causes[0]), ("concurrent".into(), previous, 0, vec!["*main.get /app/x.go:15".to_owned()]));
}

#[test]
fn gos_other_forms_are_read() {
    let wrapped = "open failed\nmain.load\n\t/app/main.go:12\nruntime.main\n\t/usr/local/go/src/runtime/proc.go:250\n";
    assert_eq!(
        whole(wrapped, "go").1,
        ["*main.load /app/main.go:12", "runtime.main /usr/local/go/src/runtime/proc.go:250"]
    );
    let fatal = "fatal error: all goroutines are asleep - deadlock!\n\nruntime stack:\nruntime.throw({0x1, 0x2})\n\t/go/src/runtime/panic.go:1 +0x1\n\n\
        goroutine 1 [chan receive]:\nmain.main()\n\t/app/main.go:9 +0x1\nexit status 2\n";
    let (said, found) = whole(fatal, "go");
    assert_eq!(
        (said.as_str(), found),
        ("fatal error: all goroutines are asleep - deadlock!", vec!["*main.main /app/main.go:9".to_owned()])
    );
    let served = "2024/01/15 07:48:05 http: panic serving [::1]:54143: bad\ngoroutine 24 [running]:\nmain.do(0x1)\n\t/app/a.go:8 +0x39\n...23 frames elided...\n";
    let found = parse_as(served, "go").unwrap();
    assert_eq!((found.message.as_deref(), found.partial, found.frames.len()), (Some("bad"), true, 1));
}

#[test]
fn rusts_backtraces_are_read_short_and_full() {
    let short = "thread 'main' (12) panicked at src/cart.rs:4:5:\nempty\ncart\nstack backtrace:\n   0: rust_begin_unwind\n\
        \x20            at /rustc/abc/library/std/src/panicking.rs:652:5\n   1: shop::cart::add::{{closure}}\n             at ./src/cart.rs:4:5\n   2: <unknown>\n\
        note: Some details are omitted\n";
    let (said, found) = whole(short, "rust");
    assert_eq!(said, "panic: empty\ncart");
    let begin = "rust_begin_unwind /rustc/abc/library/std/src/panicking.rs:652:5";
    assert_eq!(found, [begin, "*shop::cart::add::{{closure}} ./src/cart.rs:4:5", "<unknown> ?"]);
    let at = parse_as(short, "rust").unwrap().thrown_at.unwrap();
    assert_eq!((at.file.as_str(), at.line, at.column), ("src/cart.rs", Some(4), Some(5)));
    let full = "thread 'x' panicked at 'no: `1`', src/lib.rs:9:1\nstack backtrace:\n   0:     0x55d0 - shop::add::h0123456789abcdef\n\
        \x20                              at /app/src/lib.rs:9:1\n           <shop[0123456789abcdef]::Cart as core[fedcba9876543210]::fmt::Debug>::fmt\n                               at /app/src/lib.rs:3:1\n  [... omitted 3 frames ...]\n";
    let found = parse_as(full, "rust").unwrap();
    assert_eq!(
        frames(&found.frames),
        ["*shop::add /app/src/lib.rs:9:1", "*<shop::Cart as core::fmt::Debug>::fmt /app/src/lib.rs:3:1"]
    );
    assert_eq!((found.message.as_deref(), found.elided), (Some("no: `1`"), 3));
}

#[test]
fn an_error_of_anyhow_has_causes_and_a_backtrace() {
    let text = "Error: cannot start\n\nCaused by:\n    0: cannot read\n    1: No such file\n\nStack backtrace:\n   0: shop::load\n             at ./src/main.rs:5:5\n   1: main\n";
    let found = parse_as(text, "rust").unwrap();
    assert_eq!((found.message.as_deref(), found.frames.len()), (Some("cannot start"), 2));
    let causes: Vec<_> = found.causes.iter().filter_map(|cause| cause.message.as_deref()).collect();
    assert_eq!(causes, ["cannot read", "No such file"]);
    let eyre = "Error: \n   0: cannot start\n   1: No such file\n\nLocation:\n   src/main.rs:12\n\n  ━━━ BACKTRACE ━━━\n   ⋮ 5 frames hidden ⋮\n   1: shop::load::h0123456789abcdef\n      at src/main.rs:4\n        2 │ x\n";
    let found = parse_as(eyre, "rust").unwrap();
    assert_eq!((found.message.as_deref(), found.causes.len(), found.elided), (Some("cannot start"), 1, 5));
    assert_eq!(found.thrown_at.unwrap().line, Some(12));
    assert_eq!(frames(&found.frames), ["*shop::load src/main.rs:4"]);
}

#[test]
fn gdbs_frames_are_of_the_thread_that_crashed() {
    let text = "Program terminated with signal 11, Segmentation fault.\n#0  0x0000000000401136 in ns::foo<int (*)(int)> (p=0x0) at a.cc:3\n\n\
        Thread 2 (LWP 12):\n#0  0x00007ffff7 in wait () from /lib64/libpthread.so.0\n\n\
        Thread 1 (LWP 11):\n#0  0x0000000000401136 in ns::foo<int (*)(int)> (p=0x0) at a.cc:3\nNo locals.\n#1  <signal handler called>\n\
        #2  std::function<void (int)>::operator()(int) const (this=0x0, s=\"a) at b:1\") at /usr/include/c++/9/std_function.h:688\n\
        #3  0x0000000000401150 in (anonymous namespace)::main (argc=<optimized out>) at dir name/a.cc:8\n#4  std::function<void ()>::operator() (this=0x1) at x.cc:1\n#5  0x0 in ?? ()\n";
    let (said, found) = whole(text, "cpp");
    assert_eq!(said, "SIGSEGV: Segmentation fault");
    assert_eq!(
        found,
        [
            "*ns::foo<int (*)(int)> a.cc:3",
            "<signal handler called> ?",
            "std::function<void (int)>::operator()(int) const /usr/include/c++/9/std_function.h:688",
            "*(anonymous namespace)::main dir name/a.cc:8",
            "std::function<void ()>::operator() x.cc:1",
            "?? ?",
        ]
    );
}

#[test]
fn gdbs_frames_may_be_wrapped() {
    let text = "#0  0x4001 in foo (a=1,\n    b=2) at x.c:1\n#1  0x4002 in bar ()\n    at y.c:208\n        local = 0x0\n#2  0x3 in main ()\n   from /app/libm.so\n";
    let found = parse_as(text, "cpp").unwrap();
    assert_eq!(frames(&found.frames), ["*foo x.c:1", "*bar y.c:208", "*main ?"]);
}

#[test]
fn sanitizers_reports_have_the_stack_they_are_about_and_those_behind_it() {
    let text = "==1==ERROR: AddressSanitizer: heap-use-after-free on address 0x602 at pc 0x1\nWRITE of size 1 at 0x602 thread T0\n\
        \x20   #0 0x4f5 in put(std::vector<int, std::allocator<int> >&) /app/a.cc:5:3\n    #1 0x7f in __libc_start_main (/lib/libc.so.6+0x270b2) (BuildId: abc)\n\
        \x20   #2 0x41  (/app/shop+0x41)\n\nfreed by thread T0 here:\n    #0 0x4f in drop() /app/a.cc:4:3\n";
    let found = parse_as(text, "cpp").unwrap();
    assert_eq!(
        (found.kind.as_deref(), found.message.as_deref()),
        (Some("heap-use-after-free"), Some("WRITE of size 1"))
    );
    let put = "*put(std::vector<int, std::allocator<int> >&) /app/a.cc:5:3";
    assert_eq!(frames(&found.frames), [put, "__libc_start_main ?", "* ?"]);
    assert_eq!(found.frames[2].module.as_deref(), Some("/app/shop"));
    let freed = vec!["*drop() /app/a.cc:4:3".to_owned()];
    assert_eq!(cause(&found.causes[0]), ("memory".into(), "-: freed by thread T0 here".into(), 0, freed));
    let call = "std::function<void ()>::operator()() const";
    let empty = format!(
        "==1==ERROR: AddressSanitizer: SEGV on unknown address 0x0\n    #0 0x4 in {call} /usr/include/c++/9/f.h:688:4\n    #1 0x5 in {call} (/app/shop+0x41)\n    #2 0x6 in main /app/a.cc:5:3\n"
    );
    let names: Vec<_> = parse_as(&empty, "cpp").unwrap().frames.into_iter().map(|frame| frame.func).collect();
    assert_eq!(names, [call, call, "main"]);
    let race = "WARNING: ThreadSanitizer: data race (pid=9)\n  Write of size 4 at 0x7 by thread T1:\n    #0 add(void*) race.c:4:3 (shop+0x4)\n    #1 foo <null> (libx+0x1)\n";
    assert_eq!(
        whole(race, "cpp"),
        ("data race: Write of size 4".into(), vec!["*add(void*) race.c:4:3".into(), "*foo ?".into()])
    );
    let undefined = "/app/x.cc:12:5: runtime error: signed integer overflow\n    #0 0x5 in f(int) /app/x.cc:12:5\n";
    assert_eq!(
        whole(undefined, "cpp"),
        ("runtime error: signed integer overflow".into(), vec!["*f(int) /app/x.cc:12:5".into()])
    );
}

#[test]
fn frames_of_other_native_printers_are_read() {
    let glibc = "./shop(foo+0x15)[0x400a]\n/lib/libc.so.6(__libc_start_main+0xf0) [0x7f]\n./shop() [0x1]\n";
    assert_eq!(whole(glibc, "cpp").1, ["*foo ?", "__libc_start_main ?", "* ?"]);
    let boost = " 0# bar(int) at /app/source.cpp:70\n 1# main in ./shop\n";
    assert_eq!(whole(boost, "cpp").1, ["*bar(int) /app/source.cpp:70", "*main ?"]);
    let abseil = "PC: @     0x55d0  (unknown)  shop::put()\n    @     0x55d0        100  shop::put()\n    @     0x55d1  (unknown)  (unknown)\n";
    assert_eq!(whole(abseil, "cpp").1, ["*shop::put() ?", " ?"]);
    let valgrind = "==12== Invalid read of size 4\n==12==    at 0x4005: f(int) (a.c:12)\n==12==    by 0x4006: main (in /app/shop)\n";
    assert_eq!(whole(valgrind, "cpp").1, ["*f(int) a.c:12", "*main ?"]);
    let android = "backtrace:\n    #00 pc 0000000000021ad0  /system/lib/libc.so (abort+60)\n    #01 pc 0000000000021ad1  /data/app/lib.so (put(int)+12)\n";
    assert_eq!(whole(android, "cpp").1, ["abort ?", "*put(int) ?"]);
}

#[test]
fn nets_inner_exceptions_stand_before_the_outer_ones_frames() {
    let text = "Unhandled exception. System.InvalidOperationException: Outer\n ---> System.ArgumentNullException: No. (Parameter 'x')\n\
        \x20  at Shop.Cart.Add[T](T x, List`1 y) in /src/Shop/Cart.cs:line 10\n--- End of stack trace from previous location ---\n\
        \x20  at Shop.Cart.<AddAsync>d__3.MoveNext() in C:\\src\\Cart.cs:line 12\n   --- End of inner exception stack trace ---\n\
        \x20  at Shop.Program.<Main>g__Local|0_0(String[] args) in /src/Program.cs:line 5\n   at Shop.Foo..ctor()\n   at System.Threading.Thread.Start()\n";
    let (said, found) = whole(text, "dotnet");
    assert_eq!(said, "System.InvalidOperationException: Outer");
    assert_eq!(
        found,
        ["*Shop.Program.<Main>g__Local|0_0 /src/Program.cs:5", "*Shop.Foo..ctor ?", "System.Threading.Thread.Start ?"]
    );
    let inner = parse_as(text, "dotnet").unwrap().causes.remove(0);
    assert_eq!(inner.kind.as_deref(), Some("System.ArgumentNullException"));
    let add = "*Shop.Cart.Add[T] /src/Shop/Cart.cs:10";
    assert_eq!(frames(&inner.frames), [add, "*Shop.Cart.<AddAsync>d__3.MoveNext C:\\src\\Cart.cs:12"]);
}

#[test]
fn nets_words_are_translated_and_mono_has_its_own() {
    for line in [
        "   bei Shop.Cart.Add(String s) in C:\\src\\Cart.cs:Zeile 12.",
        "   à Shop.Cart.Add(String s) dans C:\\src\\Cart.cs:ligne 12",
        "   en Shop.Cart.Add(String s) en C:\\src\\Cart.cs:línea 12",
        "   в Shop.Cart.Add(String s) в C:\\src\\Cart.cs:строка 12",
        "   在 Shop.Cart.Add(String s) 位置 C:\\src\\Cart.cs:行号 12",
        "   場所 Shop.Cart.Add(String s) 場所 C:\\src\\Cart.cs:行 12",
        "  at Shop.Cart.Add (System.String s) [0x00007] in C:\\src\\Cart.cs:12 ",
    ] {
        let (_, found) = whole(&format!("Shop.BadException: x\n{line}\n"), "dotnet");
        assert_eq!(found, ["*Shop.Cart.Add C:\\src\\Cart.cs:12"], "{line}");
    }
    let mono = "Shop.BadException: x\n  at Shop.Cart.Add (System.String s) [0x00000] in <filename unknown>:0\n";
    assert_eq!(whole(mono, "dotnet").1, ["*Shop.Cart.Add ?"]);
}

#[test]
fn an_aggregates_members_come_behind_its_frames() {
    let text = "System.AggregateException: Two. (a) (b)\n ---> System.Exception: a\n   at X.A() in /a.cs:line 1\n   --- End of inner exception stack trace ---\n\
        \x20  at X.Main() in /a.cs:line 9\n ---> (Inner Exception #1) System.Exception: b\n   at X.B() in /a.cs:line 2<---\n";
    let found = parse_as(text, "dotnet").unwrap();
    assert_eq!(frames(&found.frames), ["*X.Main /a.cs:9"]);
    let causes: Vec<_> = found.causes.iter().map(cause).collect();
    let a = ("cause".to_owned(), "System.Exception: a".to_owned(), 0, vec!["*X.A /a.cs:1".to_owned()]);
    let b = ("member".to_owned(), "System.Exception: b".to_owned(), 0, vec!["*X.B /a.cs:2".to_owned()]);
    assert_eq!(causes, [a, b]);
}
