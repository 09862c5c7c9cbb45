//! Component ids (`type` or `type/name`) and the maps that hold components by id.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// `type` or `type/name`, as in `bundle/main`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComponentId {
    /// The component's type: `otlp`, `bundle`.
    pub kind: String,
    /// Its name where there are several of a type; empty otherwise.
    pub name: String,
}

impl FromStr for ComponentId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, name) = text.split_once('/').unwrap_or((text, ""));
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-' || c == '.';
        if kind.is_empty() || !kind.chars().all(legal) || (text.contains('/') && name.trim().is_empty()) {
            return Err(format!("`{text}` is not a component id: write `type` or `type/name`"));
        }
        Ok(Self { kind: kind.to_owned(), name: name.to_owned() })
    }
}

impl fmt::Display for ComponentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        if !self.name.is_empty() {
            write!(f, "/{}", self.name)?;
        }
        Ok(())
    }
}

impl Serialize for ComponentId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ComponentId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for ComponentId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ComponentId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "examples": ["otlp", "bundle/main"]})
    }
}

/// One kind of component (receiver, exporter, …): an enum with a variant for each type there is.
pub trait Component: Sized + Serialize {
    /// `receiver`, `exporter`: for messages.
    const CLASS: &'static str;
    /// The types there are.
    const TYPES: &'static [&'static str];

    /// Reads the settings of a component of type `kind`. An empty value (`otlp:`) means all defaults.
    ///
    /// # Errors
    /// If `kind` is not one of [`Component::TYPES`], or its settings do not deserialise.
    fn next_value<'de, A: MapAccess<'de>>(kind: &str, map: &mut A) -> Result<Self, A::Error>;

    /// The JSON Schema of a component of type `kind`.
    fn schema_of(kind: &str, generator: &mut schemars::SchemaGenerator) -> schemars::Schema;
}

/// Components of one class by id, in order of id.
#[derive(Debug, Clone, PartialEq)]
pub struct Components<T>(pub BTreeMap<ComponentId, T>);

impl<T> Default for Components<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: Serialize> Serialize for Components<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(id, component)| (id.to_string(), component)))
    }
}

impl<'de, T: Component> Deserialize<'de> for Components<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read<T>(PhantomData<T>);
        impl<'de, T: Component> Visitor<'de> for Read<T> {
            type Value = Components<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a map of {}s by id", T::CLASS)
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Components::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut components = BTreeMap::new();
                while let Some(id) = map.next_key::<ComponentId>()? {
                    let component = T::next_value(&id.kind, &mut map)?;
                    if components.contains_key(&id) {
                        return Err(A::Error::custom(format!("{} `{id}` is defined twice", T::CLASS)));
                    }
                    components.insert(id, component);
                }
                Ok(Components(components))
            }
        }
        deserializer.deserialize_map(Read(PhantomData))
    }
}

impl<T: Component> JsonSchema for Components<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("{}s", T::CLASS).into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let patterns: serde_json::Map<String, serde_json::Value> =
            T::TYPES.iter().map(|kind| (format!("^{kind}(/.+)?$"), T::schema_of(kind, generator).to_value())).collect();
        schemars::json_schema!({"type": ["object", "null"], "patternProperties": patterns, "additionalProperties": false})
    }
}

/// Implements [`Component`] for an enum whose variants each hold one settings type.
macro_rules! components {
    ($enum:ident, $class:literal, { $($kind:literal => $variant:ident($settings:ty)),+ $(,)? }) => {
        impl $crate::config::component::Component for $enum {
            const CLASS: &'static str = $class;
            const TYPES: &'static [&'static str] = &[$($kind),+];

            fn next_value<'de, A: serde::de::MapAccess<'de>>(kind: &str, map: &mut A) -> Result<Self, A::Error> {
                match kind {
                    $($kind => Ok(Self::$variant(map.next_value::<Option<$settings>>()?.unwrap_or_default())),)+
                    _ => Err(serde::de::Error::unknown_variant(kind, Self::TYPES)),
                }
            }

            fn schema_of(kind: &str, generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                match kind {
                    $($kind => generator.subschema_for::<Option<$settings>>(),)+
                    _ => schemars::Schema::from(false),
                }
            }
        }
    };
}
pub(crate) use components;
