//! Who may come in, and for which tenant.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use http::{Extensions, HeaderMap, HeaderName};
use parking_lot::Mutex;
use subtle::{Choice, ConstantTimeEq as _};
use tokio_util::sync::CancellationToken;

use super::reload::{self, Look};
use super::{Peer, tls};
use crate::config::{BearerTokenAuth, Problem, Secret, TenantSource, TenantToken, TokenEntry, is_token};
use crate::model::Tenant;
use crate::telemetry::names;

/// How often files of tokens are looked at: they are short, and a token that is taken back must not work for long.
const LOOK: Duration = Duration::from_secs(1);

/// Why a request is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// It carries no token.
    #[error("a bearer token is needed")]
    Missing,
    /// What stands where a token belongs is none.
    #[error("the bearer token cannot be read: send one header, `Authorization: Bearer <token>`")]
    Malformed,
    /// Its token is not known.
    #[error("the bearer token is not valid")]
    Unknown,
    /// Its client's certificate names no tenant.
    #[error("the client's certificate names no tenant")]
    NoTenant,
    /// Its tenant is not declared here.
    #[error("this tenant is not served here")]
    UnknownTenant,
}

impl Denial {
    /// All of them.
    const ALL: [Self; 5] = [Self::Missing, Self::Malformed, Self::Unknown, Self::NoTenant, Self::UnknownTenant];

    /// The value of the `reason` label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Unknown => "unknown",
            Self::NoTenant => "no_tenant",
            Self::UnknownTenant => "unknown_tenant",
        }
    }

    /// Whether it is known who asks, and they may not: 403 instead of 401.
    #[must_use]
    pub fn is_forbidden(self) -> bool {
        matches!(self, Self::NoTenant | Self::UnknownTenant)
    }
}

/// Who may come in to a server, and for which tenant. By default everybody, for the default tenant.
#[derive(Debug, Clone, Default)]
pub struct Access {
    server: &'static str,
    tokens: Option<Tokens>,
    tenants: Option<TenantSource>,
    default: Tenant,
}

impl Access {
    /// Reads tokens.
    ///
    /// # Errors
    /// If a file cannot be read or holds no token. Paths are relative to the authenticator.
    pub fn open(
        server: &'static str,
        tokens: Option<&BearerTokenAuth>,
        tenants: Option<TenantSource>,
    ) -> Result<Self, Problem> {
        let tokens = tokens.map(|tokens| Tokens::open(server, tokens)).transpose()?;
        let access = Self { server, tokens, tenants, default: Tenant::default() };
        if access.tokens.is_some() || access.tenants.is_some() {
            Denial::ALL.into_iter().for_each(|denial| access.refusals(denial).increment(0));
            reload::begin_counting(names::AUTH_RELOADS, server);
        }
        Ok(access)
    }

    /// Whose a request is.
    ///
    /// # Errors
    /// Why it may not come in; counted.
    pub fn admit(&self, headers: &HeaderMap, extensions: &Extensions) -> Result<Tenant, Denial> {
        self.judge(headers, extensions).inspect_err(|denial| self.count(*denial))
    }

    /// Counts a request that is not let in.
    pub fn count(&self, denial: Denial) {
        self.refusals(denial).increment(1);
    }

    fn refusals(&self, denial: Denial) -> metrics::Counter {
        metrics::counter!(names::AUTH_REFUSED_REQUESTS, "server" => self.server, "reason" => denial.as_str())
    }

    /// Whose a connection is: for requests that are told from others' in another way than by a token.
    ///
    /// # Errors
    /// If its certificate should name a tenant and does not; counted.
    pub fn tenant_of(&self, extensions: &Extensions) -> Result<Tenant, Denial> {
        self.by_certificate(extensions).inspect_err(|denial| self.count(*denial))
    }

    fn judge(&self, headers: &HeaderMap, extensions: &Extensions) -> Result<Tenant, Denial> {
        match self.tokens.as_ref().map(|tokens| tokens.check(headers)).transpose()?.flatten() {
            Some(tenant) => Ok(tenant),
            None => self.by_certificate(extensions),
        }
    }

    fn by_certificate(&self, extensions: &Extensions) -> Result<Tenant, Denial> {
        let Some(source) = self.tenants else { return Ok(self.default.clone()) };
        let peer = extensions.get::<Peer>().ok_or(Denial::NoTenant)?;
        let name = peer.part(source.from).filter(|name| Tenant::is_name(name)).ok_or(Denial::NoTenant)?;
        Ok(Tenant::new(name))
    }

    /// Reads files of tokens again when they change, until `stop`.
    pub(super) async fn watch(self, stop: CancellationToken) {
        let server = self.server;
        if let Some(tokens) = self.tokens.filter(Tokens::has_files) {
            reload::watch(names::AUTH_RELOADS, "tokens", server, LOOK, stop, move || tokens.look()).await;
        }
    }
}

/// The tokens of an authenticator.
#[derive(Debug, Clone)]
struct Tokens {
    header: HeaderName,
    scheme: String,
    config: Arc<BearerTokenAuth>,
    known: Arc<ArcSwap<Vec<Known>>>,
    seen: Arc<Mutex<[u8; 32]>>,
}

/// A token, and whose it is.
#[derive(Debug, Clone)]
struct Known {
    token: Secret,
    tenant: Option<Tenant>,
}

impl Tokens {
    fn open(server: &'static str, config: &BearerTokenAuth) -> Result<Self, Problem> {
        let header = HeaderName::from_bytes(config.header.as_bytes())
            .map_err(|_| Problem::new("header", format!("not the name of a header of `{server}`")))?;
        let known = read(config)?;
        Ok(Self {
            header,
            scheme: config.scheme.clone(),
            config: Arc::new(config.clone()),
            seen: Arc::new(Mutex::new(digest(&known))),
            known: Arc::new(ArcSwap::from_pointee(known)),
        })
    }

    fn has_files(&self) -> bool {
        let of_entry = |entry: &TokenEntry| matches!(entry, TokenEntry::Of(TenantToken { filename: Some(_), .. }));
        self.config.filename.is_some() || self.config.tokens.iter().any(of_entry)
    }

    fn look(&self) -> Look {
        match read(&self.config) {
            Err(problem) => Look::Bad(problem.message),
            Ok(known) => {
                let digest = digest(&known);
                if *self.seen.lock() == digest {
                    return Look::Same;
                }
                self.known.store(Arc::new(known));
                *self.seen.lock() = digest;
                Look::Changed
            }
        }
    }

    /// The tenant of the token that the headers carry, if it has one.
    fn check(&self, headers: &HeaderMap) -> Result<Option<Tenant>, Denial> {
        let mut values = headers.get_all(&self.header).iter();
        let value = values.next().ok_or(Denial::Missing)?;
        // Of two headers one proxy may look at the first and the next at the last.
        if values.next().is_some() {
            return Err(Denial::Malformed);
        }
        let text = value.to_str().map_err(|_| Denial::Malformed)?;
        let token = if self.scheme.is_empty() {
            text
        } else {
            let (scheme, token) = text.split_once(' ').ok_or(Denial::Malformed)?;
            if !scheme.eq_ignore_ascii_case(&self.scheme) {
                return Err(Denial::Malformed);
            }
            token
        };
        if !is_token(token) {
            return Err(Denial::Malformed);
        }
        // Each is compared, whichever fits: neither how much of a token fits nor which one does can be told by the time it takes.
        let known = self.known.load();
        let mut found = None;
        for (at, one) in known.iter().enumerate() {
            let same: Choice = one.token.expose().as_bytes().ct_eq(token.as_bytes());
            if bool::from(same) {
                found = Some(at);
            }
        }
        found.and_then(|at| known.get(at)).map(|known| known.tenant.clone()).ok_or(Denial::Unknown)
    }
}

/// Every token that `config` names. None may be there for two tenants.
fn read(config: &BearerTokenAuth) -> Result<Vec<Known>, Problem> {
    let mut known: Vec<Known> = Vec::new();
    let mut add = |path: String, token: Option<&Secret>, filename: Option<&String>, tenant: Option<&String>| {
        let tenant = tenant.map(|tenant| Tenant::new(tenant));
        let tokens = match (token, filename) {
            (Some(token), _) => vec![token.clone()],
            (None, Some(filename)) => tokens_of(&path, filename)?,
            (None, None) => Vec::new(),
        };
        for token in tokens {
            match known.iter().find(|other| other.token == token) {
                Some(other) if other.tenant == tenant => {}
                Some(_) => return Err(Problem::new(&*path, "the same token is given for two tenants")),
                None => known.push(Known { token, tenant: tenant.clone() }),
            }
        }
        Ok(())
    };
    add("token".to_owned(), config.token.as_ref(), None, None)?;
    add("filename".to_owned(), None, config.filename.as_ref(), None)?;
    for (at, entry) in config.tokens.iter().enumerate() {
        let path = format!("tokens[{at}]");
        match entry {
            TokenEntry::Token(token) => add(path, Some(token), None, None)?,
            TokenEntry::Of(of) => add(path, of.token.as_ref(), of.filename.as_ref(), of.tenant.as_ref())?,
        }
    }
    Ok(known)
}

/// The tokens of a file, one a line; at least one.
fn tokens_of(path: &str, filename: &str) -> Result<Vec<Secret>, Problem> {
    let content = tls::file(path, filename)?;
    let refused = |why: &str| Problem::new(path, format!("`{filename}` {why}"));
    let text = std::str::from_utf8(&content).map_err(|_| refused("is not text"))?;
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() {
        return Err(refused("holds no token"));
    }
    if !lines.iter().all(|line| is_token(line)) {
        return Err(refused("holds a line that is no token"));
    }
    Ok(lines.into_iter().map(Secret::new).collect())
}

fn digest(known: &[Known]) -> [u8; 32] {
    reload::digest(known.iter().flat_map(|known| {
        [known.token.expose().as_bytes(), known.tenant.as_ref().map_or("", Tenant::as_str).as_bytes()]
    }))
}
