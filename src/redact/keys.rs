//! What the value of an attribute is, by its key.
//!
//! The user's rules come first, then the table of [`super::registry`], then patterns of names that tell what they hold. A key
//! that none of them knows is withheld.

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use parking_lot::RwLock;
use regex::RegexSet;

pub(crate) use super::registry::KeyClass;
use super::registry::{self, Field, Known, Template, header, registered};
use super::token::Class;

/// Environment variables that steer a program and name nobody.
const VARIABLES: &[&str] = &[
    "TZ",
    "LANG",
    "LANGUAGE",
    "LC_*",
    "DEBUG",
    "LOG_LEVEL",
    "ENV",
    "ENVIRONMENT",
    "APP_ENV",
    "NODE_ENV",
    "RAILS_ENV",
    "RACK_ENV",
    "FLASK_ENV",
    "DJANGO_SETTINGS_MODULE",
    "ASPNETCORE_ENVIRONMENT",
    "DOTNET_ENVIRONMENT",
    "SPRING_PROFILES_ACTIVE",
    "PYTHONPATH",
    "PYTHONHASHSEED",
    "PYTHONUNBUFFERED",
    "PYTHONOPTIMIZE",
    "PYTHONUTF8",
    "PYTHONIOENCODING",
    "NODE_OPTIONS",
    "JAVA_OPTS",
    "JAVA_TOOL_OPTIONS",
    "GOMAXPROCS",
    "GOGC",
    "GODEBUG",
    "GOMEMLIMIT",
    "RUST_LOG",
    "RUST_BACKTRACE",
    "PATH",
    "SHELL",
    "TERM",
    "PORT",
    "CI",
    "OTEL_SERVICE_NAME",
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_TRACES_SAMPLER",
    "OTEL_PROPAGATORS",
];

/// Patterns of names that tell what they hold, over the words of a name: lower case, joined by `_` ([`words`]).
///
/// Keys whose values are withheld, whoever sends them. The user's patterns come beside them.
const BLOCKED: &str = concat!(
    "secret|passw|passphrase|passcode|pwd|authorization|cookie|credential|session|sessid|csrf|xsrf|mnemonic|seed_phrase",
    // What kubectl keeps of a manifest, environment and all.
    "|last_applied_configuration",
    "|(?:api|access|private)_?key",
    "|(?:app|account|auth|client|consumer|deploy|encryption|license|master|service|shared|signing|ssh|storage|subscription)_?keys?[0-9]*(?:_|$)",
    "|(?:^|_)(?:pass|auth)$|(?:^|_)(?:jwt|bearer|cvv2?|cvc2?|csc|otp|totp|pin(?:_?(?:code|number|no))?)(?:_|$)",
    "|(?:recovery|backup|verification|security|auth|authentication|mfa|2fa)_?codes?(?:_|$)|security_?(?:answer|question)",
);

/// A kind of secret that is also counted: [`COUNTED`].
const TOKEN: &str = "token";

/// Tokens that models read and write.
const COUNTED: &str = concat!(
    "(?:^|_)(?:input|output|prompt|completion|total|cached?|creation|read|write|reasoning|thinking|audio|image|text|max|min|num|used|generated|context)_?tokens(?:_|$)",
    "|^(?:gen_ai|llm|ai|openai|anthropic)_(?:[a-z0-9_]+_)?tokens(?:_|$)|tokens_(?:used|usage|per|remaining)",
);

/// Names that only speak of a secret: `token_type`, `session_timeout`.
const ABOUT: &str = "_(?:type|count|length|len|size|limit|ttl|expires(?:_?(?:in|at))?|expiry|expiration|timeout|duration|policy|enabled|required|attempts)$";

/// Members of a cluster, which are no people: etcd's `local-member-id`, Kafka's `group_member_id`.
const MACHINE: &str = "(?:^|_)(?:local|remote|from|to|raft|etcd|cluster|leader|follower|learner|voter|peer|node|broker|group|consumer|promoted|removed|added)_member_?(?:u?id|uuid|guid)$";

/// Keys of health identifiers (45 CFR 164.514(b)(2)(i)).
const HEALTH: &str = r"^insurance_?(?:id|number|no)(?:_|$)|(?:^|_)(?:mrn|medical_?record|patient_?(?:id|number|no)(?:_|$)|(?:health|medical|patient|member)_?insurance_?(?:id|number|no)(?:_|$)|health_?(?:plan|card)|beneficiary_?(?:id|number|no)|medicare|medicaid|nhs_?(?:number|no)(?:_|$))";

/// Keys that tell what of a person they hold. The first that fits decides.
const PERSONAL: &[(Class, &str)] = &[
    (
        Class::Opaque,
        r"(?:^|_)(?:e?mail|phone|msisdn|user_?name|user_?id|user|customer|ip)(?:_?addr(?:ess)?|_?number)?_(?:hash|hashed|digest|md5|sha[0-9]+)$|(?:^|_)(?:udid|idfa|idfv|gaid|aaid|imsi|iccid|vin|(?:advertising|android|anonymous|device|distinct|hardware|install|installation|machine|tracking)_?(?:u?id|uuid|identifier)|(?:device|hardware)_?serial(?:_?number)?|(?:browser|device|visitor)_?fingerprint|(?:license|licence|number)_?plate)$",
    ),
    (Class::Email, r"(?:^|_)(?:e_?mails?(?:_?(?:id|addr(?:ess)?(?:es)?))?(?:_?[0-9])?|mail_?addr(?:ess)?)$"),
    (
        Class::Phone,
        r"(?:^|_)(?:(?:home|work|cell|mobile|office|contact|customer|user)?_?phone|mobile|telephone|msisdn|fax|whatsapp)(?:_?(?:number|num|no|nr))?(?:_?[0-9])?$",
    ),
    (Class::BirthDate, r"(?:^|_)(?:dob|birth_?(?:date|day|year)|date_?of_?birth|born_?(?:on|at))$"),
    (
        Class::Address,
        r"(?:^|_)(?:street(?:_?(?:address|name|number|no|line))?(?:_?[0-9])?|address_?line(?:_?[0-9])?|address_?[0-9]|(?:home|billing|shipping|mailing|postal|delivery|street|residential|residence|customer|recipient)_?addr(?:ess)?|post(?:al)?_?code|zip(?:_?code)?|house_?(?:number|no)|latitude|longitude|(?:geo|gps|location|position)_?(?:lat|lon|lng|coords?|coordinates|point))$",
    ),
    (Class::Ssn, r"(?:^|_)(?:ssn|social_?security(?:_?(?:number|num|no))?)(?:_?last_?(?:4|four))?$"),
    (
        Class::NationalId,
        r"(?:^|_)(?:national_?(?:id(?:entity)?|insurance)(?:_?(?:number|no|card))?|national_?number|identity_?(?:card|document|number)(?:_?(?:number|no))?|id_?card(?:_?(?:number|no))?|passport(?:_?(?:id|number|no))?|tax_?(?:payer_?)?(?:id|number|no)|tax_?identification_?number|driver'?s?_?licen[cs]e(?:_?(?:id|number|no))?|driving_?licen[cs]e(?:_?(?:id|number|no))?|citizen_?id|voter_?id|residence_?permit|visa_?number|(?:aadhaa?r|bsn|codice_?fiscale|cpf|curp|dni|itin|nino|nric|personnummer|pesel|steuer_?id)(?:_?(?:number|no))?)$",
    ),
    (
        Class::Card,
        r"(?:^|_)(?:(?:credit|debit|payment|bank)?_?card_?(?:number|num|no|pan)|(?:credit|debit)_?card|cc_?(?:number|num|no)|pan|primary_?account_?number)$",
    ),
    (
        Class::Iban,
        r"(?:^|_)(?:iban|bban|bank_?(?:account|acct)(?:_?(?:number|num|no|id))?|(?:account|acct)_?(?:number|num|no))$",
    ),
    (Class::Mac, r"(?:^|_)(?:mac_?addr(?:ess)?|hw_?addr|bssid)$"),
    (Class::Imei, r"(?:^|_)(?:imei(?:_?sv)?|meid)$"),
    (
        Class::Ip,
        r"(?:^|_)(?:client|remote|user|source|src|peer|real|visitor|login|host)?_?ip(?:_?v[46])?(?:_?addr(?:ess)?)?$",
    ),
    (
        Class::Name,
        r"(?:^|_)(?:(?:first|last|full|given|family|middle|maiden|sur|fore|display|legal|real|nick|preferred|father|mother|spouse)_?names?|fname|lname|(?:customer|contact|person|patient|employee|recipient|sender|(?:card|account)_?holder|holder|owner|author|billing|shipping|passenger|guest|student|buyer|seller|beneficiary|payee|payer|assignee|reporter|reviewer|subscriber|applicant)_?name|(?:card|account)_?holder)$",
    ),
    (
        Class::User,
        r"(?:^|_)(?:user_?names?|login(?:_?(?:name|id))?|user_?(?:u?u?id|guid|principal(?:_?name)?|login)|usr_?(?:id|name)|(?:customer|member|account|person|employee|subscriber|profile|visitor|contact|buyer|seller|owner|author|actor|recipient|sender|creator|assignee|reporter|reviewer|approver|student|passenger|driver|guest|viewer|follower|staff)_?(?:id|uuid|guid)|(?:employee|staff|badge)_?(?:number|no)|screen_?name|principal(?:_?id)?|(?:created|updated|modified|deleted|requested|approved|submitted)_?by|assigned_?to|on_?behalf_?of|sam_?account_?name|upn|current_?user)$|^(?:uid|user|usr|sub|actor)$",
    ),
];

/// Names of texts that are read in a way of their own, where they may pass at all.
const TEXTS: &[(KeyClass, &str)] = &[
    (KeyClass::Graphql, r"(?:^|_)graphql(?:_(?:query|source|document))?$|(?:^|_)gql$"),
    (
        KeyClass::Statement,
        r"(?:^|_)(?:sql|cql|hql|jpql|cypher|sql_?(?:query|statement|text)|db_?(?:query|statement)|query_?(?:sql|text)|statement|stmt)$",
    ),
    (
        KeyClass::Url,
        r"(?:^|_)(?:ur[il]s?|href|referr?er|query_?string|(?:http|url)_(?:query|fragment|path|target)|location_(?:search|href))$|url$",
    ),
    (KeyClass::Arguments, r"(?:^|_)(?:argv|(?:command|cmd)_?(?:line|args|arguments))$"),
];

/// The patterns above in one set: [`BLOCKED`], [`TOKEN`], [`COUNTED`], [`ABOUT`], [`HEALTH`], [`MACHINE`], then [`PERSONAL`], then [`TEXTS`].
static PATTERNS: LazyLock<Result<RegexSet, String>> = LazyLock::new(|| {
    let fixed = [BLOCKED, TOKEN, COUNTED, ABOUT, HEALTH, MACHINE].into_iter();
    let personal = PERSONAL.iter().map(|(_, pattern)| *pattern);
    let texts = TEXTS.iter().map(|(_, pattern)| *pattern);
    RegexSet::new(fixed.chain(personal).chain(texts)).map_err(|error| error.to_string())
});

/// Where [`PERSONAL`] begins in [`PATTERNS`].
const FIXED: usize = 6;

/// The words of a name: `customerFirstName`, `customer.first-name` and `customer[first_name]` are `customer_first_name`.
fn words(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 8);
    let mut chars = name.chars().peekable();
    let mut before = ' ';
    while let Some(char) = chars.next() {
        if !char.is_alphanumeric() && char != '\'' {
            if !words.is_empty() && !words.ends_with('_') {
                words.push('_');
            }
        } else {
            let ends_capitals = before.is_uppercase() && chars.peek().is_some_and(|next| next.is_lowercase());
            if char.is_uppercase() && (before.is_lowercase() || before.is_ascii_digit() || ends_capitals) {
                words.push('_');
            }
            words.extend(char.to_lowercase());
        }
        before = char;
    }
    words.truncate(words.trim_end_matches('_').len());
    words
}

/// The user's patterns of keys.
#[derive(Debug)]
pub(crate) struct KeyPatterns {
    /// Their values pass.
    pub(crate) ignored: RegexSet,
    /// Their values are withheld.
    pub(crate) blocked: RegexSet,
}

/// The rules of keys, the user's among them.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) allow_all: bool,
    pub(crate) allowed: BTreeSet<String>,
    pub(crate) ignored: BTreeSet<String>,
    pub(crate) patterns: KeyPatterns,
    /// Whether names of health identifiers are known: the `phi` preset.
    pub(crate) health: bool,
    /// Whether names of what belongs to people are known: the `pii` preset.
    pub(crate) personal: bool,
    /// [`PATTERNS`].
    names: &'static RegexSet,
    /// Attributes and other names that were judged already.
    attributes: Judged,
    contents: Judged,
}

/// Names and what was found of them: the same few come in every trace, and patterns are dear.
#[derive(Debug, Default)]
struct Judged(RwLock<HashMap<Box<str>, KeyClass, foldhash::fast::RandomState>>);

impl Judged {
    /// Names that are remembered at most.
    const MAX: usize = 4096;

    /// The class of a name, by `judge` if it is not known yet.
    fn get_or(&self, name: &str, judge: impl FnOnce() -> KeyClass) -> KeyClass {
        if let Some(class) = self.0.read().get(name) {
            return *class;
        }
        let class = judge();
        let mut known = self.0.write();
        if known.len() < Self::MAX && name.len() <= 256 {
            known.insert(name.into(), class);
        }
        class
    }
}

impl Keys {
    /// The rules with these lists of the user's.
    ///
    /// # Errors
    /// If the patterns of this version do not compile.
    pub(crate) fn new(
        allow_all: bool,
        allowed: BTreeSet<String>,
        ignored: BTreeSet<String>,
        patterns: KeyPatterns,
        health: bool,
        personal: bool,
    ) -> Result<Self, String> {
        let names = PATTERNS.as_ref().map_err(Clone::clone)?;
        let (attributes, contents) = (Judged::default(), Judged::default());
        Ok(Self { allow_all, allowed, ignored, patterns, health, personal, names, attributes, contents })
    }

    /// The class of an attribute.
    pub(crate) fn attribute(&self, key: &str) -> KeyClass {
        let judge = || match registered(key) {
            Some(Known::Attribute(class)) => class,
            Some(Known::Template(template, name)) => self.made_up(template, name),
            // A namespace takes in keys that are made up as one goes: `k8s.secret.token`.
            Some(Known::Namespace) => self.told(key).unwrap_or(KeyClass::Metadata),
            None => self.unregistered(key),
        };
        self.attributes.get_or(key, || self.named(key).unwrap_or_else(judge))
    }

    /// The class of an attribute whose name ends in one that is made up.
    fn made_up(&self, template: Template, name: &str) -> KeyClass {
        match template {
            Template::Header => header(name).unwrap_or_else(|| self.unregistered(name)),
            Template::Variable => self.variable(name),
            Template::Entry => self.content(name),
            Template::Label => self.told(name).unwrap_or(KeyClass::Metadata),
            Template::Parameter => self.told(name).unwrap_or(KeyClass::Literal),
        }
    }

    /// The class of an attribute whose namespace was cut off.
    pub(crate) fn environment(&self, key: &str, namespaces: &[&str]) -> KeyClass {
        if let Some(class) = self.named(key) {
            return class;
        }
        let full = namespaces.iter().map(|namespace| format!("{namespace}{key}"));
        std::iter::once(key.to_owned())
            .chain(full)
            .map(|key| self.attribute(&key))
            .find(|class| *class != KeyClass::Unknown)
            .unwrap_or(KeyClass::Unknown)
    }

    /// The class of a header of the request.
    pub(crate) fn header(&self, name: &str) -> KeyClass {
        let named = self.named(name).or_else(|| self.named(&format!("http.request.header.{name}")));
        named.unwrap_or_else(|| self.made_up(Template::Header, name))
    }

    /// The class of an environment variable.
    pub(crate) fn variable(&self, name: &str) -> KeyClass {
        let is_known = || {
            VARIABLES.iter().any(|known| match known.strip_suffix('*') {
                Some(prefix) => name.starts_with(prefix),
                None => name == *known,
            })
        };
        let named = self.named(name).or_else(|| self.named(&format!("process.environment_variable.{name}")));
        named.unwrap_or_else(|| if is_known() { KeyClass::Content } else { self.unregistered(name) })
    }

    /// The class of a name that the program or its user gave: content, unless it tells what it holds.
    pub(crate) fn content(&self, name: &str) -> KeyClass {
        let judge = || {
            let told = self.read(name);
            told.holds.unwrap_or(told.text)
        };
        self.contents.get_or(name, || self.named(name).unwrap_or_else(judge))
    }

    /// What the user says about a key. A key that is allowed by its whole name is meant, whatever a pattern says; it is read as what
    /// it is, so that a statement loses its literals all the same.
    fn named(&self, key: &str) -> Option<KeyClass> {
        if self.ignored.contains(key) || self.patterns.ignored.is_match(key) {
            Some(KeyClass::Raw)
        } else if self.patterns.blocked.is_match(key) {
            Some(KeyClass::Blocked)
        } else if self.allowed.contains(key) {
            Some(match registered(key) {
                Some(Known::Attribute(class)) if matches!(class.field(), Some(Field::Content | Field::Metadata)) => {
                    class
                }
                _ => self.read(key).text,
            })
        } else {
            None
        }
    }

    fn unregistered(&self, key: &str) -> KeyClass {
        let told = self.read(key);
        told.holds.unwrap_or(if self.allow_all { told.text } else { KeyClass::Unknown })
    }

    /// What a name tells that it holds.
    fn told(&self, name: &str) -> Option<KeyClass> {
        self.read(name).holds
    }

    fn read(&self, name: &str) -> Told {
        let matched = self.names.matches(&words(name));
        let texts = FIXED + PERSONAL.len();
        let text = matched.iter().find(|index| *index >= texts).and_then(|index| TEXTS.get(index - texts));
        let text = text.map_or(KeyClass::Content, |(class, _)| *class);
        let [blocked, token, counted, about, health, machine] = [0, 1, 2, 3, 4, 5].map(|index| matched.matched(index));
        let person = || matched.iter().find(|index| *index >= FIXED).and_then(|index| PERSONAL.get(index - FIXED));
        let holds = if (blocked || token && !counted) && !about {
            Some(KeyClass::Blocked)
        } else if health && self.health {
            Some(KeyClass::Health)
        } else if self.personal && !machine {
            person().map(|(class, _)| KeyClass::Personal(*class))
        } else {
            None
        };
        Told { holds, text }
    }
}

/// What a name tells.
struct Told {
    /// Whose or what secret value it holds.
    holds: Option<KeyClass>,
    /// How a text of that name is read, where it may pass.
    text: KeyClass,
}

/// The patterns of names, and what each tells.
pub(crate) fn name_patterns() -> impl Iterator<Item = (&'static str, KeyClass)> {
    let fixed = [(BLOCKED, KeyClass::Blocked), (TOKEN, KeyClass::Blocked), (HEALTH, KeyClass::Health)];
    let personal = PERSONAL.iter().map(|(class, pattern)| (*pattern, KeyClass::Personal(*class)));
    fixed.into_iter().chain(personal).chain(TEXTS.iter().map(|(class, pattern)| (*pattern, *class)))
}

/// The tables as text, for the digest of the rules in force.
pub(crate) fn tables() -> String {
    format!("{}{VARIABLES:?}{BLOCKED}{TOKEN}{COUNTED}{ABOUT}{HEALTH}{MACHINE}{PERSONAL:?}{TEXTS:?}", registry::tables())
}
