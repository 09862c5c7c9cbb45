//! `casefile bundle render`.

use clap::{Args, ValueEnum};

use super::super::audit::{SigningArgs, note_prompt};
use super::super::code::CodeArgs;
use super::super::store::StoreArgs;
use super::super::term;
use crate::agent::{PromptRequest, Target, markdown};
use crate::bundle::digest_of;

#[derive(Debug, Args)]
pub(in crate::cli) struct RenderArgs {
    /// Trace id or bundle id.
    pub(super) id: String,
    #[command(flatten)]
    store: StoreArgs,
    /// Who reads it.
    #[arg(long = "for", value_enum, default_value_t = Reader::Markdown, value_name = "READER")]
    reader: Reader,
    /// Most tokens (o200k_base). What is cut is listed. `--for page` has no budget.
    #[arg(long, default_value_t = 8000, value_name = "COUNT")]
    max_tokens: u64,
    #[command(flatten)]
    code: CodeArgs,
    /// Notes in the store's ledger that it was rendered, with the digest of the prompt.
    #[arg(long)]
    ledger: bool,
    #[command(flatten)]
    key: SigningArgs,
}

/// Who reads a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Reader {
    /// Any agent: Markdown.
    Markdown,
    /// SWE-agent: a problem statement.
    SweAgent,
    /// OpenHands: a task.
    Openhands,
    /// aider: a message file.
    Aider,
    /// An instance as SWE-bench has them, one line of JSON.
    SweBench,
    /// JSON, contract and evidence apart.
    Json,
    /// A person: everything on one Markdown page, without contract and budget.
    Page,
}

impl Reader {
    fn target(self) -> Option<Target> {
        Some(match self {
            Self::Markdown => Target::Markdown,
            Self::SweAgent => Target::SweAgent,
            Self::Openhands => Target::OpenHands,
            Self::Aider => Target::Aider,
            Self::SweBench => Target::SweBench,
            Self::Json => Target::Json,
            Self::Page => return None,
        })
    }
}

pub(super) fn run(args: &RenderArgs) -> anyhow::Result<()> {
    let catalog = args.store.open()?;
    let view = super::of(&catalog, &args.id)?;
    let Some(target) = args.reader.target() else { return Ok(term::stdout().text(&markdown(&view))?) };
    let code = args.code.read(&view)?;
    let prompt = PromptRequest { view: &view, code: code.as_ref(), target, max_tokens: args.max_tokens }.render()?;
    if args.ledger {
        let details = [
            ("prompt", digest_of(prompt.text.as_bytes())),
            ("tokens", prompt.tokens.to_string()),
            ("for", format!("{target:?}").to_lowercase()),
        ];
        let details = details.map(|(key, value)| (key.to_owned(), value)).into();
        note_prompt(&catalog, &args.id, details, &args.key)?;
    }
    Ok(term::stdout().text(&prompt.text)?)
}
