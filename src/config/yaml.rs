//! YAML text to a tree. Built on the parser's events rather than on its serde layer, because a configuration needs what
//! that layer drops: whether a scalar was quoted, its exact text, and the place of every key.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_saphyr::granit_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Tag};

use super::Problem;
use super::errors::Fault;
use super::tree::{Entry, Node, Place, Scalar, Value};

/// Most values of a document, with every alias written out. A configuration has hundreds; an alias bomb has billions.
const MAX_NODES: usize = 50_000;
/// Most bytes of its scalars, with every alias written out.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Deepest nesting.
const MAX_DEPTH: usize = 64;

/// Reads one document.
///
/// # Errors
/// Every duplicate key; or the first fault of syntax or excess.
pub(super) fn parse(text: &str, source: &Arc<str>) -> Result<Node, Vec<Fault>> {
    let mut reader = Reader {
        events: Parser::new_from_str(text),
        source,
        anchors: BTreeMap::new(),
        spent: Size::default(),
        faults: Vec::new(),
    };
    match reader.document() {
        Ok(node) if reader.faults.is_empty() => Ok(node),
        Ok(_) => Err(reader.faults),
        Err(fault) => {
            reader.faults.push(*fault);
            Err(reader.faults)
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Size {
    nodes: usize,
    bytes: usize,
}

impl Size {
    fn of(node: &Node) -> Self {
        let mut size = Self { nodes: 1, bytes: 0 };
        match &node.value {
            Value::Scalar(scalar) => size.bytes = scalar.text.len(),
            Value::Map(entries) => {
                for entry in entries {
                    size.add(Self::of(&entry.node));
                    size.bytes = size.bytes.saturating_add(entry.key.len());
                }
            }
            Value::Seq(nodes) => nodes.iter().for_each(|node| size.add(Self::of(node))),
            Value::Unresolved => {}
        }
        size
    }

    fn add(&mut self, other: Self) {
        self.nodes = self.nodes.saturating_add(other.nodes);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

struct Reader<'a, 't> {
    events: Parser<'t, serde_saphyr::granit_parser::StrInput<'t>>,
    source: &'a Arc<str>,
    anchors: BTreeMap<usize, (Node, Size)>,
    spent: Size,
    faults: Vec<Fault>,
}

type Read<T> = Result<T, Box<Fault>>;

impl<'t> Reader<'_, 't> {
    fn document(&mut self) -> Read<Node> {
        let mut document = None;
        loop {
            let (event, at) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                _ if document.is_some() => {
                    return Err(fail(
                        &at,
                        "a second YAML document",
                        "keep one document in a file, and give several files",
                    ));
                }
                event => document = Some(self.node(event, at, 0)?),
            }
        }
        Ok(document.unwrap_or_else(|| {
            let at = Place { source: Arc::clone(self.source), line: 1, column: 1 };
            Node::new(at, Value::Map(Vec::new()))
        }))
    }

    /// The next event that matters, and its place.
    fn next(&mut self) -> Read<(Event<'t>, Place)> {
        loop {
            match self.events.next() {
                Some(Ok((event, span))) => {
                    if is_content(&event) {
                        let at = self.place(&span.start);
                        return Ok((event, at));
                    }
                }
                Some(Err(error)) => return Err(self.syntax(&error)),
                None => return Ok((Event::StreamEnd, Place::whole(self.source))),
            }
        }
    }

    fn syntax(&self, error: &ScanError) -> Box<Fault> {
        fail(
            &self.place(error.marker()),
            &format!("not valid YAML: {}", error.info()),
            "correct the syntax on this line",
        )
    }

    fn place(&self, marker: &Marker) -> Place {
        Place { source: Arc::clone(self.source), line: marker.line(), column: marker.col() + 1 }
    }

    fn node(&mut self, event: Event<'t>, at: Place, depth: usize) -> Read<Node> {
        if depth > MAX_DEPTH {
            return Err(fail(&at, &format!("nested more than {MAX_DEPTH} deep"), "no setting is nested so deep"));
        }
        let (node, anchor) = match event {
            Event::Alias(anchor) => return self.alias(anchor, at),
            Event::Scalar(text, style, anchor, tag) => {
                self.spend(Size { nodes: 1, bytes: text.len() }, &at)?;
                let quoted = style != ScalarStyle::Plain || self.is_string(tag.as_deref(), &at)?;
                (Node::new(at, Value::Scalar(Scalar::literal(text, quoted))), anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.spend(Size { nodes: 1, bytes: 0 }, &at)?;
                self.is_string(tag.as_deref(), &at)?;
                let mut nodes = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break,
                        (event, at) => nodes.push(self.node(event, at, depth + 1)?),
                    }
                }
                (Node::new(at, Value::Seq(nodes)), anchor)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.spend(Size { nodes: 1, bytes: 0 }, &at)?;
                self.is_string(tag.as_deref(), &at)?;
                let entries = self.map(depth)?;
                (Node::new(at, Value::Map(entries)), anchor)
            }
            _ => return Err(fail(&at, "not valid YAML", "correct the syntax on this line")),
        };
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), Size::of(&node)));
        }
        Ok(node)
    }

    /// Writes an alias out, if the document stays within its bounds.
    fn alias(&mut self, anchor: usize, at: Place) -> Read<Node> {
        let Some(size) = self.anchors.get(&anchor).map(|(_, size)| *size) else {
            return Err(fail(&at, "an alias to a value that contains it", "write the value out"));
        };
        self.spend(size, &at)?;
        match self.anchors.get(&anchor) {
            Some((node, _)) => Ok(node.clone()),
            None => Err(fail(&at, "an unknown alias", "write the value out")),
        }
    }

    fn spend(&mut self, size: Size, at: &Place) -> Read<()> {
        self.spent.add(size);
        if self.spent.nodes > MAX_NODES || self.spent.bytes > MAX_BYTES {
            let what = format!("larger than {MAX_NODES} values or {MAX_BYTES} bytes with its aliases written out");
            return Err(fail(at, &what, "use fewer aliases"));
        }
        Ok(())
    }

    fn map(&mut self, depth: usize) -> Read<Vec<Entry>> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut merged: Vec<Entry> = Vec::new();
        loop {
            let (event, at) = self.next()?;
            let (key, plain) = match event {
                Event::MappingEnd => break,
                Event::Scalar(text, style, ..) => (text.into_owned(), style == ScalarStyle::Plain),
                _ => return Err(fail(&at, "a key that is not a plain text", "write the key as a text")),
            };
            self.spend(Size { nodes: 0, bytes: key.len() }, &at)?;
            let (event, value_at) = self.next()?;
            let node = self.node(event, value_at, depth + 1)?;
            if plain && key == "<<" {
                merge_into(&mut merged, node, &at)?;
                continue;
            }
            if let Some(first) = entries.iter().find(|entry| entry.key == key) {
                let problem =
                    Problem::new("", format!("duplicate key `{key}`, first written on line {}", first.at.line));
                self.faults.push(Fault::at(&at, problem.instead("keep one of the two")));
                continue;
            }
            entries.push(Entry { key, at, node });
        }
        for entry in merged {
            if entries.iter().all(|known| known.key != entry.key) {
                entries.push(entry);
            }
        }
        Ok(entries)
    }

    /// Whether a tag says `!!str`. Tags of the core schema change nothing else; others are refused.
    fn is_string(&self, tag: Option<&Tag>, at: &Place) -> Read<bool> {
        match tag {
            None => Ok(false),
            Some(tag) if tag.is_yaml_core_schema() => Ok(tag.suffix() == "str"),
            Some(_) => Err(fail(at, "a YAML tag, which has no meaning here", "leave the tag out")),
        }
    }
}

/// The entries of `<<: *map` or `<<: [*map, *map]`, earlier ones first.
fn merge_into(merged: &mut Vec<Entry>, node: Node, at: &Place) -> Read<()> {
    let nodes = match node.value {
        Value::Seq(nodes) => nodes,
        value => vec![Node::new(node.at, value)],
    };
    for node in nodes {
        let Value::Map(entries) = node.value else {
            return Err(fail(at, "`<<` merges maps, and this is none", "give an alias to a map"));
        };
        for entry in entries {
            if merged.iter().all(|known| known.key != entry.key) {
                merged.push(entry);
            }
        }
    }
    Ok(())
}

fn is_content(event: &Event<'_>) -> bool {
    matches!(
        event,
        Event::StreamEnd
            | Event::Alias(_)
            | Event::Scalar(..)
            | Event::SequenceStart(..)
            | Event::SequenceEnd
            | Event::MappingStart(..)
            | Event::MappingEnd
    )
}

fn fail(at: &Place, message: &str, instead: &str) -> Box<Fault> {
    Box::new(Fault::at(at, Problem::new("", message).instead(instead)))
}
