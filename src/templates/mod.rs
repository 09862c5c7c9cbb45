//! Template mining: which log lines were written by the same statement, told from the lines alone.
//!
//! A [`Miner`] reads lines in portions. Within a portion
//!
//! 1. `scan` splits each line and takes what is a value on its face (numbers, ids, paths, dates) out of it,
//! 2. a line that is then equal to one before has its template: one look-up in a table,
//! 3. the others are compared, those of one shape (`merge`, `judge`) and those that differ in one name (`phrase`), and
//!    words that turn out to be values are taken out too.
//!
//! Drain (He et al., ICWS 2017) decides about a line when it comes, by its length and its first words; what comes later cannot
//! change its mind. Here a portion is seen as a whole, so that the words which vary are told from those that do not.
//! There is one set of rules for all systems, and nothing to tune. The same lines in the same portions give the same templates.
//! An id, once given, keeps its lines: later portions may find one more value in a template, but make no two templates one.

mod cluster;
mod judge;
mod merge;
mod phrase;
mod scan;
mod words;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

use self::cluster::Cluster;
use self::scan::{Kind, Scanner, Token, VALUE};

/// What stands in a template where lines differ.
pub const PLACEHOLDER: &str = "<*>";

/// Most forms of lines that are remembered; when they are more, all are forgotten and found by comparison again.
const MAX_FORMS: usize = 1 << 17;
/// Most templates of one shape, and of all. Lines of none of them share the template [`PLACEHOLDER`].
const MAX_OF_SHAPE: usize = 1 << 10;
const MAX_TEMPLATES: usize = 1 << 16;
/// Most bytes of all templates together.
const MAX_TEXT: usize = 32 << 20;

/// What messages of one template have in common: the first of them, with [`PLACEHOLDER`]s for values and for words in which
/// others differ. Those of another length than the first are left aside.
#[must_use]
pub fn common(messages: &[&str]) -> String {
    let Some((first, rest)) = messages.split_first() else { return String::new() };
    let mut scanner = Scanner::default();
    let mut cluster = Cluster::of(first, scanner.scan(first), 0);
    for message in rest {
        let tokens = scanner.scan(message);
        if tokens.len() == cluster.slots.len() {
            let slots = cluster.slots.iter_mut().zip(tokens);
            let differs = |(slot, token): &(&mut u64, &Token)| words::is_hash(**slot) && **slot != token.slot;
            slots.filter(differs).for_each(|(slot, _)| *slot = VALUE);
        }
    }
    cluster.render()
}

/// Finds the templates of lines. What it keeps is bounded: some 100 MB for lines that are all different.
#[derive(Debug, Default)]
pub struct Miner {
    scanner: Scanner,
    /// Template of each form that was seen.
    forms: Forms,
    templates: Vec<Template>,
    /// Templates of each shape.
    shapes: BTreeMap<u64, Vec<usize>>,
    /// Bytes of the templates.
    text: usize,
    /// The template of what is one too many.
    rest: Option<usize>,
}

type Forms = HashMap<u64, usize, BuildHasherDefault<Prehashed>>;

#[derive(Debug)]
struct Template {
    cluster: Cluster,
    text: String,
}

impl Miner {
    /// A miner that has read nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The template of each line, as a number to ask [`text`](Self::text) with. Numbers count
    /// from 0 in the order in which templates were found. Lines that are read together are compared with one another.
    pub fn read<'l>(&mut self, lines: impl IntoIterator<Item = &'l str>) -> Vec<usize> {
        if self.forms.len() > MAX_FORMS {
            self.forms.clear();
        }
        let mut new = New::default();
        let mut found: Vec<Result<usize, usize>> = Vec::new();
        for line in lines {
            let tokens = self.scanner.scan(line);
            let form = form(tokens.iter().map(|token| token.slot));
            found.push(match self.forms.get(&form) {
                Some(template) => Ok(*template),
                None => Err(new.index(form, line, tokens)),
            });
        }
        let settled = self.settle(new);
        let settled = |index| settled.get(index).copied().unwrap_or_default();
        found.into_iter().map(|one| one.unwrap_or_else(settled)).collect()
    }

    /// The text of a template: that of a line of it, with [`PLACEHOLDER`]s for its values.
    #[must_use]
    pub fn text(&self, template: usize) -> &str {
        self.templates.get(template).map_or("", |template| &template.text)
    }

    /// Whether this is what lines share for which there was no room: they need have nothing in common.
    #[must_use]
    pub fn is_rest(&self, template: usize) -> bool {
        self.rest == Some(template)
    }

    /// Finds the template of each new form.
    fn settle(&mut self, new: New) -> Vec<usize> {
        let New { clusters, shapes, forms } = new;
        let mut settled = vec![None; clusters.len()];
        let mut shorter = Vec::with_capacity(clusters.len());
        let mut by_shape: BTreeMap<u64, Vec<Cluster>> = BTreeMap::new();
        for (cluster, shape) in clusters.into_iter().zip(shapes) {
            let is_known = |form: &u64| forms.contains_key(form) || self.forms.contains_key(form);
            let same = phrase::shortened(&cluster).find(is_known);
            shorter.push(same);
            if same.is_none() {
                by_shape.entry(shape).or_default().push(cluster);
            }
        }
        let mut fresh: Vec<(u64, Cluster)> = Vec::new();
        for (shape, clusters) in by_shape {
            for cluster in merge::merge(self.with_known(shape, clusters)) {
                match cluster.template {
                    Some(template) => {
                        assign(&mut settled, &cluster, template);
                        self.change(template, cluster);
                    }
                    None => fresh.push((shape, cluster)),
                }
            }
        }
        fresh.sort_by_key(|(_, cluster)| cluster.members.iter().min().copied());
        for (shape, cluster) in fresh {
            let members = Cluster { members: cluster.members.clone(), ..Cluster::default() };
            assign(&mut settled, &members, self.add(shape, cluster));
        }
        self.follow(&mut settled, &shorter, &forms);
        let settled: Vec<usize> = settled.into_iter().map(Option::unwrap_or_default).collect();
        self.forms.extend(forms.iter().filter_map(|(form, index)| Some((*form, *settled.get(*index)?))));
        settled
    }

    /// The clusters, behind the templates that they may belong to.
    fn with_known(&self, shape: u64, clusters: Vec<Cluster>) -> Vec<Cluster> {
        let known = self.shapes.get(&shape).into_iter().flatten();
        known.filter_map(|index| Some(self.templates.get(*index)?.cluster.clone())).chain(clusters).collect()
    }

    /// A form that was found to be a longer writing of another has the template of that one.
    fn follow(&self, settled: &mut [Option<usize>], shorter: &[Option<u64>], forms: &Forms) {
        for index in 0..settled.len() {
            let mut at = index;
            // Each step is to a shorter form, so there is an end.
            let template = loop {
                if let Some(template) = settled.get(at).copied().flatten() {
                    break Some(template);
                }
                let Some(form) = shorter.get(at).copied().flatten() else { break None };
                match forms.get(&form) {
                    Some(next) => at = *next,
                    None => break self.forms.get(&form).copied(),
                }
            };
            if let Some(place) = settled.get_mut(index) {
                *place = template;
            }
        }
    }

    fn add(&mut self, shape: u64, mut cluster: Cluster) -> usize {
        let of_shape = self.shapes.get(&shape).map_or(0, Vec::len);
        let is_full = self.templates.len() >= MAX_TEMPLATES || self.text >= MAX_TEXT || of_shape >= MAX_OF_SHAPE;
        if let (true, Some(rest)) = (is_full, self.rest) {
            return rest;
        }
        let template = self.templates.len();
        cluster.members.clear();
        cluster.template = Some(template);
        let text = if is_full { PLACEHOLDER.to_owned() } else { cluster.render() };
        if is_full {
            self.rest = Some(template);
        } else {
            self.shapes.entry(shape).or_default().push(template);
        }
        self.text += text.len();
        self.templates.push(Template { cluster, text });
        template
    }

    /// A template that has one more value.
    fn change(&mut self, template: usize, mut cluster: Cluster) {
        cluster.members.clear();
        if let Some(known) = self.templates.get_mut(template)
            && known.cluster.slots != cluster.slots
        {
            known.text = cluster.render();
            known.cluster = cluster;
        }
    }
}

fn assign(settled: &mut [Option<usize>], cluster: &Cluster, template: usize) {
    for index in &cluster.members {
        if let Some(place) = settled.get_mut(*index) {
            *place = Some(template);
        }
    }
}

/// Forms of lines that are seen for the first time.
#[derive(Debug, Default)]
struct New {
    clusters: Vec<Cluster>,
    shapes: Vec<u64>,
    forms: Forms,
}

impl New {
    fn index(&mut self, form: u64, line: &str, tokens: &[Token]) -> usize {
        let index = *self.forms.entry(form).or_insert(self.clusters.len());
        if index == self.clusters.len() {
            self.shapes.push(shape(tokens));
            self.clusters.push(Cluster::of(line, tokens, index));
        }
        index
    }
}

/// What lines have in common that differ in values only.
fn form(slots: impl Iterator<Item = u64>) -> u64 {
    slots.fold(0, words::fold)
}

/// What lines have in common that differ in values and words.
fn shape(tokens: &[Token]) -> u64 {
    form(tokens.iter().map(|token| if matches!(token.kind, Kind::Sign(_)) { token.slot } else { VALUE }))
}

/// Keys that are hashes already.
#[derive(Debug, Default, Clone, Copy)]
struct Prehashed(u64);

impl Hasher for Prehashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = words::hash(bytes);
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}
