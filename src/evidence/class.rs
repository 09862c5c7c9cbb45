//! The class of a failure: what kind of fault it is likely to be, told by signs that runtimes and libraries put down.
//!
//! [`SIGNS`] is all there is to know: a class and what tells it, in the order that they are looked for. A failure without a sign is a `crash`
//! where an exception was recorded, an `error` where something said that it failed, and `performance` where it only took long. Classes are for those
//! who read a bundle; a fingerprint does not depend on them.

use crate::model::Exception;

/// What tells a class.
struct Signs {
    class: &'static str,
    /// Types of exceptions: the last part of their name.
    types: &'static [&'static str],
    /// What a message says, in small letters.
    words: &'static [&'static str],
}

/// The signs of each class.
const SIGNS: &[Signs] = &[
    Signs {
        class: "concurrency",
        types: &[
            "ConcurrentModificationException",
            "DeadlockDetected",
            "DeadlockLoserDataAccessException",
            "LockRecursionException",
            "SynchronizationLockException",
            "IllegalMonitorStateException",
            "BrokenBarrierException",
            "PoisonError",
            "BorrowMutError",
            "SerializationFailure",
            "OptimisticLockException",
            "StaleObjectStateException",
            "StaleObjectError",
            "DbUpdateConcurrencyException",
        ],
        words: &[
            "data race",
            "deadlock",
            "concurrent map",
            "all goroutines are asleep",
            "close of closed channel",
            "send on closed channel",
            "negative waitgroup counter",
            "unlock of unlocked mutex",
            "sync: unlock of unlocked",
            "dictionary changed size during iteration",
            "set changed size during iteration",
            "deque mutated during iteration",
            "collection was modified; enumeration operation",
            "could not serialize access due to",
            "lock wait timeout exceeded",
        ],
    },
    Signs {
        class: "leak",
        types: &[
            "OutOfMemoryError",
            "OutOfMemoryException",
            "MemoryError",
            "NoMemoryError",
            "bad_alloc",
            "InsufficientMemoryException",
        ],
        words: &[
            "out of memory",
            "heap limit",
            "java heap space",
            "gc overhead limit exceeded",
            "unable to create native thread",
            "cannot allocate memory",
            "memory allocation of",
            "allowed memory size of",
            "oomkilled",
            "too many open files",
            "detected memory leaks",
            "remaining connection slots are reserved",
            "connection pool exhausted",
            "maxlisteners exceeded",
        ],
    },
    Signs {
        class: "schema_drift",
        types: &[
            "JSONDecodeError",
            "JsonMappingException",
            "JsonParseException",
            "JsonSyntaxException",
            "UnrecognizedPropertyException",
            "InvalidFormatException",
            "MismatchedInputException",
            "InvalidDefinitionException",
            "ValidationError",
            "SchemaValidationError",
            "JsonException",
            "JsonSerializationException",
            "JsonReaderException",
            "ZodError",
            "SerializationException",
            "AvroTypeException",
            "InvalidProtocolBufferException",
            "DecodeError",
            "UndefinedColumn",
            "UndefinedTable",
        ],
        words: &[
            "missing field",
            "unknown field",
            "missing required field",
            "missing required property",
            "required property",
            "no such column",
            "unknown column",
            "no such table",
            "invalid input value for enum",
            "unknown variant",
            "no enum constant",
            "unknown enum",
            "cannot unmarshal",
            "unexpected token",
            "unexpected end of json input",
            "invalid wire type",
            "unsupported schema version",
        ],
    },
    Signs {
        class: "logic",
        types: &[
            "AssertionError",
            "AssertionException",
            "AssertionFailedError",
            "InvariantViolationException",
            "UnreachableException",
        ],
        words: &[
            "assertion failed",
            "assertion `",
            "assertion violation",
            "invariant violated",
            "invariant violation",
            "invariant failed",
            "internal error: entered unreachable code",
            "precondition failed",
            "postcondition failed",
            "should never happen",
        ],
    },
];

/// The class by the signs in an exception, those behind it, and what was said where none was recorded; `None` without a sign.
pub(super) fn told(exception: Option<&Exception>, said: &str) -> Option<&'static str> {
    let is_race = |exception: &&Exception| exception.causes.iter().any(|cause| cause.relation == "concurrent");
    if exception.as_ref().is_some_and(is_race) {
        return Some("concurrency");
    }
    let own = exception.map(|exception| (exception.kind.as_deref(), exception.message.as_deref()));
    let behind = exception.into_iter().flat_map(|exception| &exception.causes);
    let chained = behind.filter(|cause| matches!(cause.relation.as_str(), "cause" | "context" | "member"));
    let behind = chained.map(|cause| (cause.kind.as_deref(), cause.message.as_deref()));
    let bare = exception.is_none().then_some((None, Some(said)));
    // What surfaced goes before what it came from.
    own.into_iter().chain(behind).chain(bare).find_map(|(kind, message)| one(kind, message))
}

fn one(kind: Option<&str>, message: Option<&str>) -> Option<&'static str> {
    let name = kind.and_then(|kind| kind.rsplit(['.', ':', '\\', '$', '/']).next()).unwrap_or_default();
    let said = format!("{}\n{}", kind.unwrap_or_default(), message.unwrap_or_default()).to_lowercase();
    let fits = |signs: &&Signs| {
        signs.types.iter().any(|of| of.eq_ignore_ascii_case(name)) || signs.words.iter().any(|word| said.contains(word))
    };
    SIGNS.iter().find(fits).map(|signs| signs.class)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Cause;

    fn class(kind: &str, message: &str) -> Option<&'static str> {
        let exception =
            Exception { kind: Some(kind.to_owned()), message: Some(message.to_owned()), ..Exception::default() };
        told(Some(&exception), "")
    }

    #[test]
    fn signs_of_runtimes_tell_the_class_and_ordinary_failures_have_none() {
        for (kind, message, expected) in [
            ("java.util.ConcurrentModificationException", "", Some("concurrency")),
            ("fatal error", "concurrent map read and map write", Some("concurrency")),
            ("RuntimeError", "dictionary changed size during iteration", Some("concurrency")),
            ("psycopg2.errors.DeadlockDetected", "deadlock detected", Some("concurrency")),
            ("java.lang.OutOfMemoryError", "Java heap space", Some("leak")),
            ("FATAL ERROR", "Reached heap limit Allocation failed - JavaScript heap out of memory", Some("leak")),
            ("OSError", "[Errno 24] Too many open files: 'x'", Some("leak")),
            ("com.fasterxml.jackson.databind.exc.UnrecognizedPropertyException", "", Some("schema_drift")),
            ("pydantic_core._pydantic_core.ValidationError", "1 validation error for Cart", Some("schema_drift")),
            ("serde_json::Error", "unknown variant `gold`, expected `silver`", Some("schema_drift")),
            ("java.lang.IllegalArgumentException", "No enum constant com.acme.Tier.GOLD", Some("schema_drift")),
            ("AssertionError", "", Some("logic")),
            ("panic", "assertion `left == right` failed", Some("logic")),
            ("ValueError", "could not convert string to float: 'x'", None),
            ("java.lang.NullPointerException", "", None),
            ("TypeError", "Cannot read properties of undefined (reading 'total')", None),
            ("MyAssertionErrorHandler", "", None),
            ("IOError", "release notes", None),
        ] {
            assert_eq!(class(kind, message), expected, "{kind}: {message}");
        }
    }

    #[test]
    fn what_was_said_counts_without_an_exception_and_what_is_behind_one_after_it() {
        assert_eq!(told(None, "transaction aborted: Deadlock found when trying to get lock"), Some("concurrency"));
        assert_eq!(told(None, "upstream answered 500"), None);
        let cause = |relation: &str| Cause {
            kind: Some("MemoryError".to_owned()),
            relation: relation.to_owned(),
            ..Cause::default()
        };
        let with = |kind: &str, relation| Exception {
            kind: Some(kind.to_owned()),
            causes: vec![cause(relation)],
            ..Exception::default()
        };
        assert_eq!(told(Some(&with("RuntimeError", "cause")), ""), Some("leak"));
        assert_eq!(told(Some(&with("AssertionError", "cause")), ""), Some("logic"));
        assert_eq!(told(Some(&with("RuntimeError", "suppressed")), ""), None);
        assert_eq!(
            told(Some(&with("RuntimeError", "concurrent")), ""),
            Some("concurrency"),
            "the other access of a race"
        );
    }
}
