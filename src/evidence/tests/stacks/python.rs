//! Python tracebacks: the forms that CPython writes, text that is cut, and text that is none.

use proptest::prelude::*;

use super::{parse_as, place};
use crate::evidence::stack::Stack;

fn parse(text: &str) -> Option<Stack> {
    parse_as(text, "python")
}

fn places(found: &Stack) -> Vec<(String, Option<u32>, String)> {
    found.frames.iter().map(place).collect()
}

#[test]
fn frames_are_innermost_first_with_their_source_and_without_markers() {
    let found = parse("Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\n    f(\n    ~~^\n        1,\n        ^^\n    )\n    ^\n  File \"b.py\", line 2, in f\n    raise E\n  [Previous line repeated 9 more times]\nm.E: one\ntwo\n\nthree\n").unwrap();
    assert_eq!(places(&found), [("b.py".into(), Some(2), "f".into()), ("a.py".into(), Some(1), "<module>".into())]);
    assert_eq!(found.frames[1].context.as_deref(), Some("f("));
    assert_eq!(found.elided, 9, "those that the runtime only counts");
    assert_eq!((found.kind.as_deref(), found.message.as_deref()), (Some("m.E"), Some("one\ntwo\n\nthree")));
}

#[test]
fn chains_keep_their_relation_nearest_first() {
    let text = "Traceback (most recent call last):\n  File \"a.py\", line 1, in a\n    a()\nKeyError: 'k'\n\nThe above exception was the direct cause of the following exception:\n\nTraceback (most recent call last):\n  File \"b.py\", line 2, in b\n    b()\nValueError: v\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"c.py\", line 3, in c\n    c()\nRuntimeError\n";
    let found = parse(text).unwrap();
    assert_eq!((found.kind.as_deref(), found.message), (Some("RuntimeError"), None));
    let causes: Vec<_> =
        found.causes.iter().map(|cause| (cause.kind.as_deref().unwrap(), cause.relation.as_str())).collect();
    assert_eq!(causes, [("ValueError", "context"), ("KeyError", "cause")]);
    assert_eq!(found.causes[1].message.as_deref(), Some("'k'"));
}

#[test]
fn a_syntax_error_has_its_place_without_a_function() {
    let found = parse("Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\n    import b\n  File \"/x/b.py\", line 7\n    def\n       ^\nSyntaxError: invalid syntax\n").unwrap();
    assert_eq!(places(&found)[0], ("/x/b.py".into(), Some(7), String::new()));
    assert_eq!(found.kind.as_deref(), Some("SyntaxError"));
}

#[test]
fn a_groups_members_follow_it() {
    let text = "  + Exception Group Traceback (most recent call last):\n  |   File \"a.py\", line 1, in <module>\n  |     main()\n  | ExceptionGroup: two (2 sub-exceptions)\n  +-+---------------- 1 ----------------\n    | Traceback (most recent call last):\n    |   File \"b.py\", line 2, in b\n    |     raise ValueError(1)\n    | ValueError: 1\n    +---------------- 2 ----------------\n    | ExceptionGroup: inner (1 sub-exception)\n    +-+---------------- 1 ----------------\n      | TypeError: t\n      +------------------------------------\n";
    let found = parse(text).unwrap();
    assert_eq!(
        (found.kind.as_deref(), found.message.as_deref()),
        (Some("ExceptionGroup"), Some("two (2 sub-exceptions)"))
    );
    assert_eq!(places(&found), [("a.py".into(), Some(1), "<module>".into())]);
    let causes: Vec<_> =
        found.causes.iter().map(|cause| (cause.kind.as_deref().unwrap(), cause.relation.as_str())).collect();
    assert_eq!(causes, [("ValueError", "member"), ("ExceptionGroup", "member"), ("TypeError", "member")]);
    assert_eq!(found.causes[0].frames[0].func, "b");
}

#[test]
fn a_traceback_quoted_in_a_message_stays_in_it() {
    let text = "concurrent.futures.process._RemoteTraceback: \n\"\"\"\nTraceback (most recent call last):\n  File \"w.py\", line 1, in w\n    w()\nValueError: x\n\"\"\"\n\nThe above exception was the direct cause of the following exception:\n\nTraceback (most recent call last):\n  File \"a.py\", line 1, in a\n    a()\nValueError: x\n";
    let found = parse(text).unwrap();
    assert_eq!(places(&found), [("a.py".into(), Some(1), "a".into())]);
    assert_eq!(found.causes.len(), 1);
}

#[test]
fn what_is_cut_gives_the_frames_that_are_whole_and_no_other() {
    let whole = "Traceback (most recent call last):\n  File \"a.py\", line 12, in first\n    x()\n  File \"b.py\", line 345, in second\n    y()\nValueError: z\n";
    let all = places(&parse(whole).unwrap());
    for end in 0..whole.len() {
        let found = parse(whole.get(..end).unwrap()).unwrap_or_default();
        assert!(found.partial || found.kind.is_some() || found.frames.is_empty(), "{end}");
        assert!(places(&found).iter().all(|place| all.contains(place)), "{end}: {:?}", places(&found));
    }
    let headless = parse(" y\n  File \"b.py\", line 345, in second\n    y()\nValueError: z\n").unwrap();
    assert_eq!((headless.frames.len(), headless.kind.as_deref()), (1, Some("ValueError")));
}

#[test]
fn paths_say_whose_code_it_is_and_which_module() {
    let cases = [
        ("app/handlers/report.py", true, Some("app.handlers.report")),
        ("/app/handlers/report.py", true, Some("handlers.report")),
        ("/home/al/shop/report.py", true, None),
        ("/usr/lib/python3.12/json/decoder.py", false, Some("json.decoder")),
        ("/v/lib/python3.12/site-packages/flask/__init__.py", false, Some("flask")),
        ("C:\\Python312\\Lib\\json\\decoder.py", false, Some("json.decoder")),
        ("<frozen importlib._bootstrap>", false, Some("importlib._bootstrap")),
        ("<string>", true, None),
        ("<attrs generated init x.Y>", false, None),
    ];
    for (file, in_app, module) in cases {
        let text = format!("Traceback (most recent call last):\n  File \"{file}\", line 1, in f\nE: x\n");
        let frame = parse(&text).unwrap().frames.remove(0);
        assert_eq!((frame.in_app, frame.module.as_deref()), (in_app, module), "{file}");
    }
}

#[test]
fn text_that_is_no_traceback_gives_nothing() {
    for text in [
        "",
        "ValueError: bad",
        "INFO: started\nall is well",
        "Stack (most recent call last):\n  File \"a.py\", line 1, in a\n    a()\n",
        "see File \"x.py\", line 3, in f for details",
        "| a | b |\n|---|---|",
    ] {
        assert!(parse(text).is_none(), "{text:?}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(parts in proptest::collection::vec(prop_oneof![
        Just("Traceback (most recent call last):\n"), Just("  File \"a.py\", line 1, in f\n"), Just("    | "), Just("  +-+---------------- 1 ----------------\n"),
        Just("    +------------------------------------\n"), Just("E: m\n"), Just("\n"), Just("  | "), Just("é\"\n"),
        Just("During handling of the above exception, another exception occurred:\n"),
    ], 0..40)) {
        let text = parts.concat();
        let frames = parse(&text).map_or(0, |found| found.frames.len() + found.causes.iter().map(|cause| cause.frames.len()).sum::<usize>());
        prop_assert!(frames <= text.matches("File").count());
    }
}
