//! Casefile turns production failures seen through OpenTelemetry into evidence.
//!
//! # The path of a trace through Casefile
//!
//! A service fails, and its SDK (or a Collector) exports the spans and log records of the request over OTLP.
//!
//! 1. [`transport`] accepts the connection, speaks TLS, and tells whose a request is. [`receiver`] takes a request's raw bytes off the wire, inflates them within bounds, and lets [`otlp`] walk them once.
//!    The walk notes a few facts about each record (ids, times, status, severity, whether it speaks of an exception) and
//!    where its bytes are. Nothing is decoded. Records with invalid ids are refused one by one, malformed requests whole.
//! 2. [`pipeline::Core::admit`] takes the request's bytes out of the byte budget, or refuses it with a retryable code; then
//!    it counts the records in ([`model::Ledger`]) and puts each into the [`window`] of the shard that its trace id names.
//!    From here on every record is owed an outcome ([`model::Tracked`]), and the client is answered.
//! 3. [`sampling`] looks at each record as it comes: one that a policy would keep by itself *triggers* its trace. The
//!    [`window`] closes a triggered trace `decision_wait` later, and lets untriggered ones expire by age.
//! 4. The closed trace is decided. Not sampled is the end of most. A sampled one goes on to [`evidence`], which decodes it,
//!    drops what came twice, finds the span that failed first, and builds the [`model::Case`]: exception, frames, logs
//!    (whose repetition [`templates`] tells), environment, inputs, incident, and the files that were sent with it, which [`attachments`] reads.
//! 5. [`redact`] goes over every field, keys included. Its [`redact::RedactedCase`] can be made nowhere else.
//! 6. [`bundle`] makes the one canonical document of it, in bytes. Where raw evidence is kept, it encrypts the records to
//!    those who may read them.
//! 7. [`exporter`] writes what is encrypted, then the document, then its signed manifest, which is the commit marker; then the records have their
//!    outcome. A full queue makes decisions wait, so the windows grow, so the budget refuses input.
//! 8. [`agent`] and the commands of [`cli`] read stores: for people, and for repair agents.
//!
//! A gateway ([`pipeline::Gateway`]) has the first of these steps alone: it splits what came by trace and writes it to Kafka, where other
//! processes read it.
//!
//! # Invariants
//!
//! - **Nothing vanishes**: accepted = bundled + not sampled + dropped for a counted reason + pending.
//! - **Nothing unredacted leaves**: by type, and a redactor that fails holds the bundle back. What is encrypted to a key's
//!   holder has a type of its own ([`bundle::SealedRaw`]).
//! - **Determinism**: same records, configuration and version, same bytes. Between receiver and exporter there is no clock,
//!   no randomness and no thread: time is an argument.
//! - **Never decode what you will drop.**
//! - **Bounded**: bytes, counts, queues, retries, time.
//!
//! `ARCHITECTURE.md` gives the layers; `tests/layers.rs` holds the imports to them.

/// What a bundle is made of is many small texts, which live and die together: in the C library's allocator they cost a quarter of its
/// making. Without huge pages: the system may make a load wait for them (100 ms at 400,000 spans a second), and they take memory that
/// nobody asked for.
#[cfg(not(fuzzing))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Has the allocator give back to the system what has been free for a tenth of a second, unless `MIMALLOC_PURGE_DELAY` says otherwise. By its own
/// default it keeps that for a second, and where windows let go of large requests this is a fifth of `memory_limiter.limit_mib`.
#[cfg(not(fuzzing))]
pub(crate) fn give_back_soon() {
    /// `mi_option_purge_delay` in mimalloc's header, of versions 2 and 3.
    const PURGE_DELAY: std::ffi::c_int = 15;
    const MILLISECONDS: std::ffi::c_long = 100;
    mi_option_set_default(PURGE_DELAY, MILLISECONDS);
}

/// Has the allocator give back to the system whatever of this thread's memory is free, at once: of what it took to start.
#[cfg(not(fuzzing))]
pub(crate) fn give_back() {
    mi_collect(true);
}

#[cfg(not(fuzzing))]
#[expect(
    unsafe_code,
    reason = "mimalloc has no other door to these; both may be called at any time, the first with any two numbers"
)]
// SAFETY: the signatures are those of `mimalloc.h`, whose enumerations are of type `int`; a number that is no option's is ignored.
unsafe extern "C" {
    safe fn mi_option_set_default(option: std::ffi::c_int, value: std::ffi::c_long);
    safe fn mi_collect(force: bool);
}

pub mod agent;
pub mod alerts;
pub mod attachments;
pub mod bundle;
pub mod cli;
pub mod config;
pub mod evidence;
pub mod exporter;
pub mod model;
pub mod otlp;
pub mod pipeline;
pub mod receiver;
pub mod redact;
pub mod sampling;
pub mod symbols;
pub mod telemetry;
pub mod templates;
pub mod transport;
pub mod window;
