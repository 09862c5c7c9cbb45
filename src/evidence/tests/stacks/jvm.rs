//! Stacks of Java, Kotlin and Android.

use super::{cause, frames, parse_as, whole};

#[test]
fn frames_are_named_without_loader_module_and_packaging() {
    let text = "Exception in thread \"main\" com.acme.Bad: it is: bad\nreally\n\
        \tat com.acme.Cart.<init>(Cart.java:10)\n\
        \tat app//com.acme.Cart$Item.lambda$sum$0(Cart.java:11)\n\
        \tat com.acme.loader/shop@9.0/com.acme.Shop.run(Shop.java)\n\
        \tat com.acme.Shop$$Lambda$14/0x0000000100066840.run(Unknown Source)\n\
        \tat java.base/java.lang.reflect.Method.invoke(Native Method)\n\
        \tat org.springframework.web.Filter.go(Filter.java:5) ~[spring-web-5.3.jar!/:5.3.1]\n";
    let (said, found) = whole(text, "java");
    assert_eq!(said, "com.acme.Bad: it is: bad\nreally");
    assert_eq!(
        found,
        [
            "*com.acme.Cart.<init> Cart.java:10",
            "*com.acme.Cart$Item.lambda$sum$0 Cart.java:11",
            "*com.acme.Shop.run Shop.java",
            "*com.acme.Shop$$Lambda$14/0x0000000100066840.run Unknown Source",
            "java.lang.reflect.Method.invoke Native Method",
            "org.springframework.web.Filter.go Filter.java:5",
        ]
    );
}

#[test]
fn causes_tell_how_many_frames_they_share_and_suppressed_ones_what_they_are() {
    let text = "java.lang.RuntimeException: outer\n\tat com.acme.A.a(A.java:1)\n\tat com.acme.A.main(A.java:2)\n\
        \tSuppressed: java.io.IOException: closing\n\t\tat com.acme.A.close(A.java:3)\n\t\t... 1 more\n\
        Caused by: java.lang.IllegalStateException: inner\n\tat com.acme.B.b(B.java:4)\n\t... 2 common frames omitted\n\
        \tSuppressed: [CIRCULAR REFERENCE: java.lang.RuntimeException: outer]\n\
        Exception in thread \"other\" java.lang.Error\n\tat com.acme.C.c(C.java:5)\n";
    let found = parse_as(text, "java").unwrap();
    assert_eq!(frames(&found.frames), ["*com.acme.A.a A.java:1", "*com.acme.A.main A.java:2"]);
    let causes: Vec<_> = found.causes.iter().map(cause).collect();
    let close = vec!["*com.acme.A.close A.java:3".to_owned()];
    let inner = vec!["*com.acme.B.b B.java:4".to_owned()];
    assert_eq!(
        causes,
        [
            ("suppressed".into(), "java.io.IOException: closing".into(), 1, close),
            ("cause".into(), "java.lang.IllegalStateException: inner".into(), 2, inner),
            ("suppressed".into(), "java.lang.RuntimeException: outer".into(), 0, vec![]),
        ]
    );
    assert!(!found.partial);
}

#[test]
fn with_the_root_cause_first_the_outermost_still_leads() {
    let text = "java.io.IOException: root\n\tat a.R.r(R.java:1)\n\tat a.R.q(R.java:2)\n\
        Wrapped by: java.lang.RuntimeException: outer\n\tat a.O.o(O.java:3)\n\t... 1 common frames omitted\n";
    let found = parse_as(text, "java").unwrap();
    assert_eq!(found.kind.as_deref(), Some("java.lang.RuntimeException"));
    assert_eq!(frames(&found.frames), ["*a.O.o O.java:3", "*a.R.q R.java:2"]);
    assert_eq!(found.causes[0].relation, "cause");
    assert!(!found.partial);
}

#[test]
fn what_stands_before_and_between_the_lines_is_no_frame() {
    let text = "2024-01-02 10:00:00,123 ERROR [main] com.acme.X - it failed\njava.lang.NullPointerException\n\
        \tat com.acme.A.run(A.java:10)\n2024-01-02 10:00:01,123 INFO [main] com.acme.X - next\n\tat com.acme.B.run(B.java:11)\n\
        2024-01-02 10:00:02,123 ERROR [main] other\njava.lang.IllegalArgumentException: two\n\tat com.acme.C.run(C.java:10)\n";
    let found = parse_as(text, "java").unwrap();
    assert_eq!(frames(&found.frames), ["*com.acme.A.run A.java:10", "*com.acme.B.run B.java:11"]);
    assert!(found.partial, "a line of the log stood in between");
    assert_eq!((found.kind.as_deref(), found.message), (Some("java.lang.NullPointerException"), None));
}

#[test]
fn kotlins_coroutines_and_androids_places_are_read() {
    let text = "kotlin.IllegalStateException: x\n\tat com.acme.MainKt$main$1.invokeSuspend(Main.kt:5)\n\
        \tat _COROUTINE._BOUNDARY._(CoroutineDebugging.kt:46)\n\tat com.acme.Tests.a name with blanks(Tests.kt:3)\n\
        \tat a.b.c(Unknown Source:8)\n\tat kotlinx.coroutines.Job.join(Unknown Source:2)\n";
    let (_, found) = whole(text, "kotlin");
    assert_eq!(
        found,
        [
            "*com.acme.MainKt$main$1.invokeSuspend Main.kt:5",
            "_COROUTINE._BOUNDARY._ CoroutineDebugging.kt:46",
            "*com.acme.Tests.a name with blanks Tests.kt:3",
            "*a.b.c Unknown Source:8",
            "kotlinx.coroutines.Job.join Unknown Source:2",
        ]
    );
}
