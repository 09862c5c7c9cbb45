//! What the value of an attribute is, by its key.
//!
//! The table is the OpenTelemetry semantic conventions' attribute registry
//! (<https://opentelemetry.io/docs/specs/semconv/registry/attributes/>, 1.37, and the names that it deprecates, which
//! instrumentations still send), judged by what the attribute is defined to hold. A key that is not in it is withheld.

use std::collections::BTreeSet;

use regex::RegexSet;

/// What to do with the value of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyClass {
    /// The user wants it as it is.
    Raw,
    /// Classed as safe or allowed: detectors run.
    Content,
    /// A URL, path or query: detectors run, query parameters are judged by their names.
    Url,
    /// A database statement: its literals go.
    Statement,
    /// Who somebody is: a token of the whole.
    User,
    /// What somebody is called: a token of the whole.
    Name,
    /// A number of the health system: a token of the whole.
    Health,
    /// An id that could be used or followed: a token of the whole.
    Opaque,
    /// A key that tells a secret.
    Blocked,
    /// A key that nobody has classed.
    Unknown,
}

use KeyClass as K;

/// Exact keys, and namespaces (ending in `.`). The longest that fits decides.
const REGISTRY: &[(&str, KeyClass)] = &[
    ("android.", K::Content),
    ("app.build_id", K::Content),
    ("app.widget.", K::Content),
    ("artifact.", K::Content),
    ("aspnetcore.", K::Content),
    ("aspnetcore.user.", K::Unknown),
    ("aws.", K::Content),
    ("aws.request_id", K::Content),
    ("aws.extended_request_id", K::Content),
    ("aws.s3.key", K::Url),
    ("aws.s3.copy_source", K::Url),
    ("aws.dynamodb.scan_filter", K::Unknown),
    ("aws.dynamodb.projection", K::Content),
    ("az.", K::Content),
    ("azure.", K::Content),
    ("browser.", K::Content),
    ("cassandra.", K::Content),
    ("cicd.", K::Content),
    ("client.address", K::Content),
    ("client.port", K::Content),
    ("client.socket.", K::Content),
    ("cloud.", K::Content),
    ("cloud.account.id", K::Content),
    ("cloudevents.", K::Content),
    ("cloudfoundry.", K::Content),
    ("code.", K::Content),
    ("container.", K::Content),
    ("container.command_args", K::Content),
    ("cpu.", K::Content),
    ("db.system", K::Content),
    ("db.system.name", K::Content),
    ("db.namespace", K::Content),
    ("db.name", K::Content),
    ("db.operation", K::Content),
    ("db.operation.name", K::Content),
    ("db.operation.batch.size", K::Content),
    ("db.operation.parameter.", K::Unknown),
    ("db.query.parameter.", K::Unknown),
    ("db.collection.name", K::Content),
    ("db.stored_procedure.name", K::Content),
    ("db.query.summary", K::Content),
    ("db.query.text", K::Statement),
    ("db.statement", K::Statement),
    ("db.response.", K::Content),
    ("db.sql.table", K::Content),
    ("db.client.", K::Content),
    ("db.cassandra.", K::Content),
    ("db.cosmosdb.", K::Content),
    ("db.elasticsearch.node.name", K::Content),
    ("db.elasticsearch.cluster.name", K::Content),
    ("db.instance.id", K::Content),
    ("db.jdbc.driver_classname", K::Content),
    ("db.mongodb.collection", K::Content),
    ("db.mssql.instance_name", K::Content),
    ("db.redis.database_index", K::Content),
    ("db.connection_string", K::Url),
    ("db.user", K::User),
    ("deployment.", K::Content),
    ("destination.address", K::Content),
    ("destination.port", K::Content),
    ("device.id", K::Opaque),
    ("device.manufacturer", K::Content),
    ("device.model.", K::Content),
    ("disk.", K::Content),
    ("dns.", K::Content),
    ("dotnet.", K::Content),
    ("elasticsearch.", K::Content),
    ("enduser.id", K::User),
    ("enduser.pseudo.id", K::User),
    ("enduser.role", K::Content),
    ("enduser.scope", K::Content),
    ("error.type", K::Content),
    ("error.message", K::Content),
    ("event.name", K::Content),
    ("event.domain", K::Content),
    ("exception.", K::Content),
    ("faas.", K::Content),
    ("faas.document.name", K::Url),
    ("feature_flag.", K::Content),
    ("feature_flag.context.id", K::Opaque),
    ("file.", K::Content),
    ("file.owner.", K::User),
    ("gcp.", K::Content),
    ("gen_ai.system", K::Content),
    ("gen_ai.provider.name", K::Content),
    ("gen_ai.operation.name", K::Content),
    ("gen_ai.request.", K::Content),
    ("gen_ai.response.", K::Content),
    ("gen_ai.usage.", K::Content),
    ("gen_ai.token.type", K::Content),
    ("gen_ai.output.type", K::Content),
    ("gen_ai.agent.", K::Content),
    ("gen_ai.tool.name", K::Content),
    ("gen_ai.tool.type", K::Content),
    ("gen_ai.tool.call.id", K::Content),
    ("gen_ai.conversation.id", K::Opaque),
    ("geo.continent.code", K::Content),
    ("geo.country.iso_code", K::Content),
    ("go.", K::Content),
    ("graphql.operation.", K::Content),
    ("heroku.", K::Content),
    ("host.", K::Content),
    ("host.id", K::Content),
    ("host.mac", K::Opaque),
    ("http.method", K::Content),
    ("http.request.method", K::Content),
    ("http.request.method_original", K::Content),
    ("http.request.body.size", K::Content),
    ("http.request.size", K::Content),
    ("http.request.resend_count", K::Content),
    ("http.request_content_length", K::Content),
    ("http.request_content_length_uncompressed", K::Content),
    ("http.resend_count", K::Content),
    ("http.response.body.size", K::Content),
    ("http.response.size", K::Content),
    ("http.response.status_code", K::Content),
    ("http.response_content_length", K::Content),
    ("http.response_content_length_uncompressed", K::Content),
    ("http.status_code", K::Content),
    ("http.status_text", K::Content),
    ("http.connection.state", K::Content),
    ("http.route", K::Content),
    ("http.scheme", K::Content),
    ("http.flavor", K::Content),
    ("http.host", K::Content),
    ("http.server_name", K::Content),
    ("http.client_ip", K::Content),
    ("http.target", K::Url),
    ("http.url", K::Url),
    ("http.user_agent", K::Content),
    ("hw.", K::Content),
    ("ios.", K::Content),
    ("jvm.", K::Content),
    ("k8s.", K::Content),
    ("level", K::Content),
    ("linux.", K::Content),
    ("log.", K::Content),
    ("logger.name", K::Content),
    ("mainframe.", K::Content),
    ("message.id", K::Content),
    ("message.type", K::Content),
    ("messaging.", K::Content),
    ("messaging.kafka.message.key", K::Opaque),
    ("messaging.rocketmq.message.keys", K::Opaque),
    ("net.", K::Content),
    ("network.", K::Content),
    ("nodejs.", K::Content),
    ("oci.", K::Content),
    ("opencensus.", K::Content),
    ("opentracing.", K::Content),
    ("os.", K::Content),
    ("otel.", K::Content),
    ("peer.service", K::Content),
    ("pool.name", K::Content),
    ("process.", K::Content),
    ("process.environment_variable.", K::Unknown),
    ("process.owner", K::User),
    ("process.user.name", K::User),
    ("process.real_user.name", K::User),
    ("process.saved_user.name", K::User),
    ("profile.", K::Content),
    ("rpc.", K::Content),
    ("rpc.request.metadata.", K::Unknown),
    ("rpc.response.metadata.", K::Unknown),
    ("rpc.grpc.request.metadata.", K::Unknown),
    ("rpc.grpc.response.metadata.", K::Unknown),
    ("rpc.connect_rpc.request.metadata.", K::Unknown),
    ("rpc.connect_rpc.response.metadata.", K::Unknown),
    ("rpc.jsonrpc.error_message", K::Content),
    ("security_rule.", K::Content),
    ("server.address", K::Content),
    ("server.port", K::Content),
    ("service.", K::Content),
    ("session.id", K::Opaque),
    ("session.previous_id", K::Opaque),
    ("signalr.", K::Content),
    ("source.address", K::Content),
    ("source.port", K::Content),
    ("state", K::Content),
    ("system.", K::Content),
    ("telemetry.", K::Content),
    ("test.", K::Content),
    ("thread.", K::Content),
    ("timezone", K::Content),
    ("tls.", K::Content),
    ("tls.client.subject", K::Name),
    ("tls.client.certificate", K::Blocked),
    ("tls.client.certificate_chain", K::Blocked),
    ("tls.server.certificate", K::Blocked),
    ("tls.server.certificate_chain", K::Blocked),
    ("url.domain", K::Content),
    ("url.extension", K::Content),
    ("url.fragment", K::Url),
    ("url.full", K::Url),
    ("url.original", K::Url),
    ("url.path", K::Url),
    ("url.port", K::Content),
    ("url.query", K::Url),
    ("url.registered_domain", K::Content),
    ("url.scheme", K::Content),
    ("url.subdomain", K::Content),
    ("url.template", K::Content),
    ("url.top_level_domain", K::Content),
    ("user.email", K::User),
    ("user.full_name", K::Name),
    ("user.hash", K::User),
    ("user.id", K::User),
    ("user.name", K::User),
    ("user.roles", K::Content),
    ("user_agent.", K::Content),
    ("v8js.", K::Content),
    ("vcs.", K::Content),
    ("vcs.repository.url.full", K::Url),
    ("webengine.", K::Content),
    ("zos.", K::Content),
];

/// Headers that say how a request was made, not by whom: the fields of RFC 9110 and RFC 9111 and those of tracing.
const HEADERS: &[(&str, KeyClass)] = &[
    ("accept", K::Content),
    ("accept-encoding", K::Content),
    ("accept-language", K::Content),
    ("access-control-request-headers", K::Content),
    ("access-control-request-method", K::Content),
    ("age", K::Content),
    ("allow", K::Content),
    ("baggage", K::Content),
    ("cache-control", K::Content),
    ("connection", K::Content),
    ("content-disposition", K::Content),
    ("content-encoding", K::Content),
    ("content-language", K::Content),
    ("content-length", K::Content),
    ("content-location", K::Url),
    ("content-range", K::Content),
    ("content-type", K::Content),
    ("date", K::Content),
    ("etag", K::Content),
    ("expect", K::Content),
    ("expires", K::Content),
    ("forwarded", K::Content),
    ("host", K::Content),
    ("if-match", K::Content),
    ("if-modified-since", K::Content),
    ("if-none-match", K::Content),
    ("if-unmodified-since", K::Content),
    ("last-modified", K::Content),
    ("location", K::Url),
    ("origin", K::Url),
    ("pragma", K::Content),
    ("range", K::Content),
    ("referer", K::Url),
    ("retry-after", K::Content),
    ("server", K::Content),
    ("te", K::Content),
    ("traceparent", K::Content),
    ("tracestate", K::Content),
    ("transfer-encoding", K::Content),
    ("upgrade", K::Content),
    ("user-agent", K::Content),
    ("vary", K::Content),
    ("via", K::Content),
    ("x-correlation-id", K::Content),
    ("x-forwarded-for", K::Content),
    ("x-forwarded-host", K::Content),
    ("x-forwarded-proto", K::Content),
    ("x-real-ip", K::Content),
    ("x-request-id", K::Content),
];

/// Namespaces whose keys end in the name of a header or of RPC metadata.
const HEADER_NAMESPACES: &[&str] = &[
    "http.request.header.",
    "http.response.header.",
    "rpc.request.metadata.",
    "rpc.response.metadata.",
    "rpc.grpc.request.metadata.",
    "rpc.grpc.response.metadata.",
    "rpc.connect_rpc.request.metadata.",
    "rpc.connect_rpc.response.metadata.",
];

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

/// Keys whose values are withheld, whoever sends them. The user's patterns come beside them.
const BLOCKED: &str = r"(?i)token|secret|passw|passphrase|pwd|authorization|cookie|api[-_.]?key|access[-_.]?key|credential|private[-_.]?key|session|\bcvv|\bcvc|\bpin\b|\botp\b|\bssn\b";

/// Keys of health identifiers (45 CFR 164.514(b)(2)(i)).
const HEALTH: &str = r"(?i)(?:^|[._-])(?:mrn|medical[._-]?record|patient[._-]?(?:id|number|no)|(?:health[._-]?)?insurance[._-]?(?:id|number|no)|health[._-]?plan|medicare|medicaid|nhs[._-]?number)";

/// The rules of keys, the user's among them.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) allow_all: bool,
    pub(crate) allowed: BTreeSet<String>,
    pub(crate) ignored: BTreeSet<String>,
    /// The user's patterns of blocked keys.
    pub(crate) blocked: RegexSet,
    /// The patterns that are always there: blocked, health.
    defaults: RegexSet,
    health: bool,
}

impl Keys {
    pub(crate) fn new(
        allow_all: bool,
        allowed: &[String],
        ignored: &[String],
        blocked: RegexSet,
        health: bool,
    ) -> Result<Self, String> {
        Ok(Self {
            allow_all,
            allowed: allowed.iter().cloned().collect(),
            ignored: ignored.iter().cloned().collect(),
            blocked,
            defaults: RegexSet::new([BLOCKED, HEALTH]).map_err(|error| error.to_string())?,
            health,
        })
    }

    /// The class of an attribute.
    pub(crate) fn attribute(&self, key: &str) -> KeyClass {
        self.named(key).unwrap_or_else(|| match registered(key) {
            Some((KeyClass::Unknown, _)) | None => self.unregistered(key),
            // A namespace takes in keys that are made up as one goes: `k8s.pod.label.api-token`.
            Some((_, Fit::Namespace)) if self.defaults.matches(key).matched(0) => KeyClass::Blocked,
            Some((class, _)) => class,
        })
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

    /// The class of a header.
    pub(crate) fn header(&self, name: &str) -> KeyClass {
        self.named(name).unwrap_or_else(|| match header(name) {
            Some(class) => class,
            None => self.attribute(name),
        })
    }

    /// The class of an environment variable.
    pub(crate) fn variable(&self, name: &str) -> KeyClass {
        let is_known = || {
            VARIABLES.iter().any(|known| match known.strip_suffix('*') {
                Some(prefix) => name.starts_with(prefix),
                None => name == *known,
            })
        };
        self.named(name).unwrap_or_else(|| if is_known() { KeyClass::Content } else { self.unregistered(name) })
    }

    /// The class of a name that the program or its user gave: content, unless it tells what it holds.
    pub(crate) fn content(&self, name: &str) -> KeyClass {
        self.named(name).unwrap_or_else(|| match self.unregistered(name) {
            KeyClass::Unknown => KeyClass::Content,
            class => class,
        })
    }

    /// What the user says about a key. A key that is allowed by its whole name is meant, whatever a pattern says.
    fn named(&self, key: &str) -> Option<KeyClass> {
        if self.ignored.contains(key) {
            Some(KeyClass::Raw)
        } else if self.blocked.is_match(key) {
            Some(KeyClass::Blocked)
        } else if self.allowed.contains(key) {
            Some(KeyClass::Content)
        } else {
            None
        }
    }

    fn unregistered(&self, key: &str) -> KeyClass {
        let matched = self.defaults.matches(key);
        if matched.matched(0) {
            KeyClass::Blocked
        } else if self.health && matched.matched(1) {
            KeyClass::Health
        } else if self.allow_all {
            KeyClass::Content
        } else {
            KeyClass::Unknown
        }
    }
}

/// How much of a key the registry knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    Exact,
    Namespace,
}

fn registered(key: &str) -> Option<(KeyClass, Fit)> {
    if let Some(name) = HEADER_NAMESPACES.iter().find_map(|namespace| key.strip_prefix(namespace)) {
        return header(name).map(|class| (class, Fit::Exact));
    }
    let fits = |entry: &&(&str, KeyClass)| key == entry.0 || entry.0.ends_with('.') && key.starts_with(entry.0);
    let (name, class) = REGISTRY.iter().filter(fits).max_by_key(|(name, _)| name.len())?;
    // Models count tokens that are no secrets.
    let is_exact = name.len() == key.len() || name.starts_with("gen_ai.");
    Some((*class, if is_exact { Fit::Exact } else { Fit::Namespace }))
}

fn header(name: &str) -> Option<KeyClass> {
    // Instrumentations write `content_type` for `content-type`.
    let name = name.to_ascii_lowercase().replace('_', "-");
    HEADERS.iter().find(|(known, _)| *known == name).map(|(_, class)| *class)
}

/// The tables as text, for the digest of the rules in force.
pub(crate) fn tables() -> String {
    format!("{REGISTRY:?}{HEADERS:?}{HEADER_NAMESPACES:?}{VARIABLES:?}{BLOCKED}{HEALTH}")
}
