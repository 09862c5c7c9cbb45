//! What holds for the stacks of every language.

use proptest::prelude::*;

use super::{frames, one_line, parse_as, place};
use crate::evidence::stack::{self, AppRules};
use crate::model::Frame;

/// A stack of each language, whole.
const STACKS: [(&str, &str); 12] = [
    (
        "python",
        "Traceback (most recent call last):\n  File \"a.py\", line 12, in first\n    x()\n  File \"b.py\", line 345, in second\n    y()\nValueError: z\n",
    ),
    (
        "java",
        "java.lang.Error: x\n\tat a.B.c(B.java:123)\n\tat java.base/d.E.f(Native Method)\nCaused by: java.lang.Error\n\tat g.H.i(H.java:45)\n\t... 2 more\n",
    ),
    (
        "nodejs",
        "Error: x\n    at a (/app/a.js:12:34)\n    at /app/b.js:56:78\n    at async c (file:///app/c.js:9:10)\n",
    ),
    ("webjs", "a@http://h/a.js:12:34\n@http://h/b.js:56:78\nforEach@[native code]\nc@http://h/c.js:12:1\n"),
    (
        "go",
        "panic: x\n\ngoroutine 1 [running]:\nmain.a(0x1)\n\t/app/a.go:123 +0x45\nmain.main()\n\t/app/main.go:67 +0x1\n",
    ),
    (
        "rust",
        "thread 'main' panicked at src/a.rs:12:3:\nx\nstack backtrace:\n   0: shop::a\n             at ./src/a.rs:123:4\n   1: shop::b\n             at ./src/b.rs:56:7\n",
    ),
    ("dotnet", "A.BadException: x\n   at A.B.C(String s) in /src/b.cs:line 123\n   at A.B.D()\n"),
    ("ruby", "a.rb:12:in `a': x (RuntimeError)\n\tfrom b.rb:345:in `b'\n\tfrom c.rb:6\n\tfrom d.rb:7:in `<main>'\n"),
    ("php", "Exception: x in /app/a.php:12\nStack trace:\n#0 /app/b.php(345): A->b()\n#1 {main}\n"),
    ("dart", "Unhandled exception:\nx\n#0      a (package:x/a.dart:12:3)\n#1      main (file:///app/b.dart:45:6)\n"),
    (
        "cpp",
        "==1==ERROR: AddressSanitizer: heap-overflow on address 0x1\nREAD of size 4 at 0x1\n    #0 0x1 in a(int) /app/a.cc:123:4\n    #1 0x2 in main /app/b.cc:56:7\n",
    ),
    (
        "cpp",
        "Thread 1 (LWP 1):\n#0  0x1 in a (x=1) at a.c:123\n#1  0x2 in b () from /lib/libb.so\n#2  0x3 in main () at a.c:45\n",
    ),
];

#[test]
fn a_stack_that_is_cut_gives_the_frames_that_are_whole_or_says_that_it_is_partial() {
    for (language, text) in STACKS {
        let all = parse_as(text, language).unwrap();
        assert!(!all.partial && !all.frames.is_empty(), "{language}");
        let all: Vec<_> = all.frames.iter().chain(all.causes.iter().flat_map(|cause| &cause.frames)).collect();
        // The line with a frame's place may be missing.
        let known = |frame: &Frame| {
            all.iter().any(|of| place(of) == place(frame) || frame.file.is_none() && of.func == frame.func)
        };
        for (end, _) in text.char_indices() {
            let Some(found) = text.get(..end).and_then(|cut| parse_as(cut, language)) else { continue };
            // .NET ends a line with its number: nothing tells that it is cut.
            let invented = found.frames.iter().find(|frame| !known(frame) && language != "dotnet");
            assert!(found.partial || invented.is_none(), "{language} {end}: {:?}", invented.map(one_line));
        }
    }
}

#[test]
fn the_language_is_told_from_the_text() {
    for (language, text) in STACKS {
        let told = stack::parse(text, Some(language), &AppRules::default());
        assert_eq!(stack::parse(text, None, &AppRules::default()), told, "{language}");
        // A wrong language is no obstacle.
        let wrong = if language == "go" { "ruby" } else { "go" };
        assert_eq!(stack::parse(text, Some(wrong), &AppRules::default()), told, "{language}");
    }
}

#[test]
fn prefixes_of_loggers_and_json_around_a_stack_are_taken_away() {
    let prefixes = [
        "2024-01-02T10:00:00.000000000Z stderr F ",
        "web-1  | ",
        "Jan  2 10:00:00 host shop[12]: ",
        "01-02 10:00:00.000  1234  1234 E Shop: ",
        "2024-01-02 10:00:00,123 ERROR ",
        "\u{1b}[31m2024-01-02 10:00:00,123 ERROR\u{1b}[0m ",
    ];
    for (language, text) in STACKS {
        let plain = parse_as(text, language).unwrap();
        for prefix in prefixes {
            let prefixed: String = text.lines().map(|line| format!("{prefix}{line}\n")).collect();
            let found = parse_as(&prefixed, language).unwrap();
            assert_eq!(frames(&found.frames), frames(&plain.frames), "{language} {prefix}");
        }
        let json = serde_json::json!({"level": "error", "err": {"stack": text}, "n": 1}).to_string();
        assert_eq!(frames(&parse_as(&json, language).unwrap().frames), frames(&plain.frames), "{language}");
        let escaped = text.replace('\\', "\\\\").replace('\n', "\\n").replace('\t', "\\t");
        assert_eq!(frames(&parse_as(&escaped, language).unwrap().frames), frames(&plain.frames), "{language}");
    }
}

#[test]
fn a_path_with_backslashes_is_no_text_with_escapes() {
    let text = "A.BadException: x\n   at A.B.C() in C:\\new\\nested\\nuget\\b.cs:line 1\n   at A.B.D() in C:\\new\\nested\\nuget\\b.cs:line 2\n";
    let found = parse_as(text, "dotnet").unwrap();
    assert_eq!(found.frames[1].file.as_deref(), Some("C:\\new\\nested\\nuget\\b.cs"));
}

#[test]
fn rules_say_what_is_in_app_and_the_last_one_decides() {
    let text = "java.lang.Error: x\n\tat com.acme.gen.A.a(A.java:1)\n\tat com.acme.B.b(B.java:2)\n\tat java.util.C.c(C.java:3)\n";
    let own = |rules: &[&str]| {
        let rules: Vec<String> = rules.iter().map(|rule| (*rule).to_owned()).collect();
        let found = stack::parse(text, Some("java"), &AppRules::new(&rules).unwrap()).unwrap();
        found.frames.iter().map(|frame| frame.in_app).collect::<Vec<_>>()
    };
    assert_eq!(own(&[]), [true, true, false]);
    assert_eq!(own(&["module:com.acme.gen.** -app"]), [false, true, false]);
    assert_eq!(own(&["family:java module:** -app", "path:{A,C}.java +app"]), [true, false, true]);
    assert_eq!(own(&["family:go module:** -app"]), [true, true, false]);
    assert_eq!(own(&["!function:*.b -app"]), [false, true, false]);
    for wrong in ["path:x", "-app", "family:klingon -app", "stack:x -app", "path:a{b -app"] {
        assert_eq!(AppRules::new(&[wrong.to_owned()]).unwrap_err().0, 0, "{wrong}");
    }
}

#[test]
fn a_stack_too_long_keeps_both_ends_and_tells_how_much_is_missing() {
    let frames: String = (0..5000).map(|line| format!("\tat a.B.c(B.java:{line})\n")).collect();
    let found = parse_as(&format!("java.lang.StackOverflowError\n{frames}"), "java").unwrap();
    assert_eq!((found.frames.len(), found.elided), (1000, 4000));
    assert_eq!((found.frames[0].line, found.frames[999].line), (Some(0), Some(4999)));
}

#[test]
fn hostile_text_takes_linear_time() {
    let nested = format!("Error: x\n    at a {}/x.js:1:2{}\n", "(".repeat(30_000), ")".repeat(30_000));
    let at_signs = "a@".repeat(30_000);
    let openings = "Caused by: java.lang.Error: x\n".repeat(20_000);
    let members: String =
        (0..5_000).map(|depth| format!("{}+-+---------------- 1 ----------------\n", " ".repeat(depth % 90))).collect();
    let blank = "\n".repeat(100_000);
    for text in [nested, at_signs, openings, members, blank] {
        assert!(parse_as(&text, "nodejs").is_none_or(|found| found.causes.len() <= 100));
    }
}

const PARTS: [&str; 40] = [
    "Traceback (most recent call last):\n",
    "  File \"a.py\", line 1, in f\n",
    "  +-+---------------- 1 ----------------\n",
    "java.lang.Error: x\n",
    "\tat a.B.c(B.java:1)\n",
    "Caused by: ",
    "... 3 more\n",
    "[CIRCULAR REFERENCE: ",
    "    at f (/a.js:1:2)\n",
    "f@http://h/a.js:1:2\n",
    "[native code]\n",
    "  Line 4 of linked script http://h/a.js\n",
    "panic: x\n",
    "goroutine 1 [running]:\n",
    "main.f(0x1)\n",
    "\t/a.go:1 +0x1\n",
    "WARNING: DATA RACE\n",
    "thread 'm' panicked at a.rs:1:2:\n",
    "stack backtrace:\n",
    "   0: a::b\n",
    "             at a.rs:1:2\n",
    " ---> ",
    "   at A.B(C d) in e.cs:line 1\n",
    "   --- End of inner exception stack trace ---\n",
    "a.rb:1:in `f': x (E)\n",
    "\tfrom a.rb:1:in 'f'\n",
    "#0 a.php(1): f()\n",
    "#1 {main}\n",
    "Next E: x in a.php:1\n",
    "#0      f (package:a/a.dart:1:2)\n",
    "#0  0x1 in f (a=1) at a.c:1\n",
    "    #1 0x2 in f(int) a.c:1:2\n",
    "Thread 1 (LWP 1):\n",
    "\n",
    "é\u{301}(",
    ")",
    "\\n",
    "{\"a\":\"",
    "\"}",
    "@ : ",
];

proptest! {
    #[test]
    fn no_text_makes_it_panic_and_no_frame_is_made_up(
        parts in proptest::collection::vec(prop_oneof![proptest::sample::select(&PARTS[..]).prop_map(str::to_owned), "[ -~\\n]{0,12}"], 0..30),
        language in proptest::sample::select(vec!["python", "java", "nodejs", "go", "rust", "dotnet", "ruby", "php", "dart", "cpp", ""]),
    ) {
        let text = parts.concat();
        if let Some(found) = parse_as(&text, language) {
            let unescaped = text.replace("\\n", "\n").replace("\\\\", "\\");
            let all = found.frames.iter().chain(found.causes.iter().flat_map(|cause| &cause.frames));
            for frame in all {
                for said in [Some(frame.func.as_str()), frame.file.as_deref()].into_iter().flatten() {
                    let by_rule = said == "eval" || said.starts_with("<data:") || said.contains("extension:");
                    prop_assert!(by_rule || text.contains(said) || unescaped.contains(said), "{said:?} of {text:?}");
                }
                prop_assert!(frame.line.is_none_or(|line| text.contains(&line.to_string())));
            }
        }
    }
}
