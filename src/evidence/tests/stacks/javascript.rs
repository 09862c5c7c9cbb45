//! Stacks of Node, browsers and React Native.

use super::{cause, frames, parse_as, whole};

#[test]
fn nodes_frames_have_file_line_and_column() {
    let text = "/app/index.js:12\n    throw new TypeError('x');\n    ^\n\nTypeError [ERR_ARG]: The \"path\" argument\nis bad\n\
        \x20   at Object.<anonymous> (/app/index.js:12:11)\n    at Module._compile (node:internal/modules/cjs/loader:1256:14)\n\
        \x20   at new Foo (/app/x y/(z)/a.js:1:2)\n    at async Promise.all (index 0)\n    at async file:///app/x.mjs:3:4\n\
        \x20   at Array.map (<anonymous>)\n    at Layer.handle [as handle_request] (/app/node_modules/express/lib/router/layer.js:95:5)\n\
        \x20   at eval (eval at run (/app/a.js:3:5), <anonymous>:1:1)\n    at /app/b.js:1:2 {\n  code: 'ERR_ARG'\n}\n\nNode.js v20.1.0\n";
    let (said, found) = whole(text, "nodejs");
    assert_eq!(said, "TypeError: The \"path\" argument\nis bad");
    assert_eq!(
        found,
        [
            "*Object.<anonymous> /app/index.js:12:11",
            "Module._compile node:internal/modules/cjs/loader:1256:14",
            "*new Foo /app/x y/(z)/a.js:1:2",
            "async Promise.all index 0",
            "* file:///app/x.mjs:3:4",
            "Array.map <anonymous>",
            "Layer.handle [as handle_request] /app/node_modules/express/lib/router/layer.js:95:5",
            "*eval /app/a.js:3:5",
            "* /app/b.js:1:2",
        ]
    );
}

#[test]
fn nodes_causes_and_members_follow_what_surfaced() {
    let text = "Error: outer\n    at a (/app/a.js:1:2) {\n  [cause]: SyntaxError: inner\n      at b (/app/b.js:3:4)\n\
        \x20     ... 4 lines matching cause stack trace ...\n      at c (/app/c.js:5:6),\n  [errors]: [\n    RangeError: one\n\
        \x20       at d (/app/d.js:7:8)\n  ]\n}\nError: another\n    at e (/app/e.js:9:9)\n";
    let found = parse_as(text, "nodejs").unwrap();
    assert_eq!(frames(&found.frames), ["*a /app/a.js:1:2"]);
    let causes: Vec<_> = found.causes.iter().map(cause).collect();
    let inner = vec!["*b /app/b.js:3:4".to_owned(), "*c /app/c.js:5:6".to_owned()];
    assert_eq!(
        causes,
        [
            ("cause".into(), "SyntaxError: inner".into(), 4, inner),
            ("member".into(), "RangeError: one".into(), 0, vec!["*d /app/d.js:7:8".to_owned()]),
        ]
    );
}

#[test]
fn browsers_write_the_place_behind_an_at_sign() {
    let text = "who@http://h:50/misc/@stuff/foo.js:3:9\nrun()@http://h:50/(group)/[route]/a.js:4\n\
        baz@http://h:50/file.js line 26 > eval line 2 > eval:1:30\n@http://h:50/b.js line 7 > Function:2:3\n\
        .plugin/e.fn[c]/<@https://h/x.js:1:1\nhttp://h/y.js:5:6\neval code\nforEach@[native code]\n[native code]\n";
    let (_, found) = whole(text, "webjs");
    assert_eq!(
        found,
        [
            "*who http://h:50/misc/@stuff/foo.js:3:9",
            "*run http://h:50/(group)/[route]/a.js:4",
            "*baz http://h:50/file.js:26",
            "*eval http://h:50/b.js:7",
            "*.plugin/e.fn[c]/< https://h/x.js:1:1",
            "* http://h/y.js:5:6",
            "forEach [native code]",
            " [native code]",
        ]
    );
}

#[test]
fn other_engines_have_forms_of_their_own() {
    let edge = "Error: x\n   at Anonymous function (http://h/a.js:48:13)\n   at eval code (eval code:1:1)\n";
    assert_eq!(whole(edge, "webjs").1, ["*Anonymous function http://h/a.js:48:13", "*eval code eval code:1:1"]);
    let opera = "Statement on line 4: no\nBacktrace:\n  Line 4 of linked script http://h/a.js\n    this.x();\n\
        \x20 Line 9 of inline#1 script in http://h/b.js: In function run\n    y();\n";
    assert_eq!(whole(opera, "webjs").1, ["* http://h/a.js:4", "*run http://h/b.js:9"]);
    let later = "Error thrown at line 4, column 12 in <anonymous function: make>() in http://h/a.js:\n    x();\n\
        called from line 5, column 3 in go(a) in http://h/a.js:\n    y();\ncalled from line 6, column 1 in http://h/b.js:\n    z();\n";
    assert_eq!(whole(later, "webjs").1, ["*make http://h/a.js:4:12", "*go http://h/a.js:5:3", "* http://h/b.js:6:1"]);
    let hermes = "TypeError: x\n    at onPress (address at index.android.bundle:1:452)\n    at apply (native)\n";
    assert_eq!(whole(hermes, "react-native").1, ["*onPress index.android.bundle:1:452", "apply native"]);
    let bundle = "value@index.ios.bundle:12:19\nindex.ios.bundle:15:5\n[native code]\n";
    assert_eq!(
        whole(bundle, "react-native").1,
        ["*value index.ios.bundle:12:19", "* index.ios.bundle:15:5", " [native code]"]
    );
    let extension =
        "Error: no\n  at save@safari-extension:(//AB-1/commons.js:22:10)\n  at safari-extension:(//AB-1/main.js:3:2)\n";
    assert_eq!(
        whole(extension, "webjs").1,
        ["save safari-extension://AB-1/commons.js:22:10", " safari-extension://AB-1/main.js:3:2"]
    );
}

#[test]
fn the_wrapper_of_a_reporter_is_left_out_and_counted() {
    let text = "Error: Minified React error #31; visit x\n    at http://h/react.js:1:21\n    at a (http://h/app.js:1:2)\n\
        \x20   at sentryWrapped (http://h/sentry.js:90:17)\n";
    let found = parse_as(text, "webjs").unwrap();
    assert_eq!((frames(&found.frames), found.elided), (vec!["*a http://h/app.js:1:2".to_owned()], 2));
}

#[test]
fn a_sentence_is_no_frame() {
    for text in [
        "I was at home (12:30) and",
        " at the (bar) at noon",
        " at 12:30:15",
        "see http://foo.com:80/x:12",
        "mail me foo@bar.com:12:3",
        "at com (see below)",
        "//\t00:00:5e:00:53:01\n//\t02:00:5e:10:00:00:00:01",
        "Breakpoint 1, lstat (ver=1)\n    at stat.c:208",
        "panic: all is well\n",
    ] {
        assert!(parse_as(text, "nodejs").is_none(), "{text}");
    }
}
