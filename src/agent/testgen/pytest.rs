//! pytest.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::code::{Code, PythonApp, python_module};
use super::literal::{python, python_text};
use super::plan::{HttpInput, Input, Plan};
use super::{Written, named};

/// What every test of Python needs: a frozen clock, seeds, and no network but for what spans tell of.
const SUPPORT: &str = r#"

def _freeze(monkeypatch, at):
    """Stops the clock: time.time, and now, utcnow and today of datetime in the modules of this repository."""
    instant = datetime.datetime.fromisoformat(at)

    class Frozen(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            moved = instant.astimezone(tz)
            return cls.fromisoformat((moved if tz else moved.replace(tzinfo=None)).isoformat())

        @classmethod
        def utcnow(cls):
            return cls.fromisoformat(instant.replace(tzinfo=None).isoformat())

        @classmethod
        def today(cls):
            return cls.now()

    monkeypatch.setattr(time, "time", instant.timestamp)
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None) or ""
        own = path.startswith(ROOT) and "site-packages" not in path and path != __file__
        if own and getattr(module, "datetime", None) is datetime.datetime:
            monkeypatch.setattr(module, "datetime", Frozen)


def _stub(monkeypatch):
    """Answers requests as the recorded spans say; any other leaves no process."""
    answers = list(STUBS)

    def answer(method, url):
        for stub in answers:
            if stub["method"] == method.upper() and stub["url"] == str(url):
                answers.remove(stub)
                time.sleep(stub["seconds"])
                return stub
        raise ConnectionError(f"no recorded span tells what {method} {url} answered")

    def refuse(*args, **kwargs):
        raise ConnectionError("the test has no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    requests = sys.modules.get("requests")
    if requests:

        def send(self, request, **kwargs):
            stub = answer(request.method, request.url)
            response = requests.Response()
            response.status_code, response.url, response.request = stub["status"], request.url, request
            response._content = stub["body"].encode()
            return response

        monkeypatch.setattr(requests.Session, "send", send)
    httpx = sys.modules.get("httpx")
    if httpx:

        def respond(self, request, **kwargs):
            stub = answer(request.method, request.url)
            return httpx.Response(stub["status"], text=stub["body"], request=request)

        monkeypatch.setattr(httpx.HTTPTransport, "handle_request", respond)
"#;

pub(super) fn write(plan: &mut Plan, code: &Code<'_>) -> Option<Written> {
    let near = plan.files().find_map(|file| code.file(file)).unwrap_or_default().to_owned();
    let call = match plan.input.clone() {
        Input::Http(input) => match code.python_app(&near) {
            Some(app) => request(&app, &input, plan),
            None => {
                plan.missing
                    .push("entry: no Flask, FastAPI or Starlette application was found in the repository".into());
                return None;
            }
        },
        Input::Arguments(arguments) => {
            let frame = plan.own.iter().find(|frame| !frame.locals.is_empty())?.clone();
            let (file, parameters) = function(plan, code, &frame)?;
            let mut given = Vec::new();
            for name in parameters {
                match arguments.get(&name) {
                    Some(value) => given.push(format!("{name}={}", python(value))),
                    None => plan.missing.push(format!("argument: `{name}` of {} was not recorded", frame.func)),
                }
            }
            invocation(&file, &frame.func, &given.join(", "))
        }
        Input::Message(body) => {
            // The outermost function of the service's own: what the consumer called with the message.
            let frame = plan.own.last()?.clone();
            let (file, parameters) = function(plan, code, &frame)?;
            if parameters.len() != 1 {
                plan.missing.push(format!("entry: {} takes not just the message", frame.func));
                return None;
            }
            invocation(&file, &frame.func, &python(&body))
        }
        Input::None => return None,
    };
    let name = format!("test_{}", plan.name());
    let folder = ["tests", "test"]
        .into_iter()
        .find(|folder| code.files.iter().any(|file| file.starts_with(&format!("{folder}/"))));
    let path = PathBuf::from(folder.unwrap_or("tests")).join(format!("test_casefile_{}.py", plan.name()));
    let text = test(plan, code, &name, &call);
    Some(Written { path, name, text, race: false })
}

/// Code that imports and code that calls.
struct Call {
    import: String,
    act: String,
    /// Whether the call's answer is an HTTP response.
    answers: bool,
}

fn request(app: &PythonApp, input: &HttpInput, plan: &mut Plan) -> Call {
    let PythonApp { module, name, is_factory, framework } = app;
    let made = if *is_factory { format!("{name}()") } else { name.clone() };
    let headers = python(&serde_json::json!(input.headers));
    let (method, target) = (python_text(&input.method), python_text(&input.target));
    let body = input.body.as_deref().map_or_else(|| "None".to_owned(), python_text);
    let act = match framework.as_str() {
        "Flask" => format!(
            "    app = {made}\n    app.config.update(TESTING=True, PROPAGATE_EXCEPTIONS=True)\n    client = app.test_client()\n    \
             response = client.open({target}, method={method}, headers={headers}, data={body})\n"
        ),
        "Quart" => {
            plan.notes.push("Quart answers within its own event loop; what it raises is read from its log".to_owned());
            format!(
                "    import asyncio\n\n    client = {made}.test_client()\n    response = asyncio.run(client.open({target}, \
                 method={method}, headers={headers}, data={body}))\n"
            )
        }
        _ => format!(
            "    from starlette.testclient import TestClient\n\n    client = TestClient({made})\n    \
             response = client.request({method}, {target}, headers={headers}, content={body})\n"
        ),
    };
    Call { import: format!("    from {module} import {name}\n"), act, answers: true }
}

fn invocation(file: &str, function: &str, arguments: &str) -> Call {
    let name = function.rsplit('.').next().unwrap_or_default();
    let module = python_module(file);
    Call {
        import: format!("    from {module} import {name}\n"),
        act: format!("    {name}({arguments})\n"),
        answers: false,
    }
}

/// File and parameters of a frame's function.
fn function(plan: &mut Plan, code: &Code<'_>, frame: &crate::model::Frame) -> Option<(String, Vec<String>)> {
    let file = frame.file.as_deref().and_then(|file| code.file(file)).map(str::to_owned);
    let found = file.and_then(|file| Some((file.clone(), code.parameters(&file, &frame.func)?)));
    if found.is_none() {
        let func = super::comment(&frame.func);
        plan.missing.push(format!("entry: `{func}` is no function at the top of a file of the repository"));
    }
    found
}

fn test(plan: &mut Plan, code: &Code<'_>, name: &str, call: &Call) -> String {
    let mut stubs = String::from("STUBS = [\n");
    for stub in &plan.stubs {
        let seconds = if plan.expected.budget.is_some() { stub.millis as f64 / 1000.0 } else { 0.0 };
        let (method, url, body) = (python_text(&stub.method), python_text(&stub.url), python_text(&stub.body));
        writeln!(
            stubs,
            "    {{\"method\": {method}, \"url\": {url}, \"status\": {}, \"body\": {body}, \"seconds\": {seconds:?}}},",
            stub.status
        )
        .unwrap_or_default();
    }
    stubs.push_str("]\n");
    let mut act = String::new();
    for (name, value) in &plan.env {
        writeln!(act, "    monkeypatch.setenv({}, {})", python_text(name), python_text(value)).unwrap_or_default();
    }
    if plan.env.contains_key("TZ") {
        act.push_str("    time.tzset()\n");
    }
    act.push_str("    random.seed(0)\n");
    act.push_str(&call.import);
    act.push_str(&flags(plan, code));
    if let Some(at) = &plan.time {
        // Python reads no more than six digits of a second before 3.11.
        let at = at.split_once('.').map_or_else(
            || at.replace('Z', "+00:00"),
            |(whole, rest)| {
                format!("{whole}.{:0<6}+00:00", rest.trim_end_matches('Z').chars().take(6).collect::<String>())
            },
        );
        if plan.expected.budget.is_none() {
            writeln!(act, "    _freeze(monkeypatch, {})", python_text(&at)).unwrap_or_default();
        }
    }
    act.push_str("    _stub(monkeypatch)\n");
    if plan.expected.budget.is_some() {
        act.push_str("    began = time.monotonic()\n");
    }
    act.push_str(&call.act);
    if let Some(budget) = plan.expected.budget {
        writeln!(act, "    took = (time.monotonic() - began) * 1000\n    assert took <= {budget}, f\"budget exceeded: {{took:.0f}} ms of {budget}\"")
            .unwrap_or_default();
    }
    if call.answers {
        let kind =
            python_text(plan.expected.kind.as_deref().and_then(|kind| kind.rsplit('.').next()).unwrap_or_default());
        write!(
            act,
            "    if response.status_code >= 500:\n        # An error handler of the service has answered in its place.\n        \
             for record in caplog.records:\n            thrown = record.exc_info and record.exc_info[1]\n            \
             if thrown and type(thrown).__name__ == {kind}:\n                raise thrown\n    \
             assert response.status_code < 500, response.status_code\n"
        )
        .unwrap_or_default();
    }
    format!(
        "import datetime\nimport pathlib\nimport random\nimport socket\nimport sys\nimport time\n\n\
         ROOT = str(pathlib.Path(__file__).resolve().parents[1])\n{stubs}{SUPPORT}\n\ndef {name}(monkeypatch, caplog):\n    \
         \"\"\"Does not end in {}.\"\"\"\n    for path in (ROOT, ROOT + \"/src\"):\n        monkeypatch.syspath_prepend(path)\n{act}",
        named(plan).replace(['"', '\\'], "'")
    )
}

fn flags(plan: &mut Plan, code: &Code<'_>) -> String {
    if plan.flags.is_empty() {
        return String::new();
    }
    if !code.names(&["pyproject.toml", "requirements.txt", "setup.cfg", "Pipfile"], "openfeature") {
        let names: Vec<String> = plan.flags.keys().map(|name| super::comment(name)).collect();
        plan.missing
            .push(format!("feature flags {}: the repository has no OpenFeature to set them with", names.join(", ")));
        return String::new();
    }
    let mut text = String::from(
        "    from openfeature import api\n    from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider\n\n    \
         api.set_provider(InMemoryProvider({\n",
    );
    for (name, value) in &plan.flags {
        writeln!(
            text,
            "        {}: InMemoryFlag(\"recorded\", {{\"recorded\": {}}}),",
            python_text(name),
            python(value)
        )
        .unwrap_or_default();
    }
    text.push_str("    }))\n");
    text
}
