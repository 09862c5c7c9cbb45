//! Local variables and source lines: from frames as an attribute, and from texts that tell them.

use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{ArrayValue, KeyValueList};
use serde_json::{Value, json};

use super::world::*;
use crate::evidence::stack::{self, AppRules};
use crate::model::{Bundle, Exception};

const FRAMES: &str = "casefile.exception.frames";

fn sentry() -> Value {
    json!([
        {"filename": "flask/app.py", "abs_path": "/venv/lib/python3.12/site-packages/flask/app.py", "module": "flask.app", "function": "dispatch", "lineno": 902, "in_app": false},
        {"filename": "shop/cart.py", "module": "shop.cart", "function": "total", "lineno": 12, "colno": 5, "in_app": true,
         "vars": {"password": "hunter2", "items": ["a", {"sku": 7}], "text": "'12x'"},
         "pre_context": ["def total(text):", "    factor = 3"], "context_line": "    return int(text) * factor", "post_context": [""]},
    ])
}

/// A bundle of a span whose exception carries `frames`.
fn with_frames(frames: Any, stack: &str) -> Bundle {
    let mut span = thrown(failed(span(1, 0, "GET /cart", 0, 50)), 20, "ValueError", "bad total", stack);
    span.events[0].attributes.push(kv(FRAMES, frames));
    bundle(spans(vec![span]))
}

fn exception(bundle: Bundle) -> Exception {
    bundle.exception.unwrap()
}

/// JSON as OTLP has it.
fn otlp(value: &Value) -> Any {
    match value {
        Value::Array(items) => {
            Any::ArrayValue(ArrayValue { values: items.iter().map(|item| any(otlp(item))).collect() })
        }
        Value::Object(fields) => {
            Any::KvlistValue(KeyValueList { values: fields.iter().map(|(key, value)| kv(key, otlp(value))).collect() })
        }
        Value::String(text) => Any::StringValue(text.clone()),
        Value::Bool(flag) => Any::BoolValue(*flag),
        other => Any::IntValue(other.as_i64().unwrap()),
    }
}

#[test]
fn frames_of_an_attribute_are_read_in_every_form_and_stand_innermost_first() {
    let forms = [
        Any::StringValue(sentry().to_string()),
        Any::StringValue(json!({"frames": sentry()}).to_string()),
        otlp(&sentry()),
        otlp(&Value::Array(sentry().as_array().unwrap().iter().map(|frame| frame.to_string().into()).collect())),
    ];
    let found: Vec<Exception> = forms.into_iter().map(|form| exception(with_frames(form, ""))).collect();
    for other in &found[1..] {
        assert_eq!(other, &found[0]);
    }
    let [own, library] = found[0].frames.as_slice() else { panic!("{:?}", found[0].frames) };
    assert_eq!(
        (own.file.as_deref(), own.line, own.column, &*own.func),
        (Some("shop/cart.py"), Some(12), Some(5), "total")
    );
    assert_eq!((own.in_app, library.in_app), (true, false));
    assert_eq!(own.locals["items"], json!(["a", {"sku": 7}]));
    assert_eq!(own.pre_context, ["def total(text):", "    factor = 3"]);
    assert_eq!(own.context.as_deref(), Some("    return int(text) * factor"));
    assert_eq!(own.post_context, [""]);
}

#[test]
fn causes_come_from_the_text_where_the_frames_do_not() {
    let text = "Traceback (most recent call last):\n  File \"/srv/db.py\", line 3, in read\n    row()\nKeyError: 'x'\n\nThe above exception was the direct cause of the following exception:\n\nTraceback (most recent call last):\n  File \"/srv/shop/cart.py\", line 12, in total\n    int(text)\nValueError: bad total\n";
    let found = exception(with_frames(Any::StringValue(sentry().to_string()), text));
    assert_eq!(found.frames.len(), 2);
    assert_eq!(found.frames[0].locals["password"], "hunter2", "evidence keeps what the redactor is to judge");
    assert_eq!(found.causes[0].kind.as_deref(), Some("KeyError"));
}

#[test]
fn a_list_that_is_none_is_said_and_the_text_is_read() {
    let text = "Traceback (most recent call last):\n  File \"/srv/shop/cart.py\", line 12, in total\n    int(text)\nValueError: bad total\n";
    for form in ["{", "[]", "[7]", "[{\"lineno\": 7}]", "\"text\""] {
        let bundle = with_frames(Any::StringValue(form.to_owned()), text);
        assert!(bundle.completeness.missing.iter().any(|entry| entry.contains(FRAMES)), "{form}");
        assert_eq!(exception(bundle).frames[0].func, "total", "{form}");
    }
}

#[test]
fn what_a_sender_says_of_in_app_holds_unless_a_rule_fits() {
    let frames = json!([
        {"filename": "app.js", "function": "a", "in_app": false},
        {"filename": "node_modules/x/index.js", "function": "b", "in_app": true},
        {"filename": "app.js", "function": "c"},
    ]);
    let found = exception(with_frames(Any::StringValue(frames.to_string()), ""));
    let told: Vec<(&str, bool)> = found.frames.iter().map(|frame| (&*frame.func, frame.in_app)).collect();
    // The service is a Python one here, so the rules of JavaScript do not fit: what was said holds.
    assert_eq!(told, [("c", true), ("b", true), ("a", false)]);
    let rules = AppRules::default();
    let given = crate::evidence::locals::frames(&frames).unwrap();
    let stack = stack::of_frames(given, Some("nodejs"), &rules);
    assert_eq!(stack.frames.iter().map(|frame| frame.in_app).collect::<Vec<_>>(), [true, false, false]);
}

#[test]
fn variables_and_source_lines_keep_within_their_limits_and_no_text_is_cut() {
    let vars: serde_json::Map<String, Value> = (0..60).map(|number| (format!("v{number:02}"), json!(number))).collect();
    let deep = (0..10).fold(json!("end"), |inner, _| json!([inner]));
    let long = "x".repeat(8000);
    let frames = json!([
        {"function": "outer", "vars": {"large": "y".repeat(17 << 10), "many": vec![1; 70], "deep": deep, "long": long}},
        {"function": "inner", "vars": vars, "pre_context": vec!["line"; 9], "context_line": "z".repeat(5000)},
    ]);
    let bundle = with_frames(Any::StringValue(frames.to_string()), "");
    let truncated = bundle.completeness.truncated.clone();
    let found = exception(bundle);
    assert_eq!(found.frames[0].locals.len(), 50);
    assert_eq!((found.frames[0].pre_context.len(), found.frames[0].context.as_deref()), (5, Some("")));
    let outer = &found.frames[1].locals;
    assert_eq!(outer.keys().collect::<Vec<_>>(), ["deep", "long", "many"]);
    assert_eq!(outer["many"].as_array().unwrap().len(), 50);
    assert_eq!(outer["long"], long, "a text that may hold a value is whole until it is redacted");
    assert_eq!(outer["deep"].to_string().matches('[').count(), 7);
    for said in ["11 variables are left out", "21 entries are left out", "1 lines of more than 4 KiB"] {
        assert!(truncated.iter().any(|entry| entry.contains(said)), "{said}: {truncated:?}");
    }
}

const RICH: &str = include_str!("texts/rich.txt");
const STACKPRINTER: &str = include_str!("texts/stackprinter.txt");
const CGITB: &str = include_str!("texts/cgitb.txt");

#[test]
fn tracebacks_of_rich_and_stackprinter_tell_variables_and_source() {
    for text in [RICH, STACKPRINTER] {
        let found = stack::parse(text, Some("python"), &AppRules::default()).unwrap();
        assert!(!found.partial, "{text}");
        assert_eq!((found.kind.as_deref(), found.message.as_deref()), (Some("RuntimeError"), Some("could not sum")));
        assert_eq!(found.causes.len(), 1);
        let cause = &found.causes[0];
        assert_eq!((cause.kind.as_deref(), &*cause.relation), (Some("ValueError"), "cause"));
        let places: Vec<(&str, Option<u32>)> = cause.frames.iter().map(|frame| (&*frame.func, frame.line)).collect();
        assert_eq!(places, [("total", Some(5)), ("handle", Some(10)), ("<module>", Some(13))]);
        let inner = &cause.frames[0];
        assert_eq!(inner.context.as_deref(), Some("return int(text) * factor"));
        assert_eq!(inner.pre_context.last().unwrap().trim(), "factor = 3");
        let names: Vec<&String> = inner.locals.keys().collect();
        assert_eq!(names, ["cart", "factor", "password", "text"], "{text}");
        assert_eq!(inner.locals["text"], "'12x'");
        assert!(
            inner.locals["cart"].as_str().unwrap().contains("'owner': 'ada@example.org'"),
            "{:?}",
            inner.locals["cart"]
        );
        assert_eq!(cause.frames[1].locals["who"], "'ada@example.org'");
    }
    let found = stack::parse(STACKPRINTER, Some("python"), &AppRules::default()).unwrap();
    let folded = found.causes[0].frames[0].locals["password"].as_str().unwrap();
    assert!(folded.ends_with("goes-on-for-ever-and-ever-and-ever-12345'"), "put together again: {folded}");
}

#[test]
fn the_report_of_cgitb_tells_the_frames_of_the_last_exception() {
    let found = stack::parse(CGITB, Some("python"), &AppRules::default()).unwrap();
    assert_eq!(found.kind.as_deref(), Some("ValueError"));
    assert_eq!(found.frames.len(), 3);
    assert_eq!(found.frames[0].locals["text"], "'12x'");
    assert_eq!(found.frames[0].locals["factor"], "3");
    assert_eq!(found.frames[0].pre_context.last().unwrap().trim(), "factor = 3");
}

#[test]
fn a_text_with_variables_that_is_cut_is_read_as_far_as_it_goes() {
    for text in [RICH, STACKPRINTER, CGITB] {
        let mut cut = String::new();
        for line in text.split_inclusive('\n') {
            cut.push_str(line);
            // Any cut must end, and show no frame that the whole does not have.
            if let Some(found) = stack::parse(&cut, Some("python"), &AppRules::default()) {
                let frames = found.frames.iter().chain(found.causes.iter().flat_map(|cause| &cause.frames));
                assert!(frames.into_iter().all(|frame| ["<module>", "handle", "total"].contains(&&*frame.func)));
            }
        }
    }
}

#[test]
fn frames_that_cannot_be_read_stay_where_they_were_recorded() {
    let mut record = log(1, 20, 17, "boom");
    record.attributes = vec![text("exception.type", "E"), text("exception.message", "m"), text(FRAMES, "no frames")];
    let bundle = bundle([spans(vec![failed(span(1, 0, "GET /cart", 0, 50))]), logs(vec![record])].concat());
    assert_eq!(bundle.logs.window[0].attrs[FRAMES], "no frames");
}
