//! What the names of [`Keys`](crate::redact::keys::Keys) have in them: most texts have none of it, and the rest is looked at closer.

/// Names of which any form tells.
#[rustfmt::skip]
const ANYWHERE: &[&str] = &[
    "token", "secret", "passw", "passphrase", "pwd", "authorization", "cookie", "credential", "session", "mrn",
    "medicare", "medicaid", "email", "e_mail", "e-mail", "e.mail", "phone", "msisdn", "postcode", "zipcode",
    "passport", "cardholder",
];

/// Words that tell together, whatever sign joins them.
#[rustfmt::skip]
const JOINED: &[(&[&str], &[&str])] = &[
    (&["api", "access", "private"], &["key"]),
    (&["medical"], &["record"]),
    (&["patient"], &["id", "number", "no"]),
    (&["insurance"], &["id", "number", "no"]),
    (&["health"], &["plan"]),
    (&["nhs"], &["number"]),
    (&["mobile", "fax"], &["number", "no"]),
    (&["birth"], &["date", "day"]),
    (&["of"], &["birth"]),
    (&["born"], &["on"]),
    (&["street"], &["address", "name"]),
    (&["address"], &["line"]),
    (&["home", "billing", "shipping", "mailing", "postal", "delivery"], &["address"]),
    (&["post", "postal", "zip"], &["code"]),
    (&["national"], &["id", "number"]),
    (&["tax"], &["id", "number"]),
    (&["driver", "drivers", "driver's"], &["license", "licence"]),
    (&["citizen"], &["id"]),
    (&["bank"], &["account"]),
    (&["account"], &["number"]),
    (&["mac", "ip"], &["addr"]),
    (
        &["first", "last", "full", "given", "family", "middle", "maiden", "sur", "display", "legal", "real", "nick"],
        &["name"],
    ),
    (
        &["preferred", "customer", "contact", "person", "patient", "employee", "recipient", "sender", "holder"],
        &["name"],
    ),
    (&["owner", "author", "billing", "shipping", "user", "login", "screen"], &["name"]),
    (&["card"], &["holder"]),
    (&["user", "customer", "member", "account", "person", "employee", "subscriber", "profile", "visitor"], &["id"]),
];

/// Words that are names only where a name ends: they begin or end many others.
#[rustfmt::skip]
const AT_THE_END: &[&str] = &[
    "pin", "otp", "cvv", "cvc", "ssn", "mobile", "fax", "dob", "street", "zip", "iban", "imei", "imeisv", "ip",
    "user", "uid", "login", "principal",
];

/// What stands behind the end of a name.
const ENDS: &[&str] = &["\"", "'", "\\", "`", "=", ":", ">", "]", " =", " :"];

/// Words that tell as a part of a name, too.
const PARTS: &[&str] = &["pin-", "pin.", "otp-", "otp.", "cvv-", "cvv.", "cvc-", "cvc.", "ssn-", "ssn."];

/// Every text of which one is in each name that tells something, in small letters.
pub(super) fn all() -> Vec<String> {
    let joined = JOINED.iter().flat_map(|(heads, tails)| {
        heads.iter().flat_map(move |head| {
            tails.iter().flat_map(move |tail| ["", "_", "-", ".", " "].map(|sign| format!("{head}{sign}{tail}")))
        })
    });
    let ends = AT_THE_END.iter().flat_map(|word| ENDS.iter().map(move |end| format!("{word}{end}")));
    ANYWHERE.iter().chain(PARTS).map(|word| (*word).to_owned()).chain(joined).chain(ends).collect()
}

/// How much of a text that was found belongs to a name.
pub(super) fn name_end(found: &str) -> usize {
    found.trim_end_matches(['"', '\'', '\\', '`', '=', ':', '>', ']', ' ', '-', '.']).len()
}
