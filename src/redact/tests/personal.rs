//! Telephone numbers, accounts, devices, wallets and dates of birth.

use super::redactor;

/// Each text holds one thing of the class and, besides it, only what is given.
fn found(class: &str, cases: &[(&str, &str)]) {
    let redactor = redactor();
    for (text, value) in cases {
        let out = redactor.text(text);
        let (head, tail) = text.split_once(value).unwrap();
        let token = out.strip_prefix(head).and_then(|rest| rest.strip_suffix(tail));
        assert!(token.is_some_and(|token| token.starts_with(&format!("{class}:"))), "{text} → {out}");
        assert_eq!(redactor.text(&out), out);
    }
}

fn untouched(cases: &[&str]) {
    let redactor = redactor();
    for text in cases {
        assert_eq!(redactor.text(text), *text);
    }
}

fn same(class: &str, spellings: &[&str]) {
    let redactor = redactor();
    let tokens: std::collections::BTreeSet<String> = spellings.iter().map(|text| redactor.text(text)).collect();
    assert!(tokens.len() == 1 && tokens.iter().all(|token| token.starts_with(class)), "{tokens:?}");
}

#[test]
fn telephone_numbers_are_found_by_code_layout_or_name() {
    found(
        "phone",
        &[
            ("reach us at +49 30 901820.", "+49 30 901820"),
            ("(555) 234-5678 is busy", "(555) 234-5678"),
            ("caller 555-234-5678, retry", "555-234-5678"),
            ("1-800-555-2345", "1-800-555-2345"),
            ("986.291.2294x751", "986.291.2294x751"),
            ("phone=5552345678", "5552345678"),
            ("{\"mobile\":\"07911123456\"}", "07911123456"),
            ("phone_number: 030 901820", "030 901820"),
            ("69 987 88 37 office", "69 987 88 37"),
            ("+442079460958", "+442079460958"),
            ("4711,(01) 1033094,2026-03-01", "(01) 1033094"),
            ("GET /api/lookup/010%20123%202678/orders", "010%20123%202678"),
            ("use 0450 08 50 55 from now on", "0450 08 50 55"),
            ("bad value [070-124 05 23] in field 7", "070-124 05 23"),
            ("x, 00353 22 96494", "00353 22 96494"),
            ("use 0045 32 14 51 11 now", "0045 32 14 51 11"),
            ("could not parse '01512 8938123'", "01512 8938123"),
            ("args = ('(0212) 806 08 88', 30)", "(0212) 806 08 88"),
            ("| 17 | 8 (912) 662-20-72 | shipped |", "8 (912) 662-20-72"),
            ("Strada Ilaria, 131 2797 7948", "131 2797 7948"),
            ("You can reach Sepp Ulrich on 512 378 298 after six", "512 378 298"),
            ("INVITE sip:+351912347158", "+351912347158"),
            // All of a message.
            ("09191234567", "09191234567"),
            ("\"5321234567\"", "5321234567"),
            ("532-123-45-67", "532-123-45-67"),
            ("612 16 86 50.", "612 16 86 50"),
        ],
    );
    same("phone:P-", &["+1 555-234-5678", "(555) 234-5678", "1-555-234-5678", "555.234.5678", "+15552345678"]);
}

#[test]
fn numbers_that_are_no_telephone_numbers_stay() {
    untouched(&[
        "at 2026-11-02 10:11:12.123456",
        "took 5552345678 ns",
        "blk_3888635850409849568 of 67108864",
        "rows 100-200-300, 1.2.3, 12/11/2026",
        "order 123-456 in 2026-11-02T10:00:00+01:00",
        "request 7d1f4c2e-9a1b-4f6e-8c31-5b0d12347aa0",
        "version 1.20.300.4000",
        "offset +5552345",
        "call 42 of 100",
        "reference: 078 001 477 30",
        "called at 10:00, 131 2797 79",
        "rows 131 2797 794",
        "invoice number is 046 454 286",
        "\"orderId\": \"078 001 477 30\"",
        "took 5321234567",
        "1764071234",
        "2026-11-02 10",
    ]);
}

#[test]
fn accounts_are_found_by_country_length_and_check_number() {
    found(
        "iban",
        &[
            ("to GB82WEST12345698765432, again", "GB82WEST12345698765432"),
            ("iban=DE89 3704 0044 0532 0130 00", "DE89 3704 0044 0532 0130 00"),
            ("gb82-west-1234-5698-7654-32", "gb82-west-1234-5698-7654-32"),
            ("NO9386011117947", "NO9386011117947"),
        ],
    );
    same("iban:B-", &["DE89370400440532013000", "DE89 3704 0044 0532 0130 00", "de89370400440532013000"]);
    untouched(&[
        "GB82WEST12345698765433",
        "DE8937040044053201300",
        "XX89370400440532013000",
        "id AB12CD34EF56AB78CD90",
        "fingerprint be0041a595b2dcd2",
    ]);
}

#[test]
fn social_security_numbers_are_found_by_layout_or_name() {
    found(
        "ssn",
        &[
            ("SSN 403-57-9558", "403-57-9558"),
            ("row (403-57-9558)", "403-57-9558"),
            ("ssn=403579558", "403579558"),
            ("social security number is 403 57 9558", "403 57 9558"),
            ("403579558", "403579558"),
            ("row 17 rejected: '403579558' is not unique", "403579558"),
            ("validation failed for <403579558>", "403579558"),
            ("| 4711 | 403579558 | shipped |", "403579558"),
            ("payload=\"{\\\"value\\\":\\\"403579558\\\"}\"", "403579558"),
            ("applicant 403579558 was refused", "403579558"),
            ("Is it 403579558, or did I write that down wrongly?", "403579558"),
        ],
    );
    untouched(&[
        "403579558 bytes",
        "'403579558' bytes",
        "{\"total\": \"403579558\"}",
        "ids=['403579558', '403579559']",
        "order '403579558' was refused",
        "array[403579558] is empty",
        "for your order 403579558",
        "you have 403579558 rows",
        "rows 403579558 in 12 ms",
        "4711,403579558,OK",
        "GET /api/lookup/403579558/orders",
        "000-57-9558",
        "666-57-9558",
        "900-57-9558",
        "403-00-9558",
        "403-57-0000",
        "1-403-57-9558",
    ]);
}

#[test]
fn cards_are_not_found_behind_the_name_of_another_number() {
    found(
        "card",
        &[("order card 4111111111111111", "4111111111111111"), ("order: 4111 1111 1111 1111", "4111 1111 1111 1111")],
    );
    untouched(&[
        "order=4111111111111111",
        "tracking: 4111111111111111",
        "invoice no 4111111111111111",
        "sku 4111111111111111",
    ]);
}

#[test]
fn members_of_a_cluster_are_nobody() {
    untouched(&[
        "{\"local-member-id\":\"44d8ab73e1f7cd6a\"}",
        "remote_member_id=44d8ab73e1f7cd6a",
        "consumerGroupMemberId: 17a",
    ]);
    found("user", &[("{\"memberId\": \"44d8ab73\"}", "44d8ab73")]);
}

#[test]
fn devices_are_found_by_the_form_of_their_numbers() {
    found(
        "mac",
        &[
            ("link 00:1b:44:11:3a:b7 up", "00:1b:44:11:3a:b7"),
            ("00-1B-44-11-3A-B7", "00-1B-44-11-3A-B7"),
            ("port 001b.4411.3ab7", "001b.4411.3ab7"),
            ("00:1b:44:ff:fe:11:3a:b7", "00:1b:44:ff:fe:11:3a:b7"),
        ],
    );
    same("mac:L-", &["00:1b:44:11:3a:b7", "00-1B-44-11-3A-B7", "001b.4411.3ab7"]);
    untouched(&["at 10:11:12", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "1234.5678.9012", "a:b:c:d:e:f"]);
    found("imei", &[("imei 490154203237518", "490154203237518"), ("IMEI: 49-015420-323751-8", "49-015420-323751-8")]);
    untouched(&["imei 490154203237519"]);
}

#[test]
fn wallets_are_found_by_their_checksums() {
    found(
        "wallet",
        &[
            ("pay 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa now", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
            ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"),
            ("from 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
            ("TJRabPrwbZy45sbavfcjinPJC18kjpRTv8", "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8"),
        ],
    );
    untouched(&[
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",
        "commit 5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
        "0x0000000000000000000000000000000000000000",
    ]);
}

#[test]
fn dates_of_birth_are_found_by_name_and_are_one_however_they_are_written() {
    found(
        "birth_date",
        &[
            ("born on 1984-02-17 in Oslo", "1984-02-17"),
            ("dob=17/02/1984", "17/02/1984"),
            ("Date of birth: February 17, 1984", "February 17, 1984"),
        ],
    );
    let redactor = redactor();
    let token = |text: &str| redactor.text(&format!("dob: {text}")).split_off("dob: ".len());
    for spelling in ["17/02/1984", "02/17/1984", "17 Feb 1984", "February 17, 1984", "1984/2/17", "19840217"] {
        assert_eq!(token(spelling), token("1984-02-17"), "{spelling}");
    }
    untouched(&["deployed on 2026-11-02", "born to run since version 1.2"]);
}

#[test]
fn the_address_of_any_host_is_one_where_an_address_is_said_to_come() {
    found(
        "ip",
        &[
            ("refused: /::ffff:17.201.43.128:9092", "::ffff:17.201.43.128"),
            ("listening on ::", "::"),
            ("bind to [::]:8080", "::"),
            ("{\"host\": \"::\"}", "::"),
        ],
    );
    untouched(&["std::cout", "use crate:: on::x", "Foo :: Bar", "impl Display for ::std", "on ::path"]);
}

#[test]
fn a_network_is_an_address_with_its_length() {
    found("ip", &[("route 192.168.1.0/24 lost", "192.168.1.0/24"), ("::/0", "::/0"), ("fe80::/10", "fe80::/10")]);
}
