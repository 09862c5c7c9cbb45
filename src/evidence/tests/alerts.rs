//! Events of Sentry: the stack that is written of their frames is read as the frames that they had.

use serde_json::json;

use super::world::{bundle, records};
use crate::alerts;
use crate::model::Signal;

#[test]
fn the_frames_of_every_platform_come_back_out_of_its_text() {
    for (platform, file, module) in [
        ("python", "shop/cart.py", None),
        ("node", "/srv/shop/cart.js", None),
        ("javascript", "https://shop.example/cart.js", None),
        ("java", "Cart.java", Some("com.shop.Cart")),
        ("csharp", "/src/Cart.cs", Some("Shop.Cart")),
        ("ruby", "/srv/shop/cart.rb", None),
        ("php", "/srv/shop/cart.php", None),
        ("go", "/src/shop/cart.go", Some("shop")),
        ("native", "/src/cart.cpp", None),
        ("rust", "/src/cart.rs", None),
        ("other", "/src/cart.x", None),
    ] {
        let frame = |function: &str, line: u32| json!({"filename": file, "module": module, "function": function, "lineno": line, "in_app": true});
        let event = json!({
            "event_id": "fc6d8c0c43fc4630ad850ee518f1b9d0", "platform": platform, "timestamp": 1_751_371_380,
            "exception": {"values": [{"type": "RateError", "value": "no rate",
                "stacktrace": {"frames": [frame("handle", 31), frame("total", 7)]}}]},
        });
        let alert = alerts::sentry(event.to_string().as_bytes()).unwrap();
        let exception = bundle(records(Signal::Logs, alert.request())).exception.unwrap();
        let frames: Vec<_> = exception.frames.iter().map(|frame| (frame.func.as_str(), frame.line)).collect();
        let text = exception.stacktrace.unwrap();
        assert_eq!(frames.len(), 2, "{platform}: {frames:?} of {text}");
        for ((function, line), wanted) in frames.iter().zip([("total", 7), ("handle", 31)]) {
            assert!(function.ends_with(wanted.0) && *line == Some(wanted.1), "{platform}: {frames:?} of {text}");
        }
        assert_eq!((exception.kind.as_deref(), exception.message.as_deref()), (Some("RateError"), Some("no rate")));
    }
}

#[test]
fn variables_and_source_lines_of_an_event_reach_its_frames() {
    let frame = json!({"filename": "shop/cart.py", "function": "total", "lineno": 7, "in_app": true,
        "vars": {"rate": "None", "items": [{"sku": 7}]},
        "pre_context": ["def total(items, rate):"], "context_line": "    return sum(items) * rate", "post_context": [""]});
    let event = json!({
        "event_id": "fc6d8c0c43fc4630ad850ee518f1b9d0", "platform": "python", "timestamp": 1_751_371_380,
        "exception": {"values": [{"type": "TypeError", "value": "no rate", "stacktrace": {"frames": [frame]}}]},
    });
    let bundle = bundle(records(Signal::Logs, alerts::sentry(event.to_string().as_bytes()).unwrap().request()));
    let exception = bundle.exception.unwrap();
    let [frame] = exception.frames.as_slice() else { panic!("{:?}", exception.frames) };
    assert_eq!(frame.locals["items"], json!([{"sku": 7}]));
    assert_eq!(frame.locals["rate"], json!("None"));
    assert_eq!(frame.context.as_deref(), Some("    return sum(items) * rate"));
    assert_eq!(frame.pre_context, ["def total(items, rate):"]);
    let line = &bundle.logs.window[0];
    assert_eq!(line.attrs["exception.type"], "TypeError");
    assert!(!line.attrs.contains_key("casefile.exception.frames"), "they stand in the exception: {:?}", line.attrs);
}
