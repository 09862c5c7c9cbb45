//! The walk over a bundle: every string in it, keys included, by the class of its field ([`fields`](super::fields)), in place.

mod texts;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write;
use std::sync::Arc;

use serde_json::Value;

use super::detect::{Engine, Finding, WITHHELD};
use super::detectors::{self, Options};
use super::fields::{Class as _, Part};
use super::keys::{KeyClass, Keys};
use super::memo::{Kind, Memo};
use super::remarks::{Remarks, Replaced};
use super::statement;
use super::sweep::{Known, Sweeper};
use super::token::Class;
use crate::config::ClassAction;
use crate::model::{Attributes, BODY_KEYS, Bundle, COMMAND_KEYS, IMAGE_KEYS, Repro};

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

    /// The rules for what is said of a failure as a whole: those of the failing span's service, or of the service that logged the failure
    /// where there is no span.
    fn of_failure(&self, bundle: &Bundle) -> &Rules {
        let service = match bundle.trace.span_path.last() {
            Some(span) => Some(&span.service),
            None => bundle.incident.services.first(),
        };
        service.map_or(&self.general, |service| self.of(service))
    }
}

type Names = HashSet<Box<str>, foldhash::fast::RandomState>;

/// One walk over one bundle.
pub(crate) struct Walk<'r> {
    policy: &'r Policy,
    /// The rules for the field: its service's.
    rules: &'r Rules,
    /// Looks for what an earlier walk found; instead of detecting.
    sweeper: Option<&'r Sweeper>,
    /// Keys that stay, by the number of the rules: a bundle has a few, many times.
    names: Vec<Names>,
    /// Attributes that the bundle shows, of those that something else in it may come from.
    shown: BTreeSet<String>,
    remarks: Remarks,
    known: Known,
    /// The field's JSON pointer, for remarks.
    pointer: String,
}

/// What a walk leaves, besides what it did to the bundle.
pub(crate) struct Walked {
    pub(crate) remarks: Remarks,
    pub(crate) known: Known,
}

impl<'r> Walk<'r> {
    /// Detects and redacts.
    pub(crate) fn detect(policy: &'r Policy, bundle: &mut Bundle) -> Walked {
        Self::run(policy, None, bundle)
    }

    /// Replaces what is known, wherever it still stands.
    pub(crate) fn sweep(policy: &'r Policy, sweeper: &'r Sweeper, bundle: &mut Bundle) -> Remarks {
        Self::run(policy, Some(sweeper), bundle).remarks
    }

    fn run(policy: &'r Policy, sweeper: Option<&'r Sweeper>, bundle: &mut Bundle) -> Walked {
        let mut walk = Self {
            policy,
            rules: policy.of_failure(bundle),
            sweeper,
            names: Vec::new(),
            shown: shown(bundle),
            remarks: Remarks::default(),
            known: Known::default(),
            pointer: String::new(),
        };
        Part.redact(bundle, &mut walk);
        Walked { remarks: walk.remarks, known: walk.known }
    }

    /// The rules that hold now.
    pub(super) fn rules(&self) -> &'r Rules {
        self.rules
    }

    /// The rules of keys that hold now.
    pub(super) fn keys(&self) -> &'r Keys {
        &self.rules.keys
    }

    pub(super) fn set_rules(&mut self, rules: &'r Rules) {
        self.rules = rules;
    }

    /// From here on the rules hold for what this service sent.
    pub(super) fn go_by(&mut self, service: &str) {
        self.rules = self.policy.of(service);
    }

    /// Whether this walk only looks for what an earlier one found.
    pub(super) fn is_sweep(&self) -> bool {
        self.sweeper.is_some()
    }

    /// An input that came from an attribute must not pass where the attribute did not.
    pub(super) fn input(&self, key: &str) -> KeyClass {
        if key.contains('.') || self.shown.contains(key) {
            self.keys().attribute(key)
        } else {
            self.keys().content(key)
        }
    }

    /// A value that was an attribute's goes as that attribute goes. Which of `keys` it was, the bundle tells if it shows the attribute; else it
    /// may have been any of them.
    pub(super) fn of_attributes(&mut self, value: &mut Value, keys: &[&str]) {
        let shown: Vec<&str> = keys.iter().copied().filter(|key| self.shown.contains(*key)).collect();
        let from = if shown.is_empty() { keys } else { &shown };
        let classes = from.iter().map(|key| self.keys().attribute(key));
        let class = classes.min_by_key(|class| class.openness()).unwrap_or(KeyClass::Unknown);
        self.value(value, class, None);
    }

    /// The values of a map, each by the class of its key, and its keys.
    pub(super) fn map(&mut self, map: &mut Attributes, class_of: impl Fn(&Self, &str) -> KeyClass) {
        let text_of = |key: &str| map.get(key)?.as_str();
        let system = ["db.system.name", "db.system"].into_iter().find_map(text_of).map(str::to_owned);
        // What the name in `{"name": …, "value": …}` tells of the value: variables and headers are often listed so.
        let told = PAIR_NAMES.into_iter().find_map(text_of).map(|name| self.keys().content(name));
        let class_of = |walk: &Self, key: &str| match (class_of(walk, key), told) {
            (KeyClass::Content, Some(told)) if PAIR_VALUES.contains(&key) => told,
            (class, _) => class,
        };
        // Nearly all maps keep their keys.
        if map.keys().all(|key| self.stays(key)) {
            for (key, value) in map {
                let class = class_of(self, key);
                self.at(key, |walk| walk.value(value, class, system.as_deref()));
            }
            return;
        }
        for (key, mut value) in std::mem::take(map) {
            let class = class_of(self, &key);
            let (key, edits) = self.key(key, map);
            self.at(&key, |walk| {
                walk.remark_all(edits);
                walk.value(&mut value, class, system.as_deref());
            });
            map.insert(key, value);
        }
    }

    /// Whether a key stays as it is.
    fn stays(&mut self, key: &str) -> bool {
        let number = self.rules.number;
        if self.names.get(number).is_some_and(|known| known.contains(key)) {
            return true;
        }
        let stays = self.edit(Kind::Text, key, Vec::new).is_none();
        if stays {
            let missing = (number + 1).saturating_sub(self.names.len());
            self.names.extend(std::iter::repeat_n(Names::default(), missing));
            self.names.get_mut(number).into_iter().for_each(|known| known.extend([key.into()]));
        }
        stays
    }

    /// A key after redaction. Two keys that become equal stay two: the later one in key order gets a number.
    fn key(&mut self, key: String, taken: &Attributes) -> (String, Vec<Replaced>) {
        let (redacted, edits) = self.edit(Kind::Text, &key, Vec::new).unwrap_or((key, Vec::new()));
        if !taken.contains_key(&redacted) {
            return (redacted, edits);
        }
        let unique = (2_u64..).map(|number| format!("{redacted}~{number}")).find(|unique| !taken.contains_key(unique));
        (unique.unwrap_or(redacted), edits)
    }

    fn value(&mut self, value: &mut Value, class: KeyClass, system: Option<&str>) {
        // A second walk finds withheld values and tokens in place and only looks for what is known.
        let class = match class {
            KeyClass::Raw => return,
            _ if self.sweeper.is_some() => KeyClass::Content,
            KeyClass::User | KeyClass::Name | KeyClass::Personal(_) if !self.rules.pii => KeyClass::Content,
            KeyClass::Opaque if !self.rules.secrets => KeyClass::Content,
            class => class,
        };
        if let Some(token) = class.token() {
            return self.whole(value, token, class.rule());
        }
        let withholds = |field| self.rules.engine.actions().withholds(field) && self.sweeper.is_none();
        match (class, &mut *value) {
            (KeyClass::Blocked | KeyClass::Literal | KeyClass::Unknown, _) => self.withhold(value, class.rule()),
            _ if class.field().is_some_and(withholds) => self.withhold(value, class.rule()),
            (KeyClass::Url, Value::String(text)) => self.url(text),
            (KeyClass::Statement, Value::String(text)) => self.statement(text, system),
            (KeyClass::Graphql, Value::String(text)) => self.statement(text, Some(statement::GRAPHQL)),
            (KeyClass::Url | KeyClass::Statement | KeyClass::Graphql, Value::Array(items)) => {
                self.each(items, |walk, item| walk.value(item, class, system));
            }
            (KeyClass::Arguments, Value::Array(items)) => self.arguments(items),
            _ => self.content(value),
        }
    }

    /// Arguments of a command. What stands behind `--name` is judged by the name, like the field of that name; what carries a credential
    /// by the command, by what the command does with it.
    fn arguments(&mut self, items: &mut [Value]) {
        let mut told = KeyClass::Content;
        let mut options: Option<Options> = None;
        self.each(items, |walk, item| {
            if let Some(text) = item.as_str() {
                let credential = options.as_mut().and_then(|options| options.read(text));
                if let Some(credential) = credential.filter(|_| walk.rules.secrets) {
                    told = KeyClass::Content;
                    let findings: Vec<Finding> = credential.findings(0).collect();
                    *item = Value::String(walk.replace(text, &findings));
                    return;
                }
                options = Options::of_command(text).or(options.take());
            }
            let name = item.as_str().and_then(|text| text.strip_prefix('-')).map(|text| text.trim_start_matches('-'));
            let next = match name {
                Some(name) if !name.contains(['=', ' ']) => walk.keys().content(name),
                _ => KeyClass::Content,
            };
            let class = std::mem::replace(&mut told, next);
            walk.value(item, class, None);
        });
    }

    /// Content of any shape.
    pub(super) fn content(&mut self, value: &mut Value) {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(items) => self.each(items, Self::content),
            Value::Object(fields) => {
                let mut map: Attributes = std::mem::take(fields).into_iter().collect();
                self.map(&mut map, |walk, key| walk.keys().content(key));
                fields.extend(map);
            }
            Value::Number(number) => {
                let mut text = number.to_string();
                self.text(&mut text);
                if text != number.to_string() {
                    *value = Value::String(text);
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// A value that becomes one token, whatever is in it.
    fn whole(&mut self, value: &mut Value, class: Class, rule: &'static str) {
        if self.rules.engine.actions().of(class) == ClassAction::Keep {
            return self.content(value);
        }
        let text = match value {
            Value::Array(items) => return self.each(items, |walk, item| walk.whole(item, class, rule)),
            Value::Object(_) => return self.withhold(value, rule),
            Value::Null | Value::Bool(_) => return,
            Value::String(text) => std::mem::take(text),
            Value::Number(number) => number.to_string(),
        };
        let trimmed = text.trim();
        *value = Value::String(if trimmed.is_empty() || trimmed == WITHHELD {
            text
        } else {
            self.token(trimmed, class, rule)
        });
    }

    /// Puts [`WITHHELD`] in the place of a value that says anything.
    fn withhold(&mut self, value: &mut Value, rule: &'static str) {
        let length = match &mut *value {
            Value::Null => return,
            Value::String(text) => return self.withhold_text(text, rule),
            other => other.to_string().len(),
        };
        self.remark_all([Replaced { rule, length }]);
        *value = Value::String(WITHHELD.to_owned());
    }

    /// The same of a text.
    pub(super) fn withhold_text(&mut self, text: &mut String, rule: &'static str) {
        if !text.is_empty() && text != WITHHELD {
            self.remark_all([Replaced { rule, length: text.len() }]);
            WITHHELD.clone_into(text);
        }
    }

    fn each(&mut self, items: &mut [Value], mut each: impl FnMut(&mut Self, &mut Value)) {
        for (index, item) in items.iter_mut().enumerate() {
            self.at_index(index, |walk| each(walk, item));
        }
    }

    /// Goes into the item of a list.
    pub(super) fn at_index(&mut self, index: usize, inside: impl FnOnce(&mut Self)) {
        let before = self.pointer.len();
        // Writing to a string cannot fail.
        write!(self.pointer, "/{index}").unwrap_or_default();
        inside(self);
        self.pointer.truncate(before);
    }

    /// Goes into the field of this name.
    pub(super) fn at(&mut self, name: &str, inside: impl FnOnce(&mut Self)) {
        let before = self.pointer.len();
        self.pointer.push('/');
        if name.contains(['~', '/']) {
            self.pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
        } else {
            self.pointer.push_str(name);
        }
        inside(self);
        self.pointer.truncate(before);
    }

    fn remark_all(&mut self, edits: impl IntoIterator<Item = Replaced>) {
        for edit in edits {
            self.remarks.note(&self.pointer, edit);
        }
    }
}

/// The attributes that a bundle shows, of those that its inputs, or other fields of its reproduction, may come from.
fn shown(bundle: &Bundle) -> BTreeSet<String> {
    let spans = bundle.trace.span_path.iter().chain(&bundle.trace.spans);
    let of_spans = spans.flat_map(|span| span.events.iter().map(|event| &event.attrs).chain([&span.attrs]));
    let of_lines = bundle.logs.window.iter().chain(&bundle.logs.ambient).map(|line| &line.attrs);
    let of_exemplars = bundle.metrics.exemplars.iter().map(|exemplar| &exemplar.attrs);
    let maps: Vec<&Attributes> = of_spans.chain(of_lines).chain(of_exemplars).filter(|map| !map.is_empty()).collect();
    let Repro { request, inputs, command, image, .. } = &bundle.repro;
    let body = request.as_ref().and_then(|request| request.body.as_ref());
    let of = |is_there: bool, keys: &'static [&'static str]| if is_there { keys } else { &[] }.iter().copied();
    let from = of(body.is_some(), &BODY_KEYS).chain(of(!command.is_empty(), &COMMAND_KEYS));
    let names = inputs.keys().map(String::as_str).chain(from).chain(of(image.is_some(), &IMAGE_KEYS));
    names.filter(|name| maps.iter().any(|map| map.contains_key(*name))).map(str::to_owned).collect()
}
