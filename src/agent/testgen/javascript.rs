//! Jest and Vitest.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::code::{Code, ExpressApp};
use super::literal::{javascript, utf16_text};
use super::plan::{HttpInput, Input, Plan};
use super::{Framework, Written, named};

/// What every test needs: seeds, and no network but for what spans tell of and the test's own server.
const SUPPORT: &str = r"
function seeded() {
  let state = 1;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}

function stubbed(own) {
  const answers = [...STUBS];
  return async (input, init) => {
    const url = String(input?.url ?? input);
    const method = String(init?.method ?? input?.method ?? 'GET').toUpperCase();
    const at = answers.findIndex((stub) => stub.method === method && stub.url === url);
    if (at < 0) {
      throw new Error(`no recorded span tells what ${method} ${url} answered`);
    }
    const [stub] = answers.splice(at, 1);
    await new Promise((done) => own.wait(done, stub.millis));
    return new Response(stub.status === 204 ? null : stub.body, { status: stub.status });
  };
}
";

/// A server of the Express application that reports what its handlers throw, before the service's own error handlers see it.
const EXPRESS: &str = r"
async function send(app, request) {
  const thrown = [];
  app.use((error, _request, _response, next) => {
    thrown.push(error);
    next(error);
  });
  const stack = (app.router ?? app._router).stack;
  const first = stack.findIndex((layer) => layer.handle.length === 4);
  stack.splice(first, 0, stack.pop());
  const server = await new Promise((done) => {
    const listening = app.listen(0, '127.0.0.1', () => done(listening));
  });
  try {
    const url = `http://127.0.0.1:${server.address().port}${request.target}`;
    const { method, headers, body } = request;
    const response = await realFetch(url, { method, headers, body, redirect: 'manual' });
    await response.text();
    return { status: response.status, thrown };
  } finally {
    server.closeAllConnections?.();
    server.close();
  }
}
";

pub(super) fn write(plan: &mut Plan, code: &Code<'_>, framework: Framework) -> Option<Written> {
    let near = plan.files().find_map(|file| code.file(file)).unwrap_or_default().to_owned();
    let is_module = code.has("package.json", "\"module\"") || near.ends_with(".ts") || framework == Framework::Vitest;
    let ending = if near.ends_with(".ts") || near.ends_with(".tsx") { "ts" } else { "js" };
    let folders = ["tests", "test", "__tests__"];
    let folder =
        folders.into_iter().find(|folder| code.files.iter().any(|file| file.starts_with(&format!("{folder}/"))));
    let name = format!("casefile {}", plan.name());
    let path = PathBuf::from(folder.unwrap_or("tests"))
        .join(format!("casefile-{}.test.{ending}", plan.name().replace('_', "-")));
    let import = |names: &str, file: &str| {
        let from = utf16_text(&format!("../{}", specifier(file, framework)));
        if is_module {
            format!("const {names} = await import({from});")
        } else {
            format!("const {names} = require({from});")
        }
    };
    let (bring, act, support) = match plan.input.clone() {
        Input::Http(input) => {
            let Some(ExpressApp { file, name }) = code.express_app(&near) else {
                plan.missing.push("entry: no exported Express application was found in the repository".to_owned());
                return None;
            };
            let bring = match name {
                Some(name) => import(&format!("{{ {name}: app }}"), &file),
                None if is_module => import("{ default: app }", &file),
                None => import("app", &file),
            };
            (bring, request(&input, plan), EXPRESS)
        }
        Input::Arguments(_) | Input::Message(_) => {
            let (file, func, arguments) = call(plan, code)?;
            (import(&format!("{{ {func} }}"), &file), format!("    await {func}({arguments});\n"), "")
        }
        Input::None => return None,
    };
    let text = test(plan, code, framework, &Parts { name: &name, bring, act, support, is_module });
    Some(Written { path, name, text, race: false })
}

struct Parts<'a> {
    name: &'a str,
    bring: String,
    act: String,
    support: &'a str,
    is_module: bool,
}

/// As an import names a file. Transformers of Jest resolve a TypeScript file by its name without the ending.
fn specifier(file: &str, framework: Framework) -> String {
    let path = Path::new(file);
    let is_typed = path.extension().is_some_and(|ending| ending == "ts" || ending == "tsx");
    if is_typed && framework == Framework::Jest {
        path.with_extension("").display().to_string()
    } else {
        file.to_owned()
    }
}

fn request(input: &HttpInput, plan: &Plan) -> String {
    let HttpInput { method, target, headers, body } = input;
    let request = json!({ "method": method, "target": target, "headers": headers });
    let body = body.as_deref().map_or_else(|| "undefined".to_owned(), utf16_text);
    let kind = utf16_text(plan.expected.kind.as_deref().unwrap_or_default());
    format!(
        "    const answer = await send(app, {{ ...{}, body: {body} }});\n    const recorded = answer.thrown.find((error) => \
         error?.name === {kind} || error?.constructor?.name === {kind});\n    if (recorded) {{\n      throw recorded;\n    }}\n    \
         expect(answer.status).toBeLessThan(500);\n",
        javascript(&request)
    )
}

/// File, function and arguments of the frame that is called.
fn call(plan: &mut Plan, code: &Code<'_>) -> Option<(String, String, String)> {
    let (frame, message) = match &plan.input {
        Input::Message(body) => (plan.own.last()?.clone(), Some(body.clone())),
        _ => (plan.own.iter().find(|frame| !frame.locals.is_empty())?.clone(), None),
    };
    let file = frame.file.as_deref().and_then(|file| code.file(file)).map(str::to_owned);
    let found = file.and_then(|file| Some((file.clone(), code.parameters(&file, &frame.func)?)));
    let Some((file, parameters)) = found else {
        let func = super::comment(&frame.func);
        plan.missing.push(format!("entry: `{func}` is no exported function of a file of the repository"));
        return None;
    };
    let func = frame.func.rsplit('.').next().unwrap_or_default().to_owned();
    if let Some(body) = message {
        return Some((file, func, javascript(&body)));
    }
    let Input::Arguments(locals) = plan.input.clone() else { return None };
    let mut given = Vec::new();
    for name in parameters {
        match locals.get(&name) {
            Some(value) => given.push(javascript(value)),
            None => {
                plan.missing.push(format!("argument: `{name}` of {func} was not recorded"));
                given.push("undefined".to_owned());
            }
        }
    }
    Some((file, func, given.join(", ")))
}

fn test(plan: &mut Plan, code: &Code<'_>, framework: Framework, parts: &Parts<'_>) -> String {
    let Parts { name, bring, act, support, is_module } = parts;
    let tool = if framework == Framework::Vitest { "vi" } else { "jest" };
    let head = match (framework, is_module) {
        (Framework::Vitest, _) => "import { afterEach, expect, test, vi } from 'vitest';\n".to_owned(),
        (_, true) => "import { afterEach, expect, jest, test } from '@jest/globals';\n".to_owned(),
        _ => String::new(),
    };
    let is_timed = plan.expected.budget.is_some();
    let stubs: Vec<_> = plan
        .stubs
        .iter()
        .map(|stub| {
            let millis = if is_timed { stub.millis } else { 0 };
            json!({"method": stub.method, "url": stub.url, "status": stub.status, "body": stub.body, "millis": millis})
        })
        .collect();
    let mut text = format!(
        "// @ts-nocheck\n{head}\nconst STUBS = {};\nconst realFetch = globalThis.fetch;\nconst random = Math.random;\n",
        javascript(&json!(stubs))
    );
    text.push_str(SUPPORT);
    text.push_str(support);
    write!(
        text,
        "\nafterEach(() => {{\n  globalThis.fetch = realFetch;\n  Math.random = random;\n  {tool}.useRealTimers();\n}});\n\n\
         // Does not end in {}.\ntest({}, async () => {{\n",
        named(plan),
        utf16_text(name)
    )
    .unwrap_or_default();
    for (name, value) in &plan.env {
        writeln!(text, "  process.env[{}] = {};", utf16_text(name), utf16_text(value)).unwrap_or_default();
    }
    text.push_str("  Math.random = seeded();\n");
    if let (Some(at), false) = (&plan.time, is_timed) {
        let at = utf16_text(at);
        match framework {
            Framework::Vitest => writeln!(text, "  vi.useFakeTimers({{ toFake: ['Date'], now: new Date({at}) }});"),
            _ => writeln!(
                text,
                "  jest.useFakeTimers({{ now: new Date({at}), doNotFake: ['hrtime', 'nextTick', 'performance', 'queueMicrotask', \
                 'setImmediate', 'clearImmediate', 'setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] }});"
            ),
        }
        .unwrap_or_default();
    }
    text.push_str("  globalThis.fetch = stubbed({ wait: setTimeout });\n");
    text.push_str(&flags(plan, code));
    writeln!(text, "  {bring}").unwrap_or_default();
    if is_timed {
        text.push_str("  const began = performance.now();\n");
    }
    text.push_str(&act.replace("\n    ", "\n  ").replacen("    ", "  ", 1));
    if let Some(budget) = plan.expected.budget {
        writeln!(
            text,
            "  const took = performance.now() - began;\n  if (took > {budget}) {{\n    throw new Error(`budget exceeded: ${{took}} ms of {budget}`);\n  }}"
        )
        .unwrap_or_default();
    }
    text.push_str("});\n");
    text
}

fn flags(plan: &mut Plan, code: &Code<'_>) -> String {
    if plan.flags.is_empty() {
        return String::new();
    }
    if !code.names(&["package.json"], "@openfeature/server-sdk") {
        let names: Vec<String> = plan.flags.keys().map(|name| super::comment(name)).collect();
        plan.missing
            .push(format!("feature flags {}: the repository has no OpenFeature to set them with", names.join(", ")));
        return String::new();
    }
    let mut text = String::from(
        "  const { InMemoryProvider, OpenFeature } = await import('@openfeature/server-sdk');\n  \
         await OpenFeature.setProviderAndWait(new InMemoryProvider({\n",
    );
    for (name, value) in &plan.flags {
        let (name, value) = (utf16_text(name), javascript(value));
        writeln!(
            text,
            "    [{name}]: {{ disabled: false, defaultVariant: 'recorded', variants: {{ recorded: {value} }} }},"
        )
        .unwrap_or_default();
    }
    text.push_str("  }));\n");
    text
}
