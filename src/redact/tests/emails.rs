//! Email addresses in free texts.

use super::redactor;

#[test]
fn one_email_is_one_token_in_thirty_contexts() {
    let redactor = redactor();
    let token = redactor.text("alice.doe@example.com");
    let base64 = data_encoding::BASE64.encode(b"alice.doe@example.com");
    let hex = data_encoding::HEXLOWER.encode(b"alice.doe@example.com");
    let contexts = [
        "user alice.doe@example.com logged in",
        "email=alice.doe@example.com",
        "email='alice.doe@example.com'",
        "{\"email\": \"alice.doe@example.com\"}",
        "{\\\"email\\\":\\\"alice.doe@example.com\\\"}",
        "mailto:alice.doe@example.com",
        "<alice.doe@example.com>",
        "Alice Doe <alice.doe@example.com>,",
        "(alice.doe@example.com)",
        "[alice.doe@example.com]",
        "alice.doe@example.com.",
        "alice.doe@example.com, failed",
        "alice.doe@example.com: failed",
        "ALICE.DOE@EXAMPLE.COM",
        "Alice.Doe@Example.Com",
        "https://h.example/p?email=alice.doe@example.com&x=1",
        "https://h.example/p?email=alice.doe%40example.com&x=1",
        "https://h.example/p?email%3Dalice%2Edoe%40example%2Ecom",
        "https://h.example/p?email=alice.doe%2540example.com",
        "https://h.example/users/alice.doe@example.com/orders",
        "alice.doe\\u0040example.com",
        "alice.doe&#64;example.com",
        "\\nalice.doe@example.com\\n",
        "%20alice.doe@example.com",
        "SELECT * FROM u WHERE e = 'alice.doe@example.com'",
        "{'email': 'alice.doe@example.com', 'n': 1}",
        "From: alice.doe@example.com\r\nTo: x",
        "Key (email)=(alice.doe@example.com) already exists.",
        "user:alice.doe@example.com",
        "x-user: alice.doe@example.com;v=1",
        "`alice.doe@example.com`",
        "/alice.doe@example.com",
        "alice.doe@example.com|bob",
        "data:text/plain;base64,BASE64",
        "payload BASE64",
        "hex HEX",
    ];
    for context in contexts {
        let text = context.replace("BASE64", &base64).replace("HEX", &hex);
        let out = redactor.text(&text);
        assert!(out.contains(&token), "{text} → {out}");
        assert!(!out.to_lowercase().contains("alice.doe"), "{text} → {out}");
    }
}

#[test]
fn a_thousand_emails_are_a_thousand_tokens() {
    let redactor = redactor();
    let tokens: std::collections::BTreeSet<String> =
        (0..1000).map(|n| redactor.text(&format!("user{n}@example.com"))).collect();
    assert_eq!(tokens.len(), 1000);
    assert!(tokens.iter().all(|token| token.starts_with("email:E-a") && token.len() == "email:E-a".len() + 15));
}

/// Found by fuzzing: what is written without anything between is an address all the same.
#[test]
fn what_follows_an_email_at_once_hides_nothing() {
    let redactor = redactor();
    let token = redactor.text("ada@example.org");
    for (text, out) in [
        ("of ada@example.org015 ok", format!("of {token} ok")),
        ("ada@example.org2025-07-01 ok", format!("{token}-07-01 ok")),
        ("by ada@example.org-n ok", format!("by {token}-n ok")),
        ("ada@example.org-prod-7 ok", format!("{token}-prod-7 ok")),
        // Whatever the letters are: that they are no end of a domain is for no list to tell.
        ("ada@example.orgad015", redactor.text("ada@example.orgad")),
        ("ada@example.ORG7x.", format!("{token}.")),
    ] {
        assert_eq!(redactor.text(text), out, "{text}");
        assert_eq!(redactor.text(&out), out, "again");
    }
}

#[test]
fn emails_that_are_none_stay() {
    let redactor = redactor();
    for text in [
        "pkg@1.2.dev3",
        "pkg@next.rc1",
        "@app.route('/x')",
        "git@github.com:org/repo.git",
        "root@db-01",
        "pkg@1.2.3",
        "com.foo.Bar@1a2b3c",
        "a @ b.example",
        "https://cdn.example/@scope/name",
    ] {
        assert_eq!(redactor.text(text), text);
    }
}
