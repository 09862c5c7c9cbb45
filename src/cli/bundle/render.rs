//! `casefile bundle render`.

use clap::{Args, ValueEnum};

use super::super::code::CodeArgs;
use super::super::ledger::{LedgerArgs, with_names};
use super::super::store::StoreArgs;
use super::super::term;
use crate::agent::{DEFAULT_TOKENS, PromptRequest, Target, markdown};

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
    #[arg(long, default_value_t = DEFAULT_TOKENS, value_name = "COUNT")]
    max_tokens: u64,
    #[command(flatten)]
    code: CodeArgs,
    #[command(flatten)]
    ledger: LedgerArgs,
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
    let noting = args.ledger.open(&args.store)?;
    let view = super::of(&catalog, &args.id)?;
    let Some(target) = args.reader.target() else {
        let page = markdown(&view);
        noting.rendered(&view.bundle, &page, with_names([("for", "page".to_owned())]))?;
        return Ok(term::stdout().text(&page)?);
    };
    let code = args.code.read(&view)?;
    let prompt = PromptRequest { view: &view, code: code.as_ref(), target, max_tokens: args.max_tokens }.render()?;
    let details = [("tokens", prompt.tokens.to_string()), ("for", format!("{target:?}").to_lowercase())];
    noting.rendered(&view.bundle, &prompt.text, with_names(details))?;
    Ok(term::stdout().text(&prompt.text)?)
}
