//! What a person at a terminal sees: aligned tables, and colour where there is a tty.

use std::io::{IsTerminal, Write};

use anstyle::{AnsiColor, Style};

use super::store::Format;
use crate::agent::{one_line, prose};

/// Where output goes, and whether it may carry colour.
pub(super) struct Terminal<W> {
    out: W,
    colour: bool,
}

/// Whether stdout takes colour: it is a terminal and `NO_COLOR` is not set (<https://no-color.org>).
pub(super) fn stdout() -> Terminal<std::io::Stdout> {
    let out = std::io::stdout();
    let colour = out.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    Terminal { out, colour }
}

impl<W: Write> Terminal<W> {
    #[cfg(test)]
    fn plain(out: W) -> Self {
        Self { out, colour: false }
    }

    /// One line.
    pub(super) fn line(&mut self, text: &str) -> std::io::Result<()> {
        writeln!(self.out, "{text}")
    }

    /// Text as it is.
    pub(super) fn text(&mut self, text: &str) -> std::io::Result<()> {
        self.out.write_all(text.as_bytes())
    }

    /// A heading in bold.
    pub(super) fn title(&mut self, text: &str) -> std::io::Result<()> {
        let line = self.styled(Style::new().bold(), text);
        self.line(&line)
    }

    /// An error summary in red.
    pub(super) fn failure(&mut self, text: &str) -> std::io::Result<()> {
        let line = self.styled(Style::new().fg_color(Some(AnsiColor::Red.into())), text);
        self.line(&line)
    }

    /// Canonical two-space indented JSON.
    pub(super) fn json<T: serde::Serialize>(&mut self, value: &T) -> anyhow::Result<()> {
        serde_json::to_writer_pretty(&mut self.out, value)?;
        Ok(writeln!(self.out)?)
    }

    /// A table: columns as wide as their widest cell, the last one as long as it is.
    pub(super) fn table(&mut self, header: &[&str], rows: &[Vec<String>]) -> std::io::Result<()> {
        let widths: Vec<usize> = header
            .iter()
            .enumerate()
            .map(|(column, title)| {
                let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| one_line(cell).chars().count());
                cells.chain([title.chars().count()]).max().unwrap_or(0)
            })
            .collect();
        let aligned = |cells: &mut dyn Iterator<Item = String>| {
            let line: String = cells.zip(&widths).map(|(cell, width)| format!("{cell:<width$}  ")).collect();
            line.trim_end().to_owned()
        };
        let heading = aligned(&mut header.iter().map(|title| title.to_uppercase()));
        let heading = self.styled(Style::new().bold(), &heading);
        self.line(&heading)?;
        for row in rows {
            let line = aligned(&mut row.iter().map(|cell| one_line(cell)));
            self.line(&line)?;
        }
        Ok(())
    }

    /// A table in Markdown. The cells are data: on one line each, and nothing in them begins markup.
    pub(super) fn markdown_table(&mut self, header: &[&str], rows: &[Vec<String>]) -> std::io::Result<()> {
        self.line(&format!("| {} |", header.join(" | ")))?;
        self.line(&format!("|{}", "---|".repeat(header.len())))?;
        for row in rows {
            let cells: Vec<String> = row.iter().map(|cell| prose(cell).replace('|', "\\|")).collect();
            self.line(&format!("| {} |", cells.join(" | ")))?;
        }
        Ok(())
    }

    /// A table for people or in Markdown.
    pub(super) fn rows(&mut self, format: Format, header: &[&str], rows: &[Vec<String>]) -> std::io::Result<()> {
        if format == Format::Markdown { self.markdown_table(header, rows) } else { self.table(header, rows) }
    }

    fn styled(&self, style: Style, text: &str) -> String {
        if self.colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_control_characters_do_not_reach_the_terminal() {
        let mut out = Vec::new();
        let rows = [vec!["a".to_owned(), "one\u{1b}[31m".to_owned()], vec!["bbbb".to_owned(), "two\nlines".to_owned()]];
        Terminal::plain(&mut out).table(&["id", "what"], &rows).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "ID    WHAT\na     one\u{fffd}[31m\nbbbb  two lines\n");
    }
}
