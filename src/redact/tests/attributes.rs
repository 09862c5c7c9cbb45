//! What becomes of attributes by their keys.

use serde_json::{Map, Value, json};

use super::{bundle, full, redact, redactor, with};
use crate::config::RedactionProcessor;
use crate::redact::key_rows;

/// Attributes of a span after redaction.
fn attrs(config: RedactionProcessor, attrs: &Value) -> Map<String, Value> {
    let mut document = full();
    document["trace"]["spans"][0]["attrs"] = attrs.clone();
    let out = serde_json::to_value(redact(&with(config), bundle(document))).unwrap();
    out["trace"]["spans"][0]["attrs"].as_object().unwrap().clone()
}

fn default_attrs(input: &Value) -> Map<String, Value> {
    attrs(RedactionProcessor::default(), input)
}

#[test]
fn identifiers_of_the_conventions_become_tokens_of_their_class() {
    let input = json!({
        "enduser.id": "alice", "user.full_name": "Alice Liddell", "user.email": "alice at home", "session.id": "8a7b-11",
        "device.id": "77-aa", "kafka.message.key": "order-1", "geo.postal_code": "OX1 1DP", "geo.location.lat": 51.752,
        "client.mac.address": "00-00-5E-00-53-23", "process.owner": "alice", "host.ip": ["10.1.2.3", "fe80::1"],
        "tls.client.subject": "CN=Alice Liddell", "mcp.session.id": "x1", "messaging.rocketmq.message.keys": ["k1"],
    });
    let out = default_attrs(&input);
    for (key, token) in [
        ("enduser.id", "user:U-a"),
        ("user.full_name", "name:M-a"),
        ("user.email", "email:E-a"),
        ("session.id", "opaque:O-a"),
        ("device.id", "opaque:O-a"),
        ("kafka.message.key", "opaque:O-a"),
        ("geo.postal_code", "address:A-a"),
        ("geo.location.lat", "address:A-a"),
        ("client.mac.address", "mac:L-a"),
        ("process.owner", "user:U-a"),
        ("tls.client.subject", "name:M-a"),
        ("mcp.session.id", "opaque:O-a"),
    ] {
        assert!(out[key].as_str().unwrap().starts_with(token), "{key}: {}", out[key]);
    }
    assert!(out["host.ip"][1].as_str().unwrap().starts_with("ip:N-a"));
    assert!(out["messaging.rocketmq.message.keys"][0].as_str().unwrap().starts_with("opaque:O-a"));
    assert_eq!(out["enduser.id"], out["process.owner"]);
}

#[test]
fn metadata_and_content_of_the_conventions_pass_through_the_detectors() {
    let input = json!({
        "aspnetcore.identity.token_purpose": "reset_password", "aws.sns.topic.arn": "arn:aws:sns:eu-west-1:x:orders",
        "gen_ai.usage.input_tokens": 12, "http.response.status_code": 500, "k8s.pod.name": "shop-6f7d", "process.session_leader.pid": 7,
        "gen_ai.input.messages": "[{\"role\": \"user\", \"content\": \"write to zoe.canary@mail.example\"}]",
        "http.request.body.content": "{\"email\": \"zoe.canary@mail.example\", \"password\": \"hunter2\", \"qty\": 3}",
        "dns.question.name": "shop.example", "k8s.pod.status.younger": "Ready",
    });
    let out = default_attrs(&input);
    for key in [
        "aspnetcore.identity.token_purpose",
        "aws.sns.topic.arn",
        "gen_ai.usage.input_tokens",
        "http.response.status_code",
        "k8s.pod.name",
        "process.session_leader.pid",
        "dns.question.name",
        "k8s.pod.status.younger",
    ] {
        assert_eq!(out[key], input[key], "{key}");
    }
    let messages = out["gen_ai.input.messages"].as_str().unwrap();
    assert!(messages.contains("write to email:E-a") && !messages.contains("zoe"), "{messages}");
    let body = out["http.request.body.content"].as_str().unwrap();
    assert!(body.contains("\"qty\": 3") && !body.contains("hunter2") && !body.contains("zoe"), "{body}");
}

#[test]
fn keys_with_a_made_up_end_are_judged_by_that_end() {
    let input = json!({
        "http.request.header.user-agent": ["curl/8"], "http.request.header.x-account": ["a-1"], "http.request.header.x-user-id": ["u1"],
        "rpc.request.header.grpc-timeout": ["1S"], "messaging.header.authorization": ["Basic eA=="],
        "process.environment_variable.TZ": "UTC", "process.environment_variable.HOME_ALIAS": "alice",
        "k8s.pod.label.team": "billing", "k8s.pod.label.api-token": "zzz", "k8s.pod.annotation.contact_name": "Alice",
        "db.query.parameter.email": "zoe.canary@mail.example", "db.query.parameter.0": "blue", "db.operation.parameter.user_id": 7,
        "db.elasticsearch.path_parts.doc_id": "d1",
    });
    let out = default_attrs(&input);
    for (key, value) in [
        ("http.request.header.user-agent", json!(["curl/8"])),
        ("http.request.header.x-account", json!("[withheld]")),
        ("rpc.request.header.grpc-timeout", json!(["1S"])),
        ("messaging.header.authorization", json!("[withheld]")),
        ("process.environment_variable.TZ", json!("UTC")),
        ("process.environment_variable.HOME_ALIAS", json!("[withheld]")),
        ("k8s.pod.label.team", json!("billing")),
        ("k8s.pod.label.api-token", json!("[withheld]")),
        ("db.query.parameter.0", json!("[withheld]")),
        ("db.elasticsearch.path_parts.doc_id", json!("[withheld]")),
    ] {
        assert_eq!(out[key], value, "{key}");
    }
    assert!(out["http.request.header.x-user-id"][0].as_str().unwrap().starts_with("user:U-a"));
    assert!(out["k8s.pod.annotation.contact_name"].as_str().unwrap().starts_with("name:M-a"));
    assert!(out["db.query.parameter.email"].as_str().unwrap().starts_with("email:E-a"));
    assert!(out["db.operation.parameter.user_id"].as_str().unwrap().starts_with("user:U-a"));
    // Values taken out of statements stay out, whatever is allowed besides.
    let all = attrs(RedactionProcessor { allow_all_keys: true, ..Default::default() }, &input);
    assert_eq!(all["db.query.parameter.0"], "[withheld]");
    assert_eq!(all["http.request.header.x-account"], json!(["a-1"]));
}

#[test]
fn arguments_are_judged_by_the_flags_before_them_and_documents_lose_their_literals() {
    let input = json!({
        "process.command_args": ["app", "--port", "8080", "--db-password", "hunter2", "--user-name", "alice", "-v", "--token=abc123", "in.csv"],
        "graphql.document": "query { book(id: \"b-77\", n: 3) { title } } # for alice",
    });
    let out = default_attrs(&input);
    let args = &out["process.command_args"];
    assert_eq!(args[2], "8080");
    assert_eq!(args[4], "[withheld]");
    assert!(args[6].as_str().unwrap().starts_with("user:U-a"));
    assert_eq!(args[8], "--token=[withheld]");
    assert_eq!((&args[3], &args[7], &args[9]), (&json!("--db-password"), &json!("-v"), &json!("in.csv")));
    let document = out["graphql.document"].as_str().unwrap();
    assert!(document.contains("book(id: ?") && document.contains("title"), "{document}");
    assert!(!document.contains("b-77") && !document.contains("alice") && !document.contains('3'), "{document}");
}

#[test]
fn arguments_of_commands_that_take_credentials_in_short_options_lose_them() {
    for (input, expected) in [
        (
            json!(["/usr/bin/mysql", "-uapp", "-phunter2", "shop"]),
            json!(["/usr/bin/mysql", "-uapp", "-p[withheld]", "shop"]),
        ),
        (json!(["sudo", "sshpass", "-p", "hunter2", "ssh"]), json!(["sudo", "sshpass", "-p", "[withheld]", "ssh"])),
        (json!(["az", "login", "-p", "hunter2"]), json!(["az", "login", "-p", "[withheld]"])),
        (json!(["docker", "run", "-p", "8080:80"]), json!(["docker", "run", "-p", "8080:80"])),
        (json!(["sh", "-c", "redis-cli -a hunter2 ping"]), json!(["sh", "-c", "redis-cli -a [withheld] ping"])),
    ] {
        let out = default_attrs(&json!({ "process.command_args": input }));
        assert_eq!(out["process.command_args"], expected);
    }
    let out = default_attrs(&json!({"process.command_args": ["http", "-a", "ann:hunter2", "h.example"]}));
    let pair = out["process.command_args"][2].as_str().unwrap();
    assert!(pair.starts_with("user:U-a") && pair.ends_with(":[withheld]"), "{pair}");
}

/// Scenario: names of a local variable, a field or a parameter, however their words are joined. Guarantee: what they tell is known.
#[test]
fn names_tell_what_they_hold_however_their_words_are_joined() {
    let cases = [
        ("customerFirstName", "name:"),
        ("contact-name", "name:"),
        ("passenger_name", "name:"),
        ("UserID", "user:"),
        ("order[customer_id]", "user:"),
        ("createdBy", "user:"),
        ("workPhone", "phone:"),
        ("phoneNumber2", "phone:"),
        ("e-mail", "email:"),
        ("EMAILAddress", "email:"),
        ("email_sha256", "opaque:"),
        ("deviceUUID", "opaque:"),
        ("advertisingId", "opaque:"),
        ("dateOfBirth", "birth_date:"),
        ("billing.address", "address:"),
        ("geoLat", "address:"),
        ("socialSecurityNumber", "ssn:"),
        ("passportNo", "national_id:"),
        ("taxPayerId", "national_id:"),
        ("cardNumber", "card:"),
        ("bank_account_no", "iban:"),
        ("medicalRecordNumber", "health:"),
        ("clientIPAddress", "ip:"),
        ("user_pin", "[withheld]"),
        ("cardCVV2", "[withheld]"),
        ("clientSecret", "[withheld]"),
        ("X-CSRF", "[withheld]"),
        ("signingKey", "[withheld]"),
        ("mfaCode", "[withheld]"),
        ("apiKeys", "[withheld]"),
        ("storageKey2", "[withheld]"),
        ("access_tokens", "[withheld]"),
    ];
    let mut document = full();
    let locals: Map<String, Value> = cases.iter().map(|(name, _)| ((*name).to_owned(), json!("qwe 77 rty"))).collect();
    document["exception"]["frames"][0]["locals"] = Value::Object(locals);
    let out = redact(&redactor(), bundle(document)).exception.unwrap().frames[0].locals.clone();
    for (name, expected) in cases {
        assert!(out[name].as_str().unwrap().starts_with(expected), "{name}: {}", out[name]);
    }
}

#[test]
fn names_that_only_sound_like_it_tell_nothing() {
    let names = [
        "total_tokens",
        "maxTokens",
        "token_type",
        "session_timeout",
        "password_length",
        "spinner",
        "shipping",
        "recipe",
        "classname",
        "file_name",
        "hostname",
        "zipped",
        "compass",
        "keyboard",
        "primary_key",
        "monkey",
        "author",
        "authority",
        "ipsum",
        "phones_ring",
    ];
    let mut document = full();
    document["exception"]["frames"][0]["locals"] =
        names.iter().map(|name| ((*name).to_owned(), json!("some words"))).collect();
    let out = redact(&redactor(), bundle(document)).exception.unwrap().frames[0].locals.clone();
    for name in names {
        assert_eq!(out[name], "some words", "{name}");
    }
}

#[test]
fn the_list_of_keys_names_every_key_once_with_class_and_source() {
    let rows = key_rows();
    assert!(rows.len() > 1200, "{}", rows.len());
    assert!(rows.windows(2).all(|pair| pair[0].key != pair[1].key), "a key is there twice");
    assert!(rows.iter().all(|row| !row.class.is_empty() && !row.becomes.is_empty() && !row.source.is_empty()));
    let row = rows.iter().find(|row| row.key == "gen_ai.conversation.id").unwrap();
    assert_eq!((row.class.as_str(), row.becomes), ("identifier", "opaque"));
    assert_eq!(row.source, "https://opentelemetry.io/docs/specs/semconv/registry/attributes/gen-ai/");
}

/// Scenario: a value in a text, behind a name in JSON, in a URL and under a key, written in several ways. Guarantee: one token.
#[test]
fn a_value_behind_its_name_has_the_token_that_it_has_elsewhere() {
    let redactor = redactor();
    for (name, plain, written) in [
        ("email", "zoe.canary@mail.example", "Zoe.Canary@Mail.Example"),
        ("email", "zoe.canary@mail.example", " <zoe.canary@mail.example>"),
        ("phone", "+442079460958", "+44 20 7946 0958"),
        ("client_ip", "203.0.113.7", "203.0.113.7:50123"),
        ("client_ip", "203.0.113.7", "::ffff:203.0.113.7"),
        ("card_number", "4539148803436467", "4539 1488 0343 6467"),
        ("iban", "GB82WEST12345698765432", "GB82 WEST 1234 5698 7654 32"),
    ] {
        let token = redactor.text(plain);
        assert!(token.contains(":") && !token.contains(plain), "{plain}: {token}");
        let json = redactor.text(&json!({name: written}).to_string());
        assert!(json.contains(&token), "{json} without {token}");
        let mut document = full();
        document["exception"]["frames"][0]["locals"] = json!({name: written});
        let out = redact(&redactor, bundle(document)).exception.unwrap().frames[0].locals.clone();
        assert!(out[name].as_str().unwrap().contains(&token), "{out:?} without {token}");
    }
    // What no detector knows alone is one value however it is grouped.
    let of = |value: &str| redactor.text(&json!({"passport_number": value}).to_string());
    assert_eq!(of("X12 345-67"), of("x1234567"));
    let name_and_address = redactor.text(&json!({"email": "Zoe Canary <zoe.canary@mail.example>"}).to_string());
    assert!(!name_and_address.contains("Zoe"), "{name_and_address}");
}

#[test]
fn headers_and_variables_of_the_reproduction_go_by_the_keys_of_their_attributes() {
    let mut document = full();
    document["repro"]["env"] = json!({"TZ": "UTC", "SHOP_MODE": "dark", "SHOP_COLOUR": "red"});
    document["repro"]["request"]["headers"] =
        json!({"x-shop": "a", "x-colour": "b", "baggage": "first_name=alice,node=7", "content-type": "text/html"});
    let allowed = ["http.request.header.x-shop", "process.environment_variable.SHOP_MODE"];
    let config = RedactionProcessor { allowed_keys: allowed.map(str::to_owned).into(), ..Default::default() };
    let repro = redact(&with(config), bundle(document)).repro;
    assert_eq!(json!(repro.env), json!({"TZ": "UTC", "SHOP_MODE": "dark", "SHOP_COLOUR": "[withheld]"}));
    let headers = repro.request.unwrap().headers;
    assert_eq!((&headers["x-shop"], &headers["x-colour"]), (&json!("a"), &json!("[withheld]")));
    assert_eq!(headers["content-type"], "text/html");
    assert!(!headers["baggage"].to_string().contains("alice"), "{}", headers["baggage"]);
}

/// Guarantees: what a caller sent along stands in a bundle without what is a person's or opens something, whether a name tells it or the
/// value alone; and an entry looks the same wherever it is shown.
#[test]
fn an_entry_of_the_baggage_is_judged_by_its_name_and_by_what_detectors_find() {
    let entries = [
        ("tenant", "t1"),
        ("user.id", "u-77"),
        ("session_token", "zq7xzq7x"),
        ("customerFirstName", "Alice"),
        ("note", "call zoe.canary@mail.example"),
        ("debug", "AKIAIOSFODNN7EXAMPLE"),
        ("callback", "https://h.example/?api_key=k3yk3yk3y"),
    ];
    let shown = |config: RedactionProcessor| {
        let mut document = full();
        document["environment"]["baggage"] = entries.into_iter().collect();
        document["trace"]["spans"][0]["attrs"] =
            entries.into_iter().map(|(key, value)| (format!("baggage.{key}"), json!(value))).collect();
        let out = redact(&with(config), bundle(document));
        let attrs = out.trace.spans[0].attrs.clone();
        let baggage = json!(out.environment.baggage);
        assert!(entries.iter().all(|(key, _)| attrs[&format!("baggage.{key}")] == baggage[key]), "{attrs:?} {baggage}");
        baggage
    };
    let out = shown(RedactionProcessor::default());
    assert_eq!((&out["tenant"], &out["session_token"]), (&json!("t1"), &json!("[withheld]")));
    assert!(out["user.id"].as_str().unwrap().starts_with("user:U-a"), "{out}");
    assert!(out["customerFirstName"].as_str().unwrap().starts_with("name:M-a"), "{out}");
    assert!(out["note"].as_str().unwrap().starts_with("call email:E-a"), "{out}");
    for secret in ["zq7x", "u-77", "Alice", "zoe", "AKIA", "k3yk3y"] {
        assert!(!out.to_string().contains(secret), "{secret}: {out}");
    }
    let blocked = vec!["^baggage\\.tenant$".to_owned()];
    assert_eq!(
        shown(RedactionProcessor { blocked_key_patterns: blocked, ..Default::default() })["tenant"],
        "[withheld]"
    );
}

/// Guarantees: what tells one device from another is a token, what no convention knows is withheld, and a version passes unless it is
/// something else besides.
#[test]
fn devices_and_versions_are_judged_as_attributes_and_texts_are() {
    let mut document = full();
    document["environment"]["client"] = json!({"device.id": "8b0f3c1e-77aa", "app.installation.id": "inst-42-zq", "device.model.name": "iPhone 14",
        "app.customer": "Ada Lovelace"});
    document["environment"]["libraries"] =
        json!({"django": "5.2.1", "ledger": "4111111111111111", "db.password": "1.hunter2"});
    let out = redact(&with(RedactionProcessor::default()), bundle(document)).environment;
    assert_eq!(
        (&out.client["device.model.name"], &out.client["app.customer"]),
        (&json!("iPhone 14"), &json!("[withheld]"))
    );
    assert_eq!(out.libraries["django"], "5.2.1");
    for (value, hidden) in [
        (&out.client["device.id"], "8b0f3c1e"),
        (&out.client["app.installation.id"], "inst-42"),
        (&out.libraries["ledger"], "4111"),
        (&out.libraries["db.password"], "hunter2"),
    ] {
        assert!(!value.to_string().contains(hidden), "{value}");
    }
}

/// Guarantees: a seed passes as the number that it is, and what the user blocks by its key does not.
#[test]
fn a_seed_is_judged_by_its_name() {
    let seeds = |config: RedactionProcessor| {
        let mut document = full();
        document["repro"]["seeds"] = json!([
            {"name": "-shuffle", "value": "1636399552801504000", "of": "shop"},
            {"name": "--hypothesis-seed", "value": "302934307671667531413257853548643485645", "of": "zoe.canary@mail.example"},
            {"name": "test.seed", "value": "-1234567890"},
            {"name": "session.seed", "value": "77777"},
        ]);
        json!(redact(&with(config), bundle(document)).repro.seeds)
    };
    let shown = seeds(RedactionProcessor::default());
    let values: Vec<&Value> = shown.as_array().unwrap().iter().map(|seed| &seed["value"]).collect();
    assert_eq!(values, ["1636399552801504000", "302934307671667531413257853548643485645", "-1234567890", "[withheld]"]);
    assert!(shown[1]["of"].as_str().unwrap().starts_with("email:E-a"), "{shown}");
    let blocked = vec!["^test\\.seed$".to_owned()];
    let shown = seeds(RedactionProcessor { blocked_key_patterns: blocked, ..Default::default() });
    assert_eq!((&shown[0]["value"], &shown[2]["value"]), (&json!("1636399552801504000"), &json!("[withheld]")));
}

#[test]
fn forms_and_manifests_are_read_by_the_names_in_them() {
    let out = default_attrs(&json!({
        "http.request.body.content": "first_name=Alice&qty=3&pin=1234",
        "k8s.pod.annotation.kubectl.kubernetes.io/last-applied-configuration": "{\"env\": [{\"name\": \"A\", \"value\": \"hunter2\"}]}",
    }));
    let body = out["http.request.body.content"].as_str().unwrap();
    assert!(body.starts_with("first_name=name:M-a") && body.ends_with("&qty=3&pin=[withheld]"), "{body}");
    assert_eq!(out["k8s.pod.annotation.kubectl.kubernetes.io/last-applied-configuration"], "[withheld]");
}

#[test]
fn a_value_in_an_object_of_its_own_is_judged_by_the_name_beside_it() {
    let mut document = full();
    document["exception"]["frames"][0]["locals"] = json!({
        "env": [{"name": "DB_PASSWORD", "value": "hunter2"}, {"name": "MODE", "value": "dark"}],
        "headers": [{"Key": "X-User-Id", "Value": "alice"}, {"key": "authorization", "values": ["Basic YWxpY2U6cHc="]}],
    });
    let out = json!(redact(&redactor(), bundle(document)).exception.unwrap().frames[0].locals);
    assert_eq!(out["env"][0], json!({"name": "DB_PASSWORD", "value": "[withheld]"}));
    assert_eq!(out["env"][1]["value"], "dark");
    assert!(out["headers"][0]["Value"].as_str().unwrap().starts_with("user:U-a"), "{out}");
    assert_eq!(out["headers"][1]["values"], "[withheld]");
}

#[test]
fn a_key_that_is_allowed_is_read_as_what_it_is() {
    let input = json!({
        "db.query.text": "SELECT 1 FROM t WHERE name = 'alice'", "app.last_sql": "UPDATE t SET a = 'alice' WHERE b = 7",
        "app.callback_url": "https://h.example/?first_name=alice&page=2", "app.worker.argv": ["run", "--password", "alice-pw"],
        "user.id": "alice", "app.note": "fine",
    });
    let allowed_keys: Vec<String> = input.as_object().unwrap().keys().cloned().collect();
    for config in [
        RedactionProcessor { allowed_keys, ..Default::default() },
        RedactionProcessor { allow_all_keys: true, ..Default::default() },
    ] {
        let is_named = !config.allow_all_keys;
        let out = attrs(config, &input);
        assert_eq!(out["db.query.text"], "SELECT ? FROM t WHERE name = ?");
        assert_eq!(out["app.last_sql"], "UPDATE t SET a = ? WHERE b = ?");
        let url = out["app.callback_url"].as_str().unwrap();
        assert!(url.starts_with("https://h.example/?first_name=name:M-a") && url.ends_with("&page=2"), "{url}");
        assert_eq!(out["app.worker.argv"], json!(["run", "--password", "[withheld]"]));
        assert_eq!(out["user.id"] == "alice", is_named, "{}", out["user.id"]);
        assert_eq!(out["app.note"], "fine");
    }
    let out = default_attrs(&input);
    assert_eq!(out["app.callback_url"], "[withheld]");
}
