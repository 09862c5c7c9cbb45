//! Connections and who stands at their other end: TLS with reload, limits, bearer tokens and tenants, for every server; TLS for clients.
//!
//! A server hands its listener, its router and a [`Security`] to [`serve`]. What came with a connection is a [`Peer`] among the
//! extensions of each request on it; [`Access::admit`] says of each request whose it is. A tenant is never told by what a client
//! writes into a header, but for a token that only the tenant has.

mod access;
mod ahead;
mod client;
mod listen;
mod peer;
mod reload;
mod stall;
mod tls;

pub use access::{Access, Denial};
pub use client::client_config;
pub use listen::{Settings, routed, serve, serve_with};
pub use peer::Peer;
pub use stall::StallGuard;
pub use tls::{Protocols, Tls};

use crate::config::{BearerTokenAuth, Problem, ServerTls, TenantSource};
use tokio_util::sync::CancellationToken;

/// What stands at the door of a server. By default it is open to all.
#[derive(Debug, Clone, Default)]
pub struct Security {
    /// TLS, if it is spoken.
    pub tls: Option<Tls>,
    /// Who may come in, and for whom.
    pub access: Access,
}

/// What a server asks of its clients.
#[derive(Debug, Clone, Copy)]
pub struct Demands<'a> {
    /// The `server` label of metrics: `grpc`, `http`, `api`.
    pub server: &'static str,
    /// What is spoken inside TLS.
    pub protocols: Protocols,
    /// TLS.
    pub tls: Option<&'a ServerTls>,
    /// Tokens.
    pub tokens: Option<&'a BearerTokenAuth>,
    /// Tenants by certificate.
    pub tenants: Option<TenantSource>,
}

impl Security {
    /// Reads certificates, keys and tokens.
    ///
    /// # Errors
    /// What cannot be read or used, with its path: `tls.…` of the server, or a path of the authenticator.
    pub fn open(demands: Demands<'_>) -> Result<Self, Problem> {
        let Demands { server, protocols, tls, tokens, tenants } = demands;
        let tls =
            tls.map(|tls| Tls::open(server, tls, protocols).map_err(|problem| problem.under("tls"))).transpose()?;
        let access = Access::open(server, tokens, tenants)?;
        Ok(Self { tls, access })
    }

    /// Reads files again when they change, until `stop`.
    pub(crate) async fn watch(self, stop: CancellationToken) {
        let tls = async {
            if let Some(tls) = self.tls {
                tls.watch(stop.clone()).await;
            }
        };
        tokio::join!(tls, self.access.watch(stop.clone()));
    }
}
