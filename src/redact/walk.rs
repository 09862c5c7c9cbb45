//! The walk over a document: every string in it, keys included, by the class of its field.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::classes::{self, FieldClass};
use super::detect::{Engine, Finding, WITHHELD, says_all};
use super::detectors::{self, Options};
use super::encoding;
use super::keys::{KeyClass, Keys};
use super::memo::{Found, Memo};
use super::remarks::{Remarks, Replaced};
use super::statement;
use super::structured;
use super::survey::Survey;
use super::sweep::{Known, Sweeper};
use super::token::Class;
use crate::config::ClassAction;

/// Keys of the name in a pair that is an object of its own.
const PAIR_NAMES: [&str; 4] = ["name", "Name", "key", "Key"];

/// Keys of the value in such a pair.
const PAIR_VALUES: [&str; 4] = ["value", "Value", "values", "Values"];

/// What the walk goes by.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) engine: Engine,
    pub(crate) keys: Arc<Keys>,
    /// Texts that hold nothing by these rules or by others of the same redactor.
    pub(crate) memo: Arc<Memo>,
    /// The number of these rules among them.
    pub(crate) number: usize,
    /// Whether people are to be hidden: the `pii` preset.
    pub(crate) pii: bool,
    /// Whether ids that open something are to be hidden: the `secrets` preset.
    pub(crate) secrets: bool,
}

impl Rules {
    /// What a text, of which no name tells anything, is as a whole.
    pub(crate) fn alone(&self, text: &str) -> Vec<Finding> {
        if self.pii { detectors::alone(text) } else { Vec::new() }
    }
}

/// The rules of every service.
#[derive(Debug)]
pub(crate) struct Policy {
    /// Those of services that have none of their own.
    pub(crate) general: Rules,
    pub(crate) services: BTreeMap<String, Rules>,
}

impl Policy {
    /// The rules for what a service sent.
    pub(crate) fn of(&self, service: &str) -> &Rules {
        self.services.get(service).unwrap_or(&self.general)
    }

    /// The rules for what is said of a document's failure as a whole: those of the failing span's service, or of the service that
    /// logged the failure where there is no span.
    fn of_failure(&self, document: &Value) -> &Rules {
        let path = document.pointer("/trace/span_path").and_then(Value::as_array);
        let service = match path.and_then(|path| path.last()) {
            Some(span) => span.get("service"),
            None => document.pointer("/incident/services/0"),
        };
        service.and_then(Value::as_str).map_or(&self.general, |service| self.of(service))
    }
}

/// One walk over one document.
pub(crate) struct Walk<'r> {
    policy: &'r Policy,
    /// The rules for the field: its service's.
    rules: &'r Rules,
    /// Looks for what an earlier walk found; instead of detecting.
    sweeper: Option<&'r Sweeper>,
    /// Keys of attributes, which inputs of the same name obey.
    attribute_keys: BTreeSet<String>,
    remarks: Remarks,
    known: Known,
    /// The field's path with `*` for indices, for its class.
    pattern: String,
    /// The field's JSON pointer, for remarks.
    pointer: String,
}

/// What a walk leaves.
pub(crate) struct Walked {
    pub(crate) document: Value,
    pub(crate) remarks: Remarks,
    pub(crate) known: Known,
}

impl<'r> Walk<'r> {
    /// Detects and redacts.
    pub(crate) fn detect(policy: &'r Policy, document: Value) -> Walked {
        Self::run(policy, None, document)
    }

    /// Replaces what is known, wherever it still stands.
    pub(crate) fn sweep(policy: &'r Policy, sweeper: &'r Sweeper, document: Value) -> Walked {
        Self::run(policy, Some(sweeper), document)
    }

    fn run(policy: &'r Policy, sweeper: Option<&'r Sweeper>, document: Value) -> Walked {
        let mut attribute_keys = BTreeSet::new();
        collect_attribute_keys(&document, &mut attribute_keys);
        let mut walk = Self {
            policy,
            rules: policy.of_failure(&document),
            sweeper,
            attribute_keys,
            remarks: Remarks::default(),
            known: Known::default(),
            pattern: String::new(),
            pointer: String::new(),
        };
        let document = walk.field(document);
        Walked { document, remarks: walk.remarks, known: walk.known }
    }

    fn field(&mut self, value: Value) -> Value {
        let class = classes::of(&self.pattern);
        match (class, value) {
            (FieldClass::Report, value) => value,
            (FieldClass::Withheld, Value::Array(items)) => {
                Value::Array(items.into_iter().map(|item| self.withhold(item, "unknown_field")).collect())
            }
            (FieldClass::Withheld, value) => self.withhold(value, "unknown_field"),
            (_, Value::Null) => Value::Null,
            (FieldClass::Branch, Value::Object(fields)) => self.branch(fields),
            (FieldClass::Branch, Value::Array(items)) => self.array(items, Self::field),
            (FieldClass::Number, value @ (Value::Number(_) | Value::Bool(_))) => value,
            (FieldClass::Attributes, Value::Object(map)) => self.map(map, |walk, key| walk.rules.keys.attribute(key)),
            (FieldClass::Environment(namespaces), Value::Object(map)) => {
                self.map(map, |walk, key| walk.rules.keys.environment(key, namespaces))
            }
            (FieldClass::Headers, Value::Object(map)) => self.map(map, |walk, key| walk.rules.keys.header(key)),
            (FieldClass::EnvironmentVariables, Value::Object(map)) => {
                self.map(map, |walk, key| walk.rules.keys.variable(key))
            }
            (FieldClass::Content, Value::Object(map)) => self.map(map, |walk, key| walk.rules.keys.content(key)),
            (FieldClass::Inputs, Value::Object(map)) => self.map(map, Self::input),
            (FieldClass::Message, Value::String(text)) => Value::String(self.message(text)),
            (FieldClass::Text | FieldClass::Message | FieldClass::Scalar, value) => self.content(value),
            (FieldClass::From(keys), value) => self.of_attributes(value, keys),
            (FieldClass::Url, Value::String(text)) => Value::String(self.url(text)),
            (FieldClass::Revision, Value::String(text)) if is_commit(&text) => Value::String(text),
            (FieldClass::Revision, Value::String(text)) => Value::String(self.text(text)),
            (class, Value::String(text)) if text == WITHHELD || self.is_ours(class, &text) => Value::String(text),
            (_, value) => self.withhold(value, "unexpected_shape"),
        }
    }

    /// The fields of an object. One that says of which service it is (a span, a log line, an exemplar) goes by that service's rules.
    fn branch(&mut self, mut fields: Map<String, Value>) -> Value {
        let before = self.rules;
        if let Some(service) = fields.get("service").and_then(Value::as_str) {
            self.rules = self.policy.of(service);
        }
        for (name, value) in &mut fields {
            let found = value.take();
            *value = self.at(name, name, |walk| walk.field(found));
        }
        self.rules = before;
        Value::Object(fields)
    }

    /// Whether a structural field holds what it should, and nothing written in the same letters.
    fn is_ours(&self, class: FieldClass, text: &str) -> bool {
        let is_plain = || match class {
            FieldClass::Id | FieldClass::Version => self.rules.engine.scan(text).is_empty(),
            _ => true,
        };
        class.shape_holds(text) == Some(true) && is_plain()
    }

    /// An input that came from an attribute must not pass where the attribute did not.
    fn input(&self, key: &str) -> KeyClass {
        if key.contains('.') || self.attribute_keys.contains(key) {
            self.rules.keys.attribute(key)
        } else {
            self.rules.keys.content(key)
        }
    }

    /// A value that was an attribute's goes as that attribute goes. Which of `keys` it was, the document tells if it shows the attribute; else it
    /// may have been any of them.
    fn of_attributes(&mut self, value: Value, keys: &[&str]) -> Value {
        let shown: Vec<&str> = keys.iter().copied().filter(|key| self.attribute_keys.contains(*key)).collect();
        let from = if shown.is_empty() { keys } else { &shown };
        let classes = from.iter().map(|key| self.rules.keys.attribute(key));
        let class = classes.min_by_key(|class| class.openness()).unwrap_or(KeyClass::Unknown);
        let is_list = value.is_array();
        match self.value(value, class, None) {
            // A list that is withheld as a whole is a list all the same.
            value if is_list && !value.is_array() => Value::Array(vec![value]),
            value => value,
        }
    }

    fn map(&mut self, mut map: Map<String, Value>, class_of: impl Fn(&Self, &str) -> KeyClass) -> Value {
        let system = ["db.system.name", "db.system"].iter().find_map(|key| map.get(*key)?.as_str()).map(str::to_owned);
        let told = self.told_by_pair(&map);
        let class_of = |walk: &Self, key: &str| match (class_of(walk, key), told) {
            (KeyClass::Content, Some(told)) if PAIR_VALUES.contains(&key) => told,
            (class, _) => class,
        };
        // Nearly all maps keep their keys.
        if map.keys().all(|key| self.edit("text", key, Vec::new).is_none()) {
            for (key, value) in &mut map {
                let (class, found) = (class_of(self, key), value.take());
                *value = self.at("*", key, |walk| walk.value(found, class, system.as_deref()));
            }
            return Value::Object(map);
        }
        let mut out = Map::new();
        for (key, value) in map {
            let class = class_of(self, &key);
            let (key, edits) = self.key(key, &out);
            let value = self.at("*", &key, |walk| {
                walk.remark_all(edits);
                walk.value(value, class, system.as_deref())
            });
            out.insert(key, value);
        }
        Value::Object(out)
    }

    /// What the name in `{"name": …, "value": …}` tells of the value: variables and headers are often listed so.
    fn told_by_pair(&self, map: &Map<String, Value>) -> Option<KeyClass> {
        let name = PAIR_NAMES.iter().find_map(|key| map.get(*key)?.as_str())?;
        Some(self.rules.keys.content(name))
    }

    /// A key after redaction. Two keys that become equal stay two: the later one in key order gets a number.
    fn key(&mut self, key: String, taken: &Map<String, Value>) -> (String, Vec<Replaced>) {
        let (redacted, edits) = self.edit("text", &key, Vec::new).unwrap_or((key, Vec::new()));
        if !taken.contains_key(&redacted) {
            return (redacted, edits);
        }
        let unique = (2_u64..).map(|number| format!("{redacted}~{number}")).find(|unique| !taken.contains_key(unique));
        (unique.unwrap_or(redacted), edits)
    }

    fn value(&mut self, value: Value, class: KeyClass, system: Option<&str>) -> Value {
        // A second walk finds withheld values and tokens in place and only looks for what is known.
        let class = match class {
            KeyClass::Raw => return value,
            _ if self.sweeper.is_some() => KeyClass::Content,
            KeyClass::User | KeyClass::Name | KeyClass::Personal(_) if !self.rules.pii => KeyClass::Content,
            KeyClass::Opaque if !self.rules.secrets => KeyClass::Content,
            class => class,
        };
        if let Some(token) = class.token() {
            return self.whole(value, token, class.rule());
        }
        let actions = self.rules.engine.actions();
        match (class, value) {
            (KeyClass::Blocked | KeyClass::Literal | KeyClass::Unknown, value) => self.withhold(value, class.rule()),
            (_, value) if class.field().is_some_and(|field| actions.withholds(field)) && self.sweeper.is_none() => {
                self.withhold(value, class.rule())
            }
            (KeyClass::Url, Value::String(text)) => Value::String(self.url(text)),
            (KeyClass::Statement | KeyClass::Graphql, Value::String(text)) => {
                let system = if class == KeyClass::Graphql { Some(statement::GRAPHQL) } else { system };
                let (text, literals) = statement::cut_literals(&text, system);
                self.remark_all(
                    literals
                        .iter()
                        .map(|cut| Replaced { rule: "statement_literal", length: cut.to.saturating_sub(cut.from) }),
                );
                Value::String(self.text(text))
            }
            (KeyClass::Url | KeyClass::Statement | KeyClass::Graphql, Value::Array(items)) => {
                self.array(items, |walk, item| walk.value(item, class, system))
            }
            (KeyClass::Arguments, Value::Array(items)) => self.arguments(items),
            (_, value) => self.content(value),
        }
    }

    /// Arguments of a command. What stands behind `--name` is judged by the name, like the field of that name; what carries a credential
    /// by the command, by what the command does with it.
    fn arguments(&mut self, items: Vec<Value>) -> Value {
        let mut told = KeyClass::Content;
        let mut options: Option<Options> = None;
        self.array(items, |walk, item| {
            if let Some(text) = item.as_str() {
                let credential = options.as_mut().and_then(|options| options.read(text));
                if let Some(credential) = credential.filter(|_| walk.rules.secrets) {
                    told = KeyClass::Content;
                    let findings: Vec<Finding> = credential.findings(0).collect();
                    return Value::String(walk.replace(text, &findings));
                }
                options = Options::of_command(text).or(options.take());
            }
            let name = item.as_str().and_then(|text| text.strip_prefix('-')).map(|text| text.trim_start_matches('-'));
            let next = match name {
                Some(name) if !name.contains(['=', ' ']) => walk.rules.keys.content(name),
                _ => KeyClass::Content,
            };
            let class = std::mem::replace(&mut told, next);
            walk.value(item, class, None)
        })
    }

    /// Content of any shape.
    fn content(&mut self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(items) => self.array(items, Self::content),
            Value::Object(map) => self.map(map, |walk, key| walk.rules.keys.content(key)),
            Value::Number(number) => {
                let redacted = self.text(number.to_string());
                if redacted == number.to_string() { Value::Number(number) } else { Value::String(redacted) }
            }
            value @ (Value::Null | Value::Bool(_)) => value,
        }
    }

    /// A value that becomes one token, whatever is in it.
    fn whole(&mut self, value: Value, class: Class, rule: &'static str) -> Value {
        if self.rules.engine.actions().of(class) == ClassAction::Keep {
            return self.content(value);
        }
        let text = match value {
            Value::Array(items) => return self.array(items, |walk, item| walk.whole(item, class, rule)),
            Value::Object(_) => return self.withhold(value, rule),
            Value::Null | Value::Bool(_) => return value,
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
        };
        let trimmed = text.trim();
        if trimmed.is_empty() || trimmed == WITHHELD {
            return Value::String(text);
        }
        // An address is an address under every key.
        if says_all(trimmed, 0, trimmed.len(), &self.rules.engine.scan(trimmed)) {
            return Value::String(self.text(trimmed.to_owned()));
        }
        let finding = Finding::token(0, trimmed.len(), rule, class, class.canonical(trimmed));
        let edited = self.replace(trimmed, &[finding]);
        Value::String(edited)
    }

    /// A URL, path or query: parameters whose names tell a secret are withheld besides what detectors find.
    fn url(&mut self, text: String) -> String {
        let keys = &self.rules.keys;
        self.edited("url", text, |text| structured::parameters(keys, text))
    }

    /// A text that no name of its own tells anything of.
    fn message(&mut self, text: String) -> String {
        let rules = self.rules;
        self.edited("message", text, |text| rules.alone(text))
    }

    /// Any text.
    fn text(&mut self, text: String) -> String {
        self.edited("text", text, |_| Vec::new())
    }

    /// The text after redaction; what was replaced is noted.
    fn edited(&mut self, kind: &str, text: String, known: impl FnOnce(&str) -> Vec<Finding>) -> String {
        let Some((edited, edits)) = self.edit(kind, &text, || known(&text)) else { return text };
        self.remark_all(edits);
        edited
    }

    /// The text after redaction, and what was replaced; `None` if it stays as it is. `known` is what a field of this kind has besides what
    /// detectors find.
    fn edit(
        &mut self,
        kind: &str,
        text: &str,
        known: impl FnOnce() -> Vec<Finding>,
    ) -> Option<(String, Vec<Replaced>)> {
        if let Some(sweeper) = self.sweeper {
            return sweeper.replace(text, self.rules.engine.actions());
        }
        let print = self.rules.memo.print(self.rules.number, kind, text);
        if print.is_some_and(|print| self.rules.memo.is_clean(print)) {
            return None;
        }
        if let Some(found) = print.and_then(|print| self.rules.memo.found(print)) {
            self.known.learn(text, &found.findings, &self.rules.engine);
            return Some((found.settled.clone(), found.edits.clone()));
        }
        let findings = self.rules.engine.scan_with(text, known());
        if findings.is_empty() {
            print.into_iter().for_each(|print| self.rules.memo.add_clean(print));
            return None;
        }
        self.known.learn(text, &findings, &self.rules.engine);
        let (settled, edits) = self.rules.engine.settle(text, findings.clone());
        let edits: Vec<Replaced> = edits.into_iter().map(Replaced::from).collect();
        if let Some(print) = print {
            self.rules.memo.add_found(print, Found { findings, settled: settled.clone(), edits: edits.clone() });
        }
        Some((settled, edits))
    }

    fn replace(&mut self, text: &str, findings: &[Finding]) -> String {
        self.known.learn(text, findings, &self.rules.engine);
        self.remark_all(findings.iter().map(Replaced::from));
        self.rules.engine.apply(text, findings)
    }

    /// Puts [`WITHHELD`] in the place of a value that says anything.
    fn withhold(&mut self, value: Value, rule: &'static str) -> Value {
        match value {
            Value::Null => Value::Null,
            Value::String(text) if text.is_empty() || text == WITHHELD => Value::String(text),
            value => {
                let length = value.as_str().map_or_else(|| value.to_string().len(), str::len);
                self.remark_all([Replaced { rule, length }]);
                Value::String(WITHHELD.to_owned())
            }
        }
    }

    fn array(&mut self, items: Vec<Value>, mut each: impl FnMut(&mut Self, Value) -> Value) -> Value {
        let items = items.into_iter().enumerate();
        Value::Array(items.map(|(index, item)| self.at("*", &index.to_string(), |walk| each(walk, item))).collect())
    }

    fn at<T>(&mut self, pattern: &str, name: &str, inside: impl FnOnce(&mut Self) -> T) -> T {
        let (pattern_len, pointer_len) = (self.pattern.len(), self.pointer.len());
        self.pattern.push('/');
        self.pattern.push_str(pattern);
        self.pointer.push('/');
        if name.contains(['~', '/']) {
            self.pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
        } else {
            self.pointer.push_str(name);
        }
        let result = inside(self);
        self.pattern.truncate(pattern_len);
        self.pointer.truncate(pointer_len);
        result
    }

    fn remark_all(&mut self, edits: impl IntoIterator<Item = Replaced>) {
        for edit in edits {
            self.remarks.note(&self.pointer, edit);
        }
    }
}

fn collect_attribute_keys(value: &Value, keys: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                match value {
                    Value::Object(attributes) if name == "attrs" => {
                        let new: Vec<&String> = attributes.keys().filter(|key| !keys.contains(*key)).collect();
                        keys.extend(new.into_iter().cloned());
                    }
                    _ => collect_attribute_keys(value, keys),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_attribute_keys(item, keys)),
        _ => {}
    }
}

/// A whole or abbreviated commit id. Digits alone may be anybody's number and sixteen digits and letters an IBAN, so an
/// abbreviation is short and has a letter; what is hex of a text is that text.
fn is_commit(text: &str) -> bool {
    let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let has_letter = text.bytes().any(|byte| byte.is_ascii_alphabetic());
    let is_short = (7..=12).contains(&text.len()) && has_letter;
    is_hex && (is_short || matches!(text.len(), 40 | 64) && encoding::runs(text, &Survey::of(text)).is_empty())
}
