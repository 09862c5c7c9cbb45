//! What lines have in common, in the styles of many systems.

use proptest::prelude::*;

use super::{MAX_OF_SHAPE, Miner, PLACEHOLDER, common};

/// The templates of lines that are read together.
fn texts(lines: &[&str]) -> Vec<String> {
    let mut miner = Miner::new();
    let found = miner.read(lines.iter().copied());
    found.into_iter().map(|template| miner.text(template).to_owned()).collect()
}

/// All of these have one template.
fn one(lines: &[&str], template: &str) {
    let mut miner = Miner::new();
    let found = miner.read(lines.iter().copied());
    let texts: Vec<_> = found.iter().map(|template| miner.text(*template)).collect();
    assert!(found.iter().all(|other| *other == 0), "{texts:#?}");
    assert_eq!(texts.first(), Some(&template));
}

/// Each of these has one of its own.
fn apart(lines: &[&str]) {
    let mut miner = Miner::new();
    let found = miner.read(lines.iter().copied());
    let texts: Vec<_> = found.iter().map(|template| miner.text(*template)).collect();
    assert_eq!(found, (0..lines.len()).collect::<Vec<_>>(), "{texts:#?}");
}

#[test]
fn what_is_a_value_on_its_face_is_one() {
    one(
        &[
            "order 17 of 10.2.0.4:8443 at 2026-03-01T10:00:00Z took 12.5 ms",
            "order 99 of shop.example:8443 at 2026-03-02T11:00:00Z took 3 s",
        ],
        "order <*> of <*> at <*> took <*>",
    );
    for (one, other) in [
        ("0x7f3a", "0xff"),
        ("/var/lib/x", "/y"),
        ("C:\\Data\\a.txt", "\\\\host\\share"),
        ("https://a.example/x?y=z", "s3://bucket/key"),
        ("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "00c04fd4-9dad-11d1-80b4-6ba7b8109dad"),
        ("true", "FALSE"),
        ("null", "0"),
        ("fe80::c6b3:1ff:fecd:467f", "::1"),
        ("00:11:ba:fe:ac:03", "ff:f2:9f:16:de:15"),
        ("anna@shop.example", "bob@other.example"),
        ("Tue Mar  3 10:11:12 UTC 2026", "Wed Apr 15 07:00:01 EST 2026"),
        ("<1 sec", "00:02"),
        ("deadbeef", "0badc0de"),
        ("[]", "[3, 5, 8]"),
    ] {
        let lines = [format!("read {one} again"), format!("read {other} again")];
        let texts = texts(&[&lines[0], &lines[1]]);
        assert_eq!(texts[0], texts[1]);
        assert!(texts[0].contains(PLACEHOLDER), "{texts:?}");
    }
}

#[test]
fn lists_of_any_length_are_alike() {
    one(&["fans ( 3100 3200 3300 ) spin", "fans ( 3100 3200 ) spin"], "fans ( <*> ) spin");
    one(&["peers m1, m2, m3 left", "peers m1 left"], "peers <*> left");
    one(&["sets n1 0xf <ok> n2 0xe <ok> n3 0xd <ok>", "sets n1 0xf <ok> n2 0xe <ok>"], "sets <*> <ok> <*> <ok>");
    one(
        &["login from 10.0.0.1 (pc-1.example.net) at 9", "login from 10.0.0.2 () at 10"],
        "login from <*> (<*>) at <*>",
    );
}

#[test]
fn words_are_values_where_much_else_is_equal() {
    one(&["session of user anna opened by 0", "session of user bob opened by 12"], "session of user <*> opened by <*>");
    one(&["level=warn job=sweep n=1", "level=info job=fetch n=2"], "level=<*> job=<*> n=<*>");
    one(&["got action:app.SCREEN_ON now", "got action:app.TIMER now"], "got action:<*> now");
    one(&["fan ( on off )", "fan ( on on )", "fan ( off on )"], "fan ( <*> <*> )");
    one(
        &["bind org.acme.shop.Cart to class com.acme.a.B", "bind org.acme.shop.Order to class com.acme.c.D"],
        "bind <*> to class <*>",
    );
    one(
        &[
            "vote: 2 (leader), 0x7 (zxid), SEEKING (node state), 1 (sid), SEEKING (my state)",
            "vote: 2 (leader), 0x9 (zxid), LEADING (node state), 3 (sid), TRAILING (my state)",
        ],
        "vote: <*> (leader), <*> (zxid), <*> (node state), <*> (sid), <*> (my state)",
    );
    one(&["clock set by 10.0.0.9, level 3", "clock set by LOCAL(0), level 10"], "clock set by <*>, level <*>");
    let many: Vec<String> =
        "amber birch cedar daisy elder fern grass hazel".split(' ').map(|word| format!("removing {word}")).collect();
    one(&many.iter().map(String::as_str).collect::<Vec<_>>(), "removing <*>");
}

#[test]
fn words_that_vary_in_several_places_at_once_are_values() {
    let word = |n: usize| n.to_string().bytes().map(|digit| char::from(digit - b'0' + b'k')).collect::<String>();
    let line = |n: usize| format!("moved {} from {} into {} again", word(n * 17), word(n * 29), word(n * 7));
    let lines: Vec<String> = (0..40).map(line).collect();
    let mut miner = Miner::new();
    assert_eq!(miner.read(lines.iter().map(String::as_str)), [0; 40]);
    assert_eq!(miner.text(0), "moved <*> from <*> into <*> again");
    assert_eq!(miner.read([line(1_000).as_str(), "moved on from here into nothing else"]), [0, 1]);
}

#[test]
fn words_are_constants_where_little_speaks_against_it() {
    apart(&["fetch started", "fetch done", "sweep started"]);
    apart(&["disk array failed to start", "disk array failed to stop"]);
    apart(&["task 3 moved from NEW to READY", "task 3 moved from READY to BUSY", "task 4 moved from BUSY to DONE"]);
    apart(&["job 1 moved from BUSY to DONE", "job 2 moved from BUSY to FAILED", "job 3 moved from BUSY to LOST"]);
    apart(&["close, 4 bytes sent, 9 bytes received", "close, 4 bytes sent, 9000 bytes (9 KB) received"]);
    apart(&["[vm 1f] VM Started (event)", "[vm 1f] VM Paused (event)", "[vm 2e] VM Resumed (event)"]);
    apart(&["check: fetch......0", "check: store......0"]);
    apart(&["web startup succeeded", "mail startup succeeded", "cron startup succeeded", "ntp startup succeeded"]);
    apart(&["no password for anna from 10.0.0.1", "no password for invalid user anna from 10.0.0.1"]);
    apart(&["10.0.0.1 \"GET /a HTTP/1.1\" status: 200", "10.0.0.1 \"POST /a HTTP/1.1\" status: 200"]);
}

#[test]
fn a_template_keeps_its_lines_over_portions() {
    let mut miner = Miner::new();
    let first = miner.read(["sent 5 to anna", "done"]);
    assert_eq!(first, [0, 1]);
    let names = "bob carl dora emil fred gina hans inge jens".split(' ');
    let more: Vec<String> = names.map(|name| format!("sent 7 to {name}")).collect();
    let second = miner.read(more.iter().map(String::as_str));
    assert_eq!(second, vec![0; more.len()]);
    assert_eq!(miner.text(0), "sent <*> to <*>");
    assert_eq!(miner.read(["sent 5 to anna", "done", "sent 1 to zoe"]), [0, 1, 0]);
}

#[test]
fn what_messages_have_in_common_is_the_first_without_what_differs() {
    assert_eq!(common(&["saved cart 4 of anna", "saved cart 5 of bob"]), "saved cart <*> of <*>");
    assert_eq!(common(&["saved cart 4 of anna", "queue is empty"]), "saved cart <*> of anna");
    assert_eq!(common(&[]), "");
}

#[test]
fn what_is_too_much_shares_one_template() {
    let mut miner = Miner::new();
    let letters = |mut n: usize| {
        let mut word = String::new();
        for _ in 0..5 {
            word.push(char::from(b'g' + u8::try_from(n % 10).unwrap()));
            n /= 10;
        }
        word
    };
    let lines: Vec<String> = (0..MAX_OF_SHAPE * 2).map(|n| format!("{} {}", letters(n), letters(n * 7919))).collect();
    let found = miner.read(lines.iter().map(String::as_str));
    let rest = found.iter().max().copied().unwrap();
    assert_eq!(rest, MAX_OF_SHAPE);
    assert!(miner.is_rest(rest) && !miner.is_rest(0));
    assert_eq!(miner.text(rest), PLACEHOLDER);
    assert_eq!(found.iter().filter(|template| **template == rest).count(), MAX_OF_SHAPE);
}

#[test]
fn a_long_line_is_read_up_to_a_limit() {
    let long = "ä b ".repeat(20_000);
    let found = texts(&[&long, &format!("{long}x"), ""]);
    assert_eq!(found[0], found[1]);
    assert!(found[0].ends_with(PLACEHOLDER) && found[0].len() < 20_000, "{}", found[0].len());
    assert_eq!(found[2], "");
}

fn line() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-z]{1,6}",
        "[0-9]{1,4}",
        "[ .:=,;(){}\\[\\]<>\"'/\\\\@|-]{1,3}",
        "\\PC{0,3}",
        Just("[]".to_owned()),
        Just("key=".to_owned()),
        Just("Mon Jan 5".to_owned()),
        Just("::".to_owned()),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_lines_are_read_and_equal_ones_alike(lines in proptest::collection::vec(line(), 0..40), cut in 0_usize..40) {
        let mut miner = Miner::new();
        let (head, tail) = lines.split_at(cut.min(lines.len()));
        let mut found = miner.read(head.iter().map(String::as_str));
        found.extend(miner.read(tail.iter().map(String::as_str)));
        prop_assert_eq!(found.len(), lines.len());
        for (line, template) in lines.iter().zip(&found) {
            let same = lines.iter().zip(&found).filter(|(other, _)| *other == line);
            prop_assert!(same.clone().all(|(_, other)| other == template), "{}", line);
        }
        let mut again = Miner::new();
        let mut twice = again.read(head.iter().map(String::as_str));
        twice.extend(again.read(tail.iter().map(String::as_str)));
        prop_assert_eq!(twice, found);
    }

    #[test]
    fn a_template_is_the_line_with_values_taken_out(line in line()) {
        prop_assume!(!line.contains(PLACEHOLDER));
        let mut miner = Miner::new();
        let found = miner.read([line.as_str()]);
        // What is left stands in the line, in this order.
        let mut rest = line.as_str();
        for constant in miner.text(found[0]).split(PLACEHOLDER) {
            let at = rest.find(constant);
            prop_assert!(at.is_some(), "{constant:?} is not in {rest:?}");
            rest = rest.split_at(at.unwrap() + constant.len()).1;
        }
    }
}
