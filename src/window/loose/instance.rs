//! Which instance of a service a resource speaks of.

use crate::otlp::{Value, attributes_of_resource};

/// The attributes that tell instances apart, as far as a resource has them, each by its value. Services in which every
/// instance is alone need no more than their name.
const KEYS: [&str; 7] = [
    "service.instance.id",
    "k8s.pod.uid",
    "k8s.pod.name",
    "container.id",
    "service.name",
    // Equal in these is no sign of one instance, and different ones are of two.
    "service.namespace",
    "host.name",
];
/// How many of [`KEYS`] are enough to be of one instance, where they are equal.
const TELLING: usize = 5;
const SERVICE_NAME: usize = 4;

/// What a resource says of the instance that it describes.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Instance([Option<Box<[u8]>>; KEYS.len()]);

impl Instance {
    /// That of a resource message. `None` if it says nothing that tells one instance from another.
    pub(super) fn of(resource: &[u8]) -> Option<Self> {
        let mut instance = Self::default();
        for (key, value) in attributes_of_resource(resource) {
            if let (Some(place), Value::String(text)) = (KEYS.iter().position(|known| known.as_bytes() == key), value)
                && !text.is_empty()
                // What SDKs say where nobody has named the service.
                && !(place == SERVICE_NAME && text.starts_with(b"unknown_service"))
            {
                instance.0[place] = Some(text.into());
            }
        }
        instance.0.iter().take(TELLING).any(Option::is_some).then_some(instance)
    }

    /// Whether both may be of one instance: something that tells is equal, and nothing differs.
    pub(super) fn fits(&self, other: &Self) -> bool {
        let both = || self.0.iter().zip(&other.0).enumerate().filter(|(_, (a, b))| a.is_some() && b.is_some());
        both().all(|(_, (a, b))| a == b) && both().any(|(place, _)| place < TELLING)
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
    use opentelemetry_proto::tonic::resource::v1::Resource;
    use prost::Message as _;

    use super::*;

    fn instance(attributes: &[(&str, &str)]) -> Option<Instance> {
        let attributes = attributes.iter().map(|(key, value)| KeyValue {
            key: (*key).to_owned(),
            value: Some(AnyValue { value: Some(any_value::Value::StringValue((*value).to_owned())) }),
            ..KeyValue::default()
        });
        Instance::of(&Resource { attributes: attributes.collect(), ..Resource::default() }.encode_to_vec())
    }

    #[test]
    fn resources_are_of_one_instance_if_something_is_equal_and_nothing_differs() {
        let shop = [("service.name", "shop"), ("service.instance.id", "1"), ("host.name", "a")];
        let one = instance(&shop).unwrap();
        let others: [(&[(&str, &str)], bool); 7] = [
            (&[("service.name", "shop")], true),
            (&[("service.instance.id", "1")], true),
            (&[("service.name", "shop"), ("service.instance.id", "2")], false),
            (&[("service.name", "shop"), ("host.name", "b")], false),
            (&[("service.name", "bank"), ("service.instance.id", "1")], false),
            (&[("k8s.pod.uid", "1"), ("host.name", "a")], false),
            (&[("service.name", "shop"), ("k8s.pod.uid", "x"), ("process.pid", "9")], true),
        ];
        for (other, expected) in others {
            let other = instance(other).unwrap();
            assert_eq!((one.fits(&other), other.fits(&one)), (expected, expected), "{other:?}");
        }
    }

    #[test]
    fn a_resource_that_names_no_instance_is_of_none() {
        assert_eq!(instance(&[]), None);
        assert_eq!(instance(&[("host.name", "a"), ("service.namespace", "x")]), None);
        assert_eq!(instance(&[("service.name", "unknown_service:java"), ("service.instance.id", "")]), None);
    }
}
