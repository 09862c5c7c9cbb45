//! `cargo test`: an axum router by `tower`'s `oneshot`, or a public function with the arguments of its frame.

use std::path::PathBuf;

use super::call;
use super::code::{Code, pattern};
use super::literal::rust_text as quoted;
use super::plan::{HttpInput, Input, Plan};
use super::{Written, named};

pub(super) fn write(plan: &mut Plan, code: &Code<'_>) -> Option<Written> {
    let manifest = code.text("Cargo.toml").unwrap_or_default();
    let package = pattern(r#"(?m)^name\s*=\s*"([\w-]+)""#).captures(&manifest)?.get(1)?.as_str().replace('-', "_");
    if !code.files.iter().any(|file| file == "src/lib.rs") {
        plan.missing.push("entry: the package has no library that a test could call".to_owned());
        return None;
    }
    let act = match plan.input.clone() {
        Input::Http(input) => {
            let router = code.axum_router().filter(|_| manifest.contains("tower"));
            let Some((file, name)) = router else {
                plan.missing.push(
                    "entry: no public function without parameters makes an axum Router, or tower is no dependency"
                        .to_owned(),
                );
                return None;
            };
            request(&format!("{}{name}()", module(&package, &file)), &input)
        }
        Input::Arguments(locals) => {
            let frame = call::frame(plan, code)?;
            let call = call::plain(plan, code, &frame, &locals, quoted)?;
            format!("    drop({}{call});\n", module(&package, &frame.1))
        }
        Input::Message(_) | Input::None => {
            plan.missing.push("entry: how a Rust consumer takes its message is not known".to_owned());
            return None;
        }
    };
    if plan.time.is_some() {
        plan.notes.push("the clock is not frozen: Rust's has to be an argument to be set".to_owned());
    }
    for stub in &plan.stubs {
        plan.missing.push(format!(
            "answer to {} {}: not stubbed in Rust",
            super::comment(&stub.method),
            super::comment(&stub.url)
        ));
    }
    if !plan.flags.is_empty() {
        plan.missing.push("feature flags: no provider is set in Rust".to_owned());
    }
    for name in plan.env.keys() {
        plan.notes.push(format!(
            "set {} in the environment: a test must not set it for those beside it",
            super::comment(name)
        ));
    }
    let name = format!("casefile_{}", plan.name());
    let (before, after) = plan.expected.budget.map_or_else(Default::default, |budget| {
        (
            "    let began = std::time::Instant::now();\n".to_owned(),
            format!("    let took = began.elapsed().as_millis();\n    assert!(took <= {budget}, \"budget exceeded: {{took}} ms of {budget}\");\n"),
        )
    });
    let text = format!("\n// Does not end in {}.\n#[test]\nfn {name}() {{\n{before}{act}{after}}}\n", named(plan));
    Some(Written { path: PathBuf::from(format!("tests/{name}.rs")), name, text, race: false })
}

/// The path of a file's module, with `::` behind it.
fn module(package: &str, file: &str) -> String {
    let path = file.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    let path = if path == "lib" { String::new() } else { format!("{}::", path.replace('/', "::")) };
    format!("{package}::{path}")
}

fn request(router: &str, input: &HttpInput) -> String {
    let mut request = format!(
        "    use tower::ServiceExt as _;\n\n    let request = axum::http::Request::builder().method({}).uri({})",
        quoted(&input.method),
        quoted(&input.target)
    );
    for (name, value) in &input.headers {
        request.push_str(&format!(".header({}, {})", quoted(name), quoted(value)));
    }
    let body = input.body.as_deref().map_or_else(
        || "axum::body::Body::empty()".to_owned(),
        |body| format!("axum::body::Body::from({})", quoted(body)),
    );
    format!(
        "{request};\n    let request = request.body({body}).unwrap();\n    let runtime = tokio::runtime::Runtime::new().unwrap();\n    \
         let answer = runtime.block_on({router}.oneshot(request)).unwrap();\n    \
         assert!(!answer.status().is_server_error(), \"answered {{}}\", answer.status());\n"
    )
}
