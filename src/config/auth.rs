//! Who may come in: `auth:` and `tenants:` of servers, and the extension `bearertokenauth`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ComponentId, Problem, Secret};

/// Which extension asks clients who they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Authentication {
    /// The extension: `bearertokenauth` or `bearertokenauth/name`.
    pub authenticator: ComponentId,
}

/// Where the tenant of a request is told, where no token tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantSource {
    /// A part of the client's certificate.
    pub from: TenantOf,
}

/// Parts of a client's certificate that may name its tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TenantOf {
    /// The common name of its subject.
    CertificateCommonName,
    /// The organization of its subject.
    CertificateOrganization,
}

/// Lets in whoever sends one of its tokens: `Authorization: Bearer <token>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BearerTokenAuth {
    /// The word before the token.
    pub scheme: String,
    /// The header that carries it.
    pub header: String,
    /// The token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// Several tokens, each a text or a map that says whose it is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<TokenEntry>,
    /// File with tokens, one a line. It is read again when it changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
}

impl Default for BearerTokenAuth {
    fn default() -> Self {
        Self {
            scheme: "Bearer".to_owned(),
            header: "Authorization".to_owned(),
            token: None,
            tokens: Vec::new(),
            filename: None,
        }
    }
}

/// A token of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum TokenEntry {
    /// The token by itself.
    Token(Secret),
    /// With the tenant that its holder sends for.
    Of(TenantToken),
}

impl<'de> Deserialize<'de> for TokenEntry {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> serde::de::Visitor<'de> for Read {
            type Value = TokenEntry;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a token, or a map such as `{token: …, tenant: acme}`")
            }

            fn visit_str<E>(self, text: &str) -> Result<TokenEntry, E> {
                Ok(TokenEntry::Token(Secret::new(text)))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<TokenEntry, A::Error> {
                TenantToken::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(TokenEntry::Of)
            }
        }
        deserializer.deserialize_any(Read)
    }
}

/// Tokens of one tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TenantToken {
    /// The token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// Or a file with tokens, one a line. It is read again when it changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// Whose: one of `connectors.incident.tenants`. By default nobody's in particular.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
}

impl BearerTokenAuth {
    /// What is wrong with it; paths are relative to it.
    pub(super) fn problems(&self) -> Vec<Problem> {
        const INSTEAD: &str =
            "give a token from `${file:/secrets/token}` or `${env:NAME}`; `openssl rand -base64 32` makes one";
        let mut problems = Vec::new();
        let ways = [self.token.is_some(), !self.tokens.is_empty(), self.filename.is_some()];
        match ways.iter().filter(|way| **way).count() {
            1 => {}
            0 => problems.push(Problem::new("", "there is no token, so nobody could come in").instead(INSTEAD)),
            _ => problems.push(
                Problem::new("", "more than one of `token`, `tokens` and `filename` is given")
                    .instead("give all tokens in one way"),
            ),
        }
        let mut given = |path: String, token: Option<&Secret>, filename: Option<&String>| match (token, filename) {
            (Some(token), None) if !is_token(token.expose()) => {
                let message = "not a token: it is empty, or has spaces or letters that no header takes";
                problems.push(Problem::new(path, message).instead(INSTEAD));
            }
            (None, Some(file)) if file.trim().is_empty() => {
                problems.push(Problem::new(path, "the file has no name").instead("name a file with tokens"));
            }
            (Some(_), Some(_)) => {
                problems.push(Problem::new(path, "both `token` and `filename` are given").instead("give one of them"));
            }
            (None, None) => {
                problems.push(Problem::new(path, "there is neither `token` nor `filename`").instead(INSTEAD))
            }
            _ => {}
        };
        if self.token.is_some() {
            given("token".to_owned(), self.token.as_ref(), None);
        }
        if self.filename.is_some() {
            given("filename".to_owned(), None, self.filename.as_ref());
        }
        for (at, entry) in self.tokens.iter().enumerate() {
            let path = format!("tokens[{at}]");
            match entry {
                TokenEntry::Token(token) => given(path, Some(token), None),
                TokenEntry::Of(of) => given(path, of.token.as_ref(), of.filename.as_ref()),
            }
        }
        if self.scheme.contains(char::is_whitespace) {
            problems.push(Problem::new("scheme", "not one word").instead("leave it out for `Bearer`"));
        }
        if self.header.is_empty() || !self.header.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            problems
                .push(Problem::new("header", "not the name of a header").instead("leave it out for `Authorization`"));
        }
        problems
    }

    /// The tenants that its tokens name, each with its path.
    pub(super) fn tenants(&self) -> impl Iterator<Item = (String, &str)> {
        self.tokens.iter().enumerate().filter_map(|(at, entry)| match entry {
            TokenEntry::Of(TenantToken { tenant: Some(tenant), .. }) => {
                Some((format!("tokens[{at}].tenant"), tenant.as_str()))
            }
            _ => None,
        })
    }
}

/// Whether a text can be the token of a header.
#[must_use]
pub fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}
