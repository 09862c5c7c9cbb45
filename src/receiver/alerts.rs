//! Webhooks of Sentry and Datadog: what they post becomes log records (see [`crate::alerts`]).

use std::sync::Arc;

use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, Method, StatusCode, header};
use serde_json::json;

use super::export::{Failure, Port, beside, guarded, plain};
use super::{Intake, http as transport};
use crate::alerts::{self, Alert, AlertError};
use crate::config::AlertWebhooks;
use crate::model::Signal;

/// Above this many bytes an alert is not read between other requests, but beside them.
const OFFLOAD: usize = 64 * 1024;

/// Who posts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tool {
    Sentry,
    Datadog,
}

impl Tool {
    /// The value of the `signal` label.
    fn label(self) -> &'static str {
        match self {
            Self::Sentry => "alerts/sentry",
            Self::Datadog => "alerts/datadog",
        }
    }

    /// Whether its requests can be told from others'.
    fn has_secret(self, config: &AlertWebhooks) -> bool {
        match self {
            Self::Sentry => config.sentry.client_secret.is_some(),
            Self::Datadog => config.datadog.token.is_some(),
        }
    }

    /// Refuses what is not from whom it should be, where that can be told. `body` is as its sender signed it.
    fn authenticate(self, config: &AlertWebhooks, headers: &HeaderMap, body: &[u8]) -> Result<(), Failure> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        match self {
            Self::Sentry => match &config.sentry.client_secret {
                Some(secret) if !alerts::is_signed(body, header("sentry-hook-signature"), secret.expose()) => {
                    Err(Failure::Unauthenticated("`Sentry-Hook-Signature` is missing or does not fit the body"))
                }
                _ => Ok(()),
            },
            Self::Datadog => match &config.datadog.token {
                Some(token) if !alerts::is_same(header(&config.datadog.token_header), token.expose()) => {
                    Err(Failure::Unauthenticated("the header with the token is missing or holds another one"))
                }
                _ => Ok(()),
            },
        }
    }

    fn read(self, body: &[u8]) -> Result<Alert, AlertError> {
        match self {
            Self::Sentry => alerts::sentry(body),
            Self::Datadog => alerts::datadog(body),
        }
    }
}

/// Answers one request.
pub(super) async fn call<I: Intake>(
    port: Arc<Port<I>>,
    tool: Tool,
    config: AlertWebhooks,
    mut request: Request,
) -> Response {
    match take(&port, tool, &config, &mut request).await {
        Ok(answer) => {
            port.answered(tool.label(), "202", None);
            (StatusCode::ACCEPTED, [(header::CONTENT_TYPE, "application/json")], answer).into_response()
        }
        Err(failure) => {
            port.answered(tool.label(), transport::label_of(&failure), Some(&failure));
            transport::refuse_unread(failure, request, port.limit).await
        }
    }
}

async fn take<I: Intake>(
    port: &Port<I>,
    tool: Tool,
    config: &AlertWebhooks,
    request: &mut Request,
) -> Result<String, Failure> {
    if request.method() != Method::POST {
        return Err(Failure::Method);
    }
    // Other tools cannot send a token of ours everywhere: a secret of theirs stands in for it.
    let tenant = if tool.has_secret(config) { port.whose_connection(request)? } else { port.whose(request)? };
    let encoding = transport::encoding(request.headers())?;
    let mut held = port.hold();
    let bytes = transport::body(port, request, &mut held).await?;
    let limit = port.limit;
    let is_long = bytes.len() > OFFLOAD;
    let (config, headers) = (config.clone(), request.headers().clone());
    let work = move || {
        let body = plain(encoding, bytes.into_vec(), limit, &mut held)?;
        tool.authenticate(&config, &headers, &body)?;
        let read = match tool.read(&body) {
            Ok(alert) => Ok((alert.trace_id, alert.request())),
            Err(AlertError::NoError(why)) => Err(why),
            Err(error) => return Err(Failure::Undecodable(error.to_string())),
        };
        Ok((read, held))
    };
    let (read, held) = if is_long { beside(work).await } else { guarded(work) }?;
    let answer = match read {
        // A tool that is told of a failure here would turn the webhook off.
        Err(why) => json!({"accepted": false, "reason": why}),
        Ok((trace_id, request)) => {
            let records = port.admit(tenant, Signal::Logs, request).await?;
            json!({"accepted": true, "trace_id": trace_id.to_string(), "records": records})
        }
    };
    drop(held);
    Ok(answer.to_string())
}
