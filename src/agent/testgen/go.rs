//! Go: a test of the package whose frame is innermost.
//!
//! A service that recovers from panics shows nothing of them to its caller. What it tells its telemetry does: the request carries a span
//! that keeps the exception that is recorded on it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use super::call;
use super::code::Code;
use super::literal::python_text as quoted;
use super::plan::{HttpInput, Input, Plan};
use super::{Written, named};

/// Before the stack that a service recorded, in what a test prints.
pub(super) const RECORDED: &str = "casefile: recorded exception ";
/// Rounds of a test for a race, and goroutines that send the same request at a time where nothing else is known to race with it.
const ROUNDS: u32 = 200;
const AT_A_TIME: u32 = 8;

const RECORDER: &str = r#"
// casefileSpan keeps the exception that a service records on it.
type casefileSpan struct {
	noop.Span
	mutex     sync.Mutex
	exception map[string]string
}

func (s *casefileSpan) IsRecording() bool { return true }

func (s *casefileSpan) RecordError(err error, _ ...trace.EventOption) {
	s.keep(map[string]string{"exception.type": fmt.Sprintf("%T", err), "exception.message": err.Error(), "exception.stacktrace": string(debug.Stack())})
}

func (s *casefileSpan) AddEvent(name string, options ...trace.EventOption) {
	if name != "exception" {
		return
	}
	kept := map[string]string{}
	config := trace.NewEventConfig(options...)
	for _, attribute := range config.Attributes() {
		kept[string(attribute.Key)] = attribute.Value.String()
	}
	s.keep(kept)
}

func (s *casefileSpan) keep(exception map[string]string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.exception == nil {
		s.exception = exception
	}
}

func (s *casefileSpan) recorded() map[string]string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.exception
}
"#;

const STUBBED: &str = r#"
// casefileStubs answers requests as the recorded spans say.
type casefileStubs struct{}

func (casefileStubs) RoundTrip(request *http.Request) (*http.Response, error) {
	for _, stub := range []struct {
		method, url, body string
		status            int
		wait              time.Duration
	}{
STUBS	} {
		if stub.method == request.Method && stub.url == request.URL.String() {
			time.Sleep(stub.wait)
			return &http.Response{StatusCode: stub.status, Body: io.NopCloser(strings.NewReader(stub.body)), Header: http.Header{}, Request: request}, nil
		}
	}
	return nil, fmt.Errorf("no recorded span tells what %s %s answered", request.Method, request.URL)
}
"#;

pub(super) fn write(plan: &mut Plan, code: &Code<'_>) -> Option<Written> {
    let recorded: Vec<String> = plan.files().map(str::to_owned).collect();
    let Some(near) = recorded.iter().find_map(|file| code.file(file)).map(str::to_owned) else {
        plan.missing.push("entry: no frame of the bundle lies in a file of the repository".to_owned());
        return None;
    };
    let folder = near.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
    let package = code.go_package(&folder)?;
    let name = format!("TestCasefile{}", camel(&plan.name()));
    let file = format!("casefile_{}_test.go", plan.name());
    let path = if folder.is_empty() { PathBuf::from(file) } else { PathBuf::from(&folder).join(file) };
    let race = !plan.expected.race.is_empty();
    let text = match plan.input.clone() {
        Input::Http(input) => request(plan, code, &Place { folder: &folder, package: &package, name: &name }, &input)?,
        Input::Arguments(locals) => {
            let frame = call::frame(plan, code)?;
            let call = call::plain(plan, code, &frame, &locals, quoted)?;
            format!(
                "\npackage {package}\n\nimport \"testing\"\n\n// Does not end in {}.\nfunc {name}(t *testing.T) {{\n{}\t{call}\n}}\n",
                named(plan),
                environment(plan),
            )
        }
        Input::Message(_) | Input::None => {
            plan.missing.push("entry: how a Go consumer takes its message is not known".to_owned());
            return None;
        }
    };
    Some(Written { path, name, text, race })
}

struct Place<'a> {
    folder: &'a str,
    package: &'a str,
    name: &'a str,
}

fn request(plan: &mut Plan, code: &Code<'_>, place: &Place<'_>, input: &HttpInput) -> Option<String> {
    let Place { folder, package, name } = place;
    let Some(handler) = code.go_handler(folder) else {
        plan.missing.push(
            "entry: no function of the package makes its http.Handler of arguments that others make without any"
                .to_owned(),
        );
        return None;
    };
    let has_trace = code.names(&["go.mod"], "go.opentelemetry.io/otel/trace ");
    if !has_trace {
        plan.notes.push(
            "the service does not use OpenTelemetry's API: a panic that it recovers from shows as a status alone"
                .into(),
        );
    }
    if !plan.flags.is_empty() {
        let names: Vec<String> = plan.flags.keys().map(|name| super::comment(name)).collect();
        plan.missing.push(format!("feature flags {}: no provider is set in Go", names.join(", ")));
    }
    if plan.time.is_some() {
        plan.notes.push(
            "time.Now and math/rand of Go cannot be set from outside: the clock runs, seeds are random".to_owned(),
        );
    }
    let mut imports: BTreeSet<&str> = BTreeSet::from(["net/http/httptest", "testing", "io"]);
    let mut body = environment(plan);
    for (name, _, made) in &handler.arguments {
        writeln!(body, "\t{name} := {made}").unwrap_or_default();
    }
    writeln!(body, "\thandler := {}", handler.call).unwrap_or_default();
    let mut support = String::new();
    if has_trace {
        imports.extend([
            "context",
            "fmt",
            "runtime/debug",
            "sync",
            "go.opentelemetry.io/otel/trace",
            "go.opentelemetry.io/otel/trace/noop",
        ]);
        support.push_str(RECORDER);
    }
    if !plan.stubs.is_empty() {
        imports.extend(["fmt", "net/http", "strings", "time"]);
        support.push_str(&stubs(plan));
        body.push_str("\tdefer func(kept http.RoundTripper) { http.DefaultTransport = kept }(http.DefaultTransport)\n\thttp.DefaultTransport = casefileStubs{}\n");
    }
    let HttpInput { method, target, headers, body: sent } = input;
    let content = match sent {
        Some(text) => {
            imports.insert("strings");
            format!("strings.NewReader({})", quoted(text))
        }
        None => "nil".to_owned(),
    };
    let mut send = format!(
        "\tsend := func() bool {{\n\t\trequest := httptest.NewRequest({}, {}, {content})\n",
        quoted(method),
        quoted(target)
    );
    for (name, value) in headers {
        writeln!(send, "\t\trequest.Header.Set({}, {})", quoted(name), quoted(value)).unwrap_or_default();
    }
    send.push_str("\t\tanswer := httptest.NewRecorder()\n");
    if has_trace {
        send.push_str("\t\tspan := &casefileSpan{}\n\t\thandler.ServeHTTP(answer, request.WithContext(trace.ContextWithSpan(context.Background(), span)))\n");
        writeln!(
            send,
            "\t\tif exception := span.recorded(); exception != nil {{\n\t\t\tfmt.Printf(\"\\n{RECORDED}%s: %s\\n%s\\n\", \
             exception[\"exception.type\"], exception[\"exception.message\"], exception[\"exception.stacktrace\"])\n\t\t\t\
             t.Errorf(\"%s: %s\", exception[\"exception.type\"], exception[\"exception.message\"])\n\t\t\treturn false\n\t\t}}"
        )
        .unwrap_or_default();
    } else {
        send.push_str("\t\thandler.ServeHTTP(answer, request)\n");
    }
    send.push_str("\t\t_, _ = io.Copy(io.Discard, answer.Body)\n\t\tif answer.Code >= 500 {\n\t\t\tt.Errorf(\"answered %d\", answer.Code)\n\t\t\treturn false\n\t\t}\n\t\treturn true\n\t}\n");
    body.push_str(&send);
    body.push_str(&act(plan, code, folder, &handler.arguments, &mut imports));
    let (own, others): (Vec<&str>, Vec<&str>) = imports.into_iter().partition(|path| !path.contains('.'));
    let list = |paths: &[&str]| paths.iter().map(|path| format!("\t\"{path}\"\n")).collect::<String>();
    let others = if others.is_empty() { String::new() } else { format!("\n{}", list(&others)) };
    Some(format!(
        "\npackage {package}\n\nimport (\n{}{others})\n{support}\n// Does not end in {}.\nfunc {name}(t *testing.T) {{\n{body}}}\n",
        list(&own),
        named(plan)
    ))
}

/// How the request is sent: once, against a budget, or while what raced with it runs.
fn act(
    plan: &mut Plan,
    code: &Code<'_>,
    folder: &str,
    arguments: &[(String, String, String)],
    imports: &mut BTreeSet<&str>,
) -> String {
    if let Some(budget) = plan.expected.budget {
        imports.insert("time");
        return format!(
            "\tbegan := time.Now()\n\tsend()\n\tif took := time.Since(began); took > {budget}*time.Millisecond {{\n\t\t\
             t.Errorf(\"budget exceeded: %v of {budget} ms\", took)\n\t}}\n"
        );
    }
    if plan.expected.race.is_empty() {
        return "\tsend()\n".to_owned();
    }
    // The access that the failed request did not make itself: a method without parameters of what the handler is made of.
    let functions: BTreeSet<&str> = plan.own.iter().map(|frame| frame.func.as_str()).collect();
    let other = plan.expected.race.iter().filter(|frame| !functions.contains(frame.func.as_str())).find_map(|frame| {
        let method = frame.func.rsplit('.').next()?;
        let receiver = code.go_method(folder, method)?;
        let (argument, ..) = arguments.iter().find(|(_, kind, _)| *kind == receiver)?;
        Some(format!("{argument}.{method}()"))
    });
    match other {
        Some(call) => {
            imports.insert("time");
            format!(
                "\tgo {call}\n\tfor range {ROUNDS} {{\n\t\tif !send() {{\n\t\t\treturn\n\t\t}}\n\t\ttime.Sleep(time.Millisecond)\n\t}}\n"
            )
        }
        None => {
            plan.notes.push(
                "what raced with the request cannot be called by itself: the request races with its like".to_owned(),
            );
            imports.insert("sync");
            format!(
                "\tvar all sync.WaitGroup\n\tfor range {AT_A_TIME} {{\n\t\tall.Go(func() {{\n\t\t\tfor range {ROUNDS} {{\n\t\t\t\tif !send() {{\n\t\t\t\t\treturn\n\t\t\t\t}}\n\t\t\t}}\n\t\t}})\n\t}}\n\tall.Wait()\n"
            )
        }
    }
}

fn environment(plan: &Plan) -> String {
    let set = plan.env.iter().map(|(name, value)| format!("\tt.Setenv({}, {})\n", quoted(name), quoted(value)));
    set.collect()
}

fn stubs(plan: &Plan) -> String {
    let is_timed = plan.expected.budget.is_some();
    let rows: String = plan
        .stubs
        .iter()
        .map(|stub| {
            let wait = if is_timed { stub.millis } else { 0 };
            let (method, url, body) = (quoted(&stub.method), quoted(&stub.url), quoted(&stub.body));
            format!("\t\t{{{method}, {url}, {body}, {}, {wait} * time.Millisecond}},\n", stub.status)
        })
        .collect();
    STUBBED.replace("STUBS", &rows)
}

/// `inc_7k2m` as part of a Go name.
fn camel(name: &str) -> String {
    name.split('_')
        .map(|part| part.chars().take(1).flat_map(char::to_uppercase).chain(part.chars().skip(1)).collect::<String>())
        .collect()
}
