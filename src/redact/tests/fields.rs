//! Values behind names that tell what they hold, in the notations of many programs.

use super::redactor;
use crate::redact::keys::KeyClass;

#[test]
fn a_name_is_one_token_in_every_notation() {
    let redactor = redactor();
    let token = redactor.text(r#"{"first_name": "Ann"}"#);
    let token = token.strip_prefix(r#"{"first_name": ""#).and_then(|rest| rest.strip_suffix("\"}")).unwrap();
    assert!(token.starts_with("name:M-a"), "{token}");
    for text in [
        r#"{\"firstName\":\"Ann\",\"a\":{}}"#,
        r#""{\"a\":\"{\\\"first_name\\\":\\\"Ann\\\"}\"}""#,
        "locals: {'first_name': 'Ann', 'n': 3}",
        "User(first_name='Ann', login=None)",
        r#"{:first_name=>"Ann", :n=>3}"#,
        r#"{"user"=>{"first_name"=>"Ann", "n"=>"3"}}"#,
        r#"#<Order id: 1, first_name: "Ann", created: "2024">"#,
        r#"#<User:0x0000 @first_name="Ann">"#,
        "User{firstName='Ann', n=3}",
        "User(firstName=Ann, age=3)",
        "{FirstName:Ann Age:3}",
        r#"&main.User{FirstName:"Ann", Age:3}"#,
        r#"User { first_name: "Ann", n: 3 }"#,
        r#"User { first_name: Some("Ann"), n: 3 }"#,
        r#"array(2) { ["first_name"]=> string(3) "Ann" }"#,
        "Array ( [first_name] => Ann [n] => 3 )",
        r#"a:2:{s:10:"first_name";s:3:"Ann";s:3:"age";i:3;}"#,
        "<user><firstName>Ann</firstName></user>",
        "<ns:firstName type=\"x\">Ann</ns:firstName>",
        "&lt;firstName&gt;Ann&lt;/firstName&gt;",
        r#"<input name="first_name" value="Ann">"#,
        r#"{"name":"first_name","value":"Ann"}"#,
        "age: 3\nfirst_name: Ann\nnotes: none",
        "POST /x first_name=Ann&n=3",
        "GET /x?n=3&first_name=Ann HTTP/1.1",
        "user[first_name]=Ann&n=3",
        "level=info first_name=Ann attempt=3",
        "level=info first_name=\"Ann\" attempt=3",
        "Content-Disposition: form-data; name=\"first_name\"\r\n\r\nAnn\r\n--x",
        "[('first_name', 'Ann'), ('n', '3')]",
        "%7B%22first_name%22%3A%22Ann%22%7D",
        "\"First Name\": \"Ann\"",
    ] {
        let out = redactor.text(text);
        let expected = text.replace("Ann", token);
        assert_eq!(out, expected, "{text}");
        assert_eq!(redactor.text(&out), out, "{text}");
    }
    let address = redactor.text("User(name=3, streetAddress=1 High St, London, age=3)");
    assert!(address.starts_with("User(name=3, streetAddress=address:A-") && address.ends_with(", age=3)"), "{address}");
    let object = redactor.text(r#"{"billing_address": {"line": "1 High St", "town": "Rome"}, "n": "x"}"#);
    assert!(!object.contains("Rome") && object.ends_with(r#""n": "x"}"#), "{object}");
}

#[test]
fn one_value_is_one_token_under_a_name_and_without_it() {
    let redactor = redactor();
    let email = redactor.text("Alice@Example.com");
    assert_eq!(redactor.text(r#"{"email": "alice@example.com"}"#), format!(r#"{{"email": "{email}"}}"#));
    assert_eq!(redactor.text("user=Alice@Example.COM"), format!("user={email}"));
}

#[test]
fn what_only_speaks_of_a_name_stays() {
    let redactor = redactor();
    for text in [
        "email: must not be blank",
        "phone: is required, first_name: missing",
        "authentication failure; logname= uid=0 euid=0 tty=NODEVssh ruser= user=root",
        "    def f(self, first_name: str, user_id=None):",
        "    self.first_name = first_name",
        "user.first_name = request.POST['first_name']",
        "User login: failed for session: 12",
        "Failed to create user: duplicate key",
        "ValidationError: user_name: value is too long",
        "const userName = getUser(id);",
        "firstName: string; lastName?: string;",
        "[\"first_name\", \"last_name\"]",
        "Mapping user: x -> y",
        "error: column user_id does not exist",
        "hostname=web-1 file_name=report.txt",
        "first_name=%s last_name={name}",
    ] {
        assert_eq!(redactor.text(text), text);
    }
}

#[test]
fn every_name_that_the_keys_judge_is_looked_for() {
    let redactor = redactor();
    let keys = &redactor.compiled.policy.general.keys;
    let words = [
        "email",
        "email_address",
        "phone",
        "mobile_number",
        "msisdn",
        "fax_no",
        "dob",
        "birth_date",
        "date_of_birth",
        "born_on",
        "street",
        "street_name",
        "address_line_1",
        "home_address",
        "postal_code",
        "zip",
        "zip_code",
        "national_id",
        "passport",
        "passport_no",
        "tax_id",
        "drivers_license",
        "citizen_id",
        "iban",
        "bank_account",
        "account_number",
        "mac_addr",
        "imei",
        "client_ip",
        "ip_address",
        "first_name",
        "full_name",
        "surname",
        "cardholder_name",
        "card_holder",
        "author_name",
        "username",
        "login",
        "user_id",
        "customer_id",
        "visitor_id",
        "screen_name",
        "principal",
        "uid",
        "user",
        "mrn",
        "medical_record",
        "patient_id",
        "insurance_number",
        "health_plan",
        "medicare",
        "nhs_number",
        "auth_token",
        "client_secret",
        "passwd",
        "api_key",
        "access_key",
        "private_key",
        "session_id",
        "cookie",
        "credential",
        "cvv",
        "pin",
        "otp",
        "ssn",
    ];
    for word in words {
        for name in [
            word.to_owned(),
            word.replace('_', "-"),
            word.replace('_', "."),
            word.replace('_', ""),
            word.to_uppercase(),
        ] {
            if !matches!(keys.content(&name), KeyClass::Content) {
                let text = format!("{{\"{name}\": \"zq7 x\"}}");
                assert!(!redactor.text(&text).contains("zq7"), "{text}");
            }
        }
    }
}

#[test]
fn links_that_open_something_lose_what_opens_it() {
    let redactor = redactor();
    for (text, key) in [
        ("GET /reset/9f8c1d2e77ab HTTP/1.1", "9f8c1d2e77ab"),
        ("https://h.example/reset-password/MQ/bx3k2-0f9e8d7c6b5a/", "bx3k2-0f9e8d7c6b5a"),
        ("/invitations/123e4567-e89b-12d3-a456-426614174000/accept", "123e4567"),
        ("/unsubscribe/42/QWxpY2VCb2JDYXJvbERhdmU", "QWxpY2VCb2JDYXJvbERhdmU"),
        ("/rails/active_storage/blobs/redirect/eyJfcmFpbHMiOns1--0f9e8d7c6b5a/a.png", "0f9e8d7c6b5a"),
    ] {
        let out = redactor.text(text);
        assert!(!out.contains(key) && out.contains("secret:S-a"), "{text} → {out}");
        assert_eq!(redactor.text(&out), out, "{text}");
    }
    for stays in [
        "/api/users/123e4567-e89b-12d3-a456-426614174000/orders",
        "GET /reset/password HTTP/1.1",
        "/verify/2024-01-01",
        "/tokens/12345678",
        "/auth/callback/google",
        "/webhooks/payments/v2/events.json",
        "/src/auth/login_controller2.rb",
    ] {
        assert_eq!(redactor.text(stays), stays);
    }
}

#[test]
fn headers_and_command_lines_in_texts_lose_their_secrets() {
    let redactor = redactor();
    for (text, secret) in [
        ("curl -u ann:hunter22 https://h.example", "hunter22"),
        ("mysql -h db -u app -phunter22 shop", "hunter22"),
        ("curl --user 'ann:hunter22' https://h.example", "hunter22"),
        ("curl -H 'X-Api-Key: abc12345' -H \"Cookie: sid=zq7x; theme=dark\" https://h.example", "abc12345"),
        ("curl -H 'Cookie: sid=zq7x; theme=dark' https://h.example", "zq7x"),
        ("Host: h\r\nCookie: a=zq7x; b=zq8x\r\nAccept: */*", "zq8x"),
        ("Set-Cookie: sid=zq7x; Path=/; HttpOnly", "zq7x"),
        ("{\"headers\": {\"cookie\": \"a=zq7x; b=zq8x\"}}", "zq8x"),
        ("argv: [\"mysql\", \"-uapp\", \"-phunter22\"]", "hunter22"),
        ("['/usr/bin/curl', '-u', 'ann:hunter 22', 'https://h.example']", "hunter 22"),
        (r#"{\"cmd\": [\"redis-cli\", \"-a\", \"hunter22\"]}"#, "hunter22"),
        ("exec [sshpass -p hunter22 ssh h]", "hunter22"),
        ("$ docker login -u ann -p hunter22 registry.example", "hunter22"),
        ("smbclient //h/share -U ann%hunter22", "hunter22"),
        ("openssl rsa -in k.pem -passin pass:hunter22", "hunter22"),
        ("ldapsearch -x -w hunter22 -b dc=example", "hunter22"),
        ("baggage: user_id=zq7x,tenant=t1", "zq7x"),
        ("tracestate: vendor=t61rcWkgMzE,session=zq7x9y8w7v", "zq7x9y8w7v"),
    ] {
        let out = redactor.text(text);
        assert!(!out.contains(secret), "{text} → {out}");
        assert_eq!(redactor.text(&out), out, "{text}");
    }
    assert!(redactor.text("Host: h\r\nCookie: a=zq7x\r\nAccept: */*").ends_with("\r\nAccept: */*"));
    for stays in
        ["docker run -p 8080:80 image", "mysql -u root -p shop", "curl -o out -v x", "ldapsearch -s sub -b dc=example"]
    {
        assert_eq!(redactor.text(stays), stays);
    }
}

#[test]
fn a_pair_with_its_name_as_a_value_is_judged_by_it_in_every_notation() {
    let redactor = redactor();
    for text in [
        r#"env: [{"name":"DB_PASSWORD","value":"hunter2"},{"name":"A","value":"b"}]"#,
        r#"{"env": "[{\"name\": \"DB_PASSWORD\", \"value\": \"hunter2\"}]"}"#,
        r#"[{"Key":"DB_PASSWORD","Value":"hunter2"}]"#,
        r#"[{"value":"hunter2","name":"DB_PASSWORD"}]"#,
        r#"[{\"value\": \"hunter2\", \"name\": \"DB_PASSWORD\"}]"#,
        "env:\n- name: DB_PASSWORD\n  value: hunter2\n- name: A\n  value: b",
        "{Env:[{Name:DB_PASSWORD Value:hunter2 ValueFrom:nil}]}",
    ] {
        let out = redactor.text(text);
        assert_eq!(out, text.replace("hunter2", "[withheld]"));
        assert_eq!(redactor.text(&out), out, "{text}");
    }
}

#[test]
fn bytes_beyond_ascii_in_escapes_are_read() {
    let redactor = redactor();
    let email = redactor.text("zoë@example.com");
    for written in
        [r"zo\xc3\xab@example.com", r"zo\303\253@example.com", "zo%C3%AB@example.com", r"zo\u00eb@example.com"]
    {
        assert_eq!(redactor.text(written), email, "{written}");
    }
    let name = redactor.text(r#"{"first_name": "Zoë"}"#);
    assert_eq!(redactor.text(r#"{"first_name": "Zo\u00eb"}"#), name);
}
