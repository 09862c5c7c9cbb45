//! What the configuration wants done with each class.

use std::collections::BTreeMap;

use super::registry::Field;
use super::token::Class;
use crate::config::{ClassAction, Problem, RedactionClass};

/// What becomes of what is found, by its class, and of attributes whose values are no token's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Actions {
    /// In the order of [`Class::ALL`].
    classes: [ClassAction; Class::ALL.len()],
    withholds_content: bool,
    withholds_metadata: bool,
}

impl Default for Actions {
    fn default() -> Self {
        Self { classes: [ClassAction::Token; Class::ALL.len()], withholds_content: false, withholds_metadata: false }
    }
}

impl Actions {
    /// The actions of `base`, with those of `configured` in their place. What is wrong goes to `problems`, each with the path of its
    /// line under `path`.
    pub(crate) fn with(
        base: &Self,
        configured: &BTreeMap<RedactionClass, ClassAction>,
        path: &str,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut actions = base.clone();
        // A class by its own name comes after the field class that it is of, whatever the order of the lines.
        let (fields, classes): (Vec<_>, Vec<_>) =
            configured.iter().map(|(class, action)| (*class, *action)).partition(|(class, _)| is_field(*class));
        for (class, action) in fields.into_iter().chain(classes) {
            match refusal(class, action) {
                Some(instead) => {
                    let message = format!("`{}` cannot be `{}`", class.name(), action.name());
                    problems.push(Problem::new(format!("{path}.{}", class.name()), message).instead(instead));
                }
                None => actions.set(class, action),
            }
        }
        actions
    }

    fn set(&mut self, wanted: RedactionClass, action: ClassAction) {
        match wanted {
            RedactionClass::Content => self.withholds_content = action == ClassAction::Withhold,
            RedactionClass::Metadata => self.withholds_metadata = action == ClassAction::Withhold,
            _ => {
                for (class, current) in Class::ALL.iter().zip(&mut self.classes) {
                    let is_meant = match wanted {
                        RedactionClass::Identifiers => !is_secret(*class),
                        RedactionClass::Secrets => is_secret(*class),
                        _ => class.name() == wanted.name(),
                    };
                    if is_meant {
                        *current = action;
                    }
                }
            }
        }
    }

    /// What becomes of a value of this class.
    pub(crate) fn of(&self, class: Class) -> ClassAction {
        let index = Class::ALL.iter().position(|other| *other == class);
        index.and_then(|index| self.classes.get(index)).copied().unwrap_or_default()
    }

    /// Whether an attribute of this field class is withheld whole.
    pub(crate) fn withholds(&self, field: Field) -> bool {
        match field {
            Field::Content => self.withholds_content,
            Field::Metadata => self.withholds_metadata,
            Field::Identifier | Field::Secret => false,
        }
    }
}

fn is_field(class: RedactionClass) -> bool {
    use RedactionClass as R;
    matches!(class, R::Identifiers | R::Secrets | R::Content | R::Metadata)
}

fn is_secret(class: Class) -> bool {
    matches!(class, Class::Secret | Class::UrlCredential)
}

/// What to do instead, where a class cannot be treated so.
fn refusal(class: RedactionClass, action: ClassAction) -> Option<&'static str> {
    use ClassAction as A;
    use RedactionClass as R;
    match (class, action) {
        (R::Secret | R::Secrets | R::UrlCredential, A::Keep) => {
            Some("secrets never stay: name the one attribute in `ignored_keys`, or its value in `allowed_values`")
        }
        (R::Secrets | R::UrlCredential, A::Token) => Some(
            "use `withhold`: a stable token of a password could be guessed; keys of an issuer's form have tokens by `secret: token`",
        ),
        (R::Content | R::Metadata, A::Token) => Some(
            "use `keep` (detectors run) or `withhold`: anything may stand there, and a stable token of a password could be guessed",
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_names_every_class() {
        let named: Vec<&str> =
            RedactionClass::ALL.iter().filter(|class| !is_field(**class)).map(|class| class.name()).collect();
        let known: Vec<&str> = Class::ALL.iter().map(|class| class.name()).collect();
        assert_eq!(named, known);
    }
}
