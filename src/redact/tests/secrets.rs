//! Keys by their issuers' forms, and by name and chance.

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::string::string_regex;
use proptest::test_runner::TestRunner;

use super::redactor;
use crate::redact::detectors::{ISSUERS, SERVICES, WORDS};

#[test]
fn keys_of_every_issuer_are_found_by_their_form() {
    let redactor = redactor();
    let mut runner = TestRunner::deterministic();
    let mut missed = Vec::new();
    for issuer in ISSUERS {
        // Keys made by chance after the format itself: boundaries make no text.
        let format = issuer.pattern.replace(r"\b", "").replace("(?i)", "").replace(r"\s", " ");
        // Signs between letters and digits are as rare in a key as chance would have them there, and not every second character.
        let format = format.replace("/=]", "/]").replace("_~.-]", "_]").replace("_.=-]", "_]").replace("_=-]", "_]");
        let strategy = string_regex(&format).unwrap();
        let key = strategy.new_tree(&mut runner).unwrap().current();
        let out = redactor.text(&format!("sent {key} today"));
        // Of a form that begins with a name, the name stays.
        let secret = key.get(key.len() - key.len().min(10)..).unwrap_or(&key);
        if out.contains(secret) {
            missed.push(format!("{}: {key} → {out}", issuer.name));
        }
        assert_eq!(redactor.text(&out), out, "{}", issuer.name);
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn what_looks_random_behind_a_service_or_credential_is_a_secret() {
    let redactor = redactor();
    for text in [
        "airtable: 'q8Zk2Lw9Xv3Rt7Yb'",
        "CLOUDFLARE_TOKEN=9hQ2sK7dLx0PzR4vNbTq8YwM1eUo5iCa3gFj6HmW",
        "{\"pipedrive_api\": \"4f1c0a9be27d63815c0e4f7a92b8d6135e0c7f4a\"}",
        "acme client secret = kD83hf9aKf03hdlQ92hf",
        "heroku key: 7d1f4c2e-9a1b-4f6e-8c31-5b0d12347aa0",
        "mykey_signature => 9f86d081884c7d659a2feaa0c55ad015",
    ] {
        let out = redactor.text(text);
        assert!(out.contains("secret:S-") || out.contains("[withheld]"), "{text} → {out}");
    }
}

#[test]
fn what_a_sentence_or_the_next_field_gives_to_the_name_of_a_secret_goes() {
    let redactor = redactor();
    for (text, secret) in [
        ("my password is P@ssw0rd2024.", "P@ssw0rd2024"),
        ("login with user bob and password S3cr3t-Pa55 failed", "S3cr3t-Pa55"),
        ("Your verification code is 482913", "482913"),
        ("- name: DB_PASSWORD\n  value: hunter2", "hunter2"),
        ("- name: API_TOKEN\n  value: dLuzVXPm0SqifMO1MOTIPbptOPPi5J96", "dLuzVXPm0SqifMO1MOTIPbptOPPi5J96"),
        ("variable \"db_password\" {\n  default = \"hunter2\"\n}", "hunter2"),
        (
            "variable \"api_token\" {\n  default = \"K2ZWeqhFWCEPyYngFb51yBMWXaSCrUZo\"\n}",
            "K2ZWeqhFWCEPyYngFb51yBMWXaSCrUZo",
        ),
        ("CREATE USER app WITH PASSWORD 'correcthorse'", "correcthorse"),
        ("Invalid API Key provided: o49fw1k8wgvendhihn9vi3yta3jx4934", "o49fw1k8wgvendhihn9vi3yta3jx4934"),
        ("| API key | sXjs4H9VFfxTHqPi8sFEBTDQpPrIs4SI |", "sXjs4H9VFfxTHqPi8sFEBTDQpPrIs4SI"),
        ("docker login -u bot -p hunter2! registry.example", "hunter2!"),
        ("htpasswd -bc users admin hunter2!", "hunter2!"),
        ("ldapsearch -x -D cn=admin,dc=example -w hunter2! -b dc=example", "hunter2!"),
        ("rabbitmqctl add_user bot hunter2!", "hunter2!"),
        ("ConvertTo-SecureString 'correcthorse' -AsPlainText", "correcthorse"),
        ("requests.get(url, auth=('admin', 'correcthorse'))", "correcthorse"),
        ("HttpBasicAuth(\"admin\", \"correcthorse\")", "correcthorse"),
    ] {
        let out = redactor.text(text);
        assert!(!out.contains(secret), "{text} → {out}");
        assert_eq!(redactor.text(&out), out);
    }
    for text in [
        "the password is required",
        "password is too short (min 8)",
        "password sha256 hash is wrong",
        "the password was changed",
        "passwords v2.1 are hashed",
        "verification code is invalid",
        "login -user was refused",
        "password:\n  default policy",
    ] {
        assert_eq!(redactor.text(text), text);
    }
}

/// Contexts in which people write the key of a service that has no form of its own.
const CONTEXTS: &[&str] = &[
    "{} token = '<key>'",
    "{}_api_key: <key>",
    "export {}_KEY=<key>",
    "{\"{}\": {\"token\": \"<key>\"}}",
    "my {} key is <key>",
    "{} refused api key <key> (401)",
    "the {} token was <key>, rotate it",
    "{} token - '<key>'",
    "client = {}.Client(\"<key>\")",
    "key <key> for {}",
    "curl -H 'X-Api-Key: <key>' https://api.{}.com/",
    "calling https://api.{}.com/v1/items?key=<key>&page=2",
    "https://hooks.{}.com/services/<key>",
    "{}\n[DEBUG] Using Key=<key>\n[INFO] Response received: 200 OK",
    "{}Secret := \"<key>\"",
];

/// Forms that keys of most services have.
const SHAPES: &[&str] = &[
    "[0-9a-f]{32}",
    "[0-9a-f]{40}",
    "[a-z0-9]{32}",
    "[A-Za-z0-9]{24}",
    "[A-Za-z0-9]{40}",
    "[A-Z0-9]{32}",
    "[A-Za-z0-9_]{43}",
];

#[test]
fn keys_of_services_are_found_in_every_context_and_what_is_in_their_place_stays() {
    let redactor = redactor();
    let mut runner = TestRunner::deterministic();
    let (mut missed, mut covered, mut all) = (Vec::new(), Vec::new(), 0_usize);
    for service in SERVICES.iter().step_by(23).chain(WORDS.iter().step_by(11)).chain(["acme"].iter()) {
        for context in CONTEXTS {
            for shape in SHAPES {
                let key = string_regex(shape).unwrap().new_tree(&mut runner).unwrap().current();
                let text = context.replace("{}", service).replace("<key>", &key);
                let out = redactor.text(&text);
                all += 1;
                if out.contains(&key) {
                    missed.push(format!("{text} → {out}"));
                }
            }
            for place in ["YOUR_API_KEY", "<token>", "${SECRET}", "xxxxxxxxxxxxxxxxxxxx", "the-key-goes-here"] {
                let text = context.replace("{}", service).replace("<key>", place);
                let remarks = redactor.inspect(crate::redact::TextKind::Message, &text).unwrap().remarks;
                if remarks.iter().any(|remark| remark.rule == "named_secret" || remark.rule == "issuer_key") {
                    covered.push(text);
                }
            }
        }
    }
    assert!(missed.len() * 50 < all, "{} of {all}: {missed:#?}", missed.len());
    assert!(covered.is_empty(), "{covered:#?}");
}

#[test]
fn ordinary_lines_hold_no_secrets_cards_or_numbers_of_people() {
    let redactor = redactor();
    for text in [
        "BLOCK* NameSystem.addStoredBlock: blockMap updated: blk_-3544583377289625738 size 67108864",
        "Running task 41.0 in stage 3.0 (TID 2173), rdd_42_17 found locally, 1919.9 MB free",
        "workerEnv.init() ok /etc/httpd/conf/workers2.properties",
        "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=NODEVssh ruser= user=root",
        "commit 9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c pushed to github",
        "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 pulled from docker",
        "request 7d1f4c2e-9a1b-4f6e-8c31-5b0d12347aa0 took 12 ms, etag \"33a64df551425fcc55e4d42a148795d9f25f89d4\"",
        "GET /api/v1/orders/20261102/items/17?page=2&sort=created_at 200",
        "GC (Allocation Failure) [PSYoungGen: 65536K->10748K(76288K)] 0.0169310 secs",
        "Registered executor ID CoarseGrainedExecutorBackend on mesos-slave-07:41000",
        "org.springframework.security.authentication.BadCredentialsException: Bad credentials",
        "token expired at 1762077600, max_tokens=4096, api_version=2024-06-01",
        "pod=\"shop/checkout-5fd5065682-tv9ey\" event={\"ID\":\"08c22828-823e-4381-b370-7b601d5be699\"}",
        "volume kubernetes.io/projected/4d545a35-1eab-4f07-acb6-8f9471016d95-kube-api-access-w1hc6 is mounted",
        "mongodb: slow query on 507f1f77bcf86cd799439011, docker 4c01db0b339cd6ee7b8e9c1a3f5d2b70 exited",
        "invoice run 22025961: 14 done, 2 failed",
        "reading arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-AbCdEf failed",
        "secretsmanager: GetSecretValue was refused",
        "ACPI: LAPIC_NMI (acpi_id[0x01] high edge lint[0x1]), BIOS-e820: 0000000000100000 - 00000000bffc0000",
    ] {
        let remarks = redactor.inspect(crate::redact::TextKind::Message, text).unwrap().remarks;
        let wrong = remarks
            .iter()
            .find(|remark| matches!(remark.class, "secret" | "withheld" | "card" | "ssn" | "national_id"));
        assert!(wrong.is_none(), "{text}: {wrong:?}");
    }
}
