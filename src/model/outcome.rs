//! What becomes of a record. Every accepted record ends as exactly one [`Outcome`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The end of an accepted record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// Listed in the manifest of a stored bundle (shown in it or not).
    Bundled,
    /// Its trace was decided and no policy wanted it, or it expired untriggered.
    NotSampled,
    /// Lost on purpose, for a reason that is counted.
    Dropped(DropReason),
    /// Not decided when the process was asked to stop, and kept on disk or in Kafka: the next start takes it up.
    Carried,
    /// Read once more from Kafka, so that traces are whole, and of a trace that had its outcome before.
    Reread,
}

impl Outcome {
    /// The value of the `outcome` label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bundled => "bundled",
            Self::NotSampled => "not_sampled",
            Self::Dropped(_) => "dropped",
            Self::Carried => "carried",
            Self::Reread => "reread",
        }
    }
}

/// Why an accepted record ended without a verdict of the policies, or a sampled one outside the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DropReason {
    /// A log record without a trace id that no bundle took in while it was held.
    NoTraceId,
    /// The same record again (equal digest, or the same span id with equal content), delivered twice.
    Duplicate,
    /// A `drop` policy matched its trace.
    DropPolicy,
    /// Its incident already has `incidents.max_bundles` bundles in the current period.
    IncidentLimit,
    /// The trace was sampled, but its evidence could not be assembled.
    EvidenceFailed,
    /// The redactor failed, so the bundle was held back.
    RedactionFailed,
    /// The redactor runs dry: it reports what it would do, and nothing is written.
    DryRun,
    /// A store refused the bundle or its raw evidence for good, or retries were used up.
    ExportFailed,
    /// The drain deadline passed at shutdown before the bundle was stored.
    ShutdownDeadline,
}

impl DropReason {
    /// All reasons, in the order of their names in the metric reference.
    pub const ALL: [Self; 9] = [
        Self::NoTraceId,
        Self::Duplicate,
        Self::DropPolicy,
        Self::IncidentLimit,
        Self::EvidenceFailed,
        Self::RedactionFailed,
        Self::DryRun,
        Self::ExportFailed,
        Self::ShutdownDeadline,
    ];

    /// The value of the `reason` label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoTraceId => "no_trace_id",
            Self::Duplicate => "duplicate",
            Self::DropPolicy => "drop_policy",
            Self::IncidentLimit => "incident_limit",
            Self::EvidenceFailed => "evidence_failed",
            Self::RedactionFailed => "redaction_failed",
            Self::DryRun => "dry_run",
            Self::ExportFailed => "export_failed",
            Self::ShutdownDeadline => "shutdown_deadline",
        }
    }
}

/// Why a trace left the window. Written in the manifest, not in the bundle: it depends on when, not on what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// `decision_wait` passed since the trigger.
    DecisionWait,
    /// The root ended and `decision_wait_after_root_received` passed.
    RootReceived,
    /// `window.retention` passed and nothing triggered.
    Retention,
    /// The trace failed, and `window.max_records_per_trace` of its records were held: what comes after them is an amendment.
    TraceLimit,
    /// The byte budget ran short: the oldest are decided first.
    Pressure,
    /// It came after its trace was decided. Of a sampled trace: an amendment. Of one that was not sampled, and then failed: a bundle of
    /// what was still there.
    Late,
    /// The process was asked to stop.
    Shutdown,
    /// The recording that is replayed came to its end.
    EndOfInput,
}

impl CloseReason {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::DecisionWait,
        Self::RootReceived,
        Self::Retention,
        Self::TraceLimit,
        Self::Pressure,
        Self::Late,
        Self::Shutdown,
        Self::EndOfInput,
    ];

    /// The name used in manifests and metric labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DecisionWait => "decision_wait",
            Self::RootReceived => "root_received",
            Self::Retention => "retention",
            Self::TraceLimit => "trace_limit",
            Self::Pressure => "pressure",
            Self::Late => "late",
            Self::Shutdown => "shutdown",
            Self::EndOfInput => "end_of_input",
        }
    }
}

/// What the policies say about a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Keep it; the name of the first policy that asked for it.
    Sampled {
        /// The policy's `name`.
        policy: std::sync::Arc<str>,
    },
    /// No policy wanted it.
    NotSampled,
    /// A `drop` policy matched: it is dropped whatever others say.
    Dropped {
        /// The policy's `name`.
        policy: std::sync::Arc<str>,
    },
}
