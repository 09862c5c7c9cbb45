//! The detectors, one file a kind.

mod alone;
mod birth;
mod card;
mod command;
mod custom;
mod database;
mod device;
mod email;
mod fields;
mod health;
mod home;
mod iban;
mod ip;
mod link;
mod national;
mod on_demand;
mod pairs;
mod phone;
mod rules;
mod secrets;
mod ssn;
mod text;
mod userinfo;
mod wallet;

use std::collections::BTreeSet;

use parking_lot::Mutex;
use regex::Regex;

use super::detect::Detector;

pub(crate) use alone::numbers as alone;
pub(crate) use command::Options;
pub(crate) use health::canonical as health_canonical;
pub(crate) use national::ids;
pub(crate) use rules::{Rule, from_gitleaks, from_pattern};
pub(crate) use secrets::{ISSUERS, SERVICES, WORDS};

/// Names of the sets of detectors that `presets` chooses from.
pub(crate) const PRESETS: [&str; 4] = ["pii", "pci", "phi", "secrets"];

/// The detectors of these presets in order of rank: what withholds more comes first, and what goes by a name alone comes last, so that
/// a value whose form tells what it is becomes the same token under every name. `any_name`: the user's patterns tell of names, so that any
/// may be one.
pub(crate) fn of(
    presets: &[String],
    blocked_values: Vec<Regex>,
    rules: Vec<Rule>,
    any_name: bool,
) -> Result<Vec<Box<dyn Detector>>, String> {
    let on = |preset: &str| presets.is_empty() || presets.iter().any(|name| name == preset);
    let mut list: Vec<Box<dyn Detector>> = Vec::new();
    if !blocked_values.is_empty() {
        list.push(Box::new(custom::BlockedValues(blocked_values)));
    }
    list.extend(rules.into_iter().map(|rule| Box::new(rule) as Box<dyn Detector>));
    if on("secrets") {
        list.push(Box::new(secrets::Pem));
        list.push(Box::new(userinfo::UserInfo));
        list.push(Box::new(secrets::Jwt::new()?));
        list.push(Box::new(secrets::Issuers::new()));
        list.push(Box::new(secrets::Authorization::new()?));
        list.push(Box::new(pairs::Pairs));
        list.push(Box::new(secrets::Named::new()?));
        list.push(Box::new(link::Link));
        list.push(Box::new(command::CommandLine::new()?));
    }
    if on("phi") {
        list.push(Box::new(health::HealthIds::new()?));
    }
    if on("pii") {
        list.push(Box::new(email::Email));
    }
    if on("pci") {
        list.push(Box::new(card::Card));
        list.push(Box::new(iban::Iban));
    }
    if on("pii") {
        list.push(Box::new(ssn::Ssn::new()?));
        list.push(Box::new(national::National::new()?));
        list.push(Box::new(birth::BirthDate::new()?));
        list.push(Box::new(device::Mac::new()?));
        list.push(Box::new(device::Imei::new()?));
        list.push(Box::new(wallet::Wallet::new()?));
        list.push(Box::new(ip::Ip));
        list.push(Box::new(phone::Phone::new()?));
        list.push(Box::new(home::HomeFolder::new()?));
    }
    list.push(Box::new(fields::Fields::new(any_name)?));
    list.push(Box::new(database::Database::new()?));
    Ok(list)
}

/// The name of a user's rule for as long as the process lives: remarks and metrics hold names of rules without copies. Each name is
/// kept once, however often a configuration is compiled.
fn intern(name: &str) -> &'static str {
    static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut names = NAMES.lock();
    if let Some(known) = names.get(name) {
        return known;
    }
    let name: &'static str = Box::leak(name.to_owned().into_boxed_str());
    names.insert(name);
    name
}

/// The tables as text, for the digest of the rules in force.
pub(crate) fn tables() -> String {
    let ids: Vec<_> = ids().map(|id| (id.name, id.words, id.pattern)).collect();
    format!("{ISSUERS:?}{:?}{:?}{ids:?}{:?}", SERVICES, WORDS, pairs::NAMES)
}
