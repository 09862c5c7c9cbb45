//! Frames of minified, obfuscated and stripped code, as their source has them, where the operator keeps symbols.
//!
//! The text of a stack stays as it was recorded. A frame that cannot be looked up stays too, and `completeness` says why.

use std::collections::{BTreeMap, BTreeSet};

use super::stack::{self, AppRules, Family};
use super::values;
use crate::model::{Attributes, Completeness, Exception, Frame};
use crate::symbols::{Lookup, Original, Release, Symbols, Unresolved};

/// What ProGuard and R8 write for the name of a source file, and the runtime where they wrote none.
const OBFUSCATED: [&str; 4] = ["SourceFile", "Unknown Source", "PG", "r8-map-id-"];

/// Bytes of source lines that all frames of a failure have together.
const MAX_SOURCE: usize = 64 << 10;
/// Most reasons that are told of frames which could not be looked up.
const MAX_REASONS: usize = 10;

/// Looks up the frames of one failure: of its exception, and of what is in its attachments.
pub(super) struct Symbolicator<'a> {
    symbols: &'a Symbols,
    rules: &'a AppRules,
    /// Files of symbols that were read for it.
    reads: usize,
    unresolved: BTreeMap<Unresolved, u64>,
    /// Scripts that are absent although their maps are there.
    bare: BTreeSet<String>,
    /// Whether a frame was found whose function was not.
    nameless: bool,
    /// Bytes of source lines that are left.
    room: usize,
}

impl<'a> Symbolicator<'a> {
    /// What reads these symbols.
    pub(super) fn new(symbols: &'a Symbols, rules: &'a AppRules) -> Self {
        let (unresolved, bare) = (BTreeMap::new(), BTreeSet::new());
        Self { symbols, rules, reads: 0, unresolved, bare, nameless: false, room: MAX_SOURCE }
    }

    /// Looks up the frames of exceptions, and of what they came from, by the release of this resource.
    pub(super) fn look_up<'e>(
        &mut self,
        resource: &Attributes,
        language: Option<&str>,
        exceptions: impl IntoIterator<Item = &'e mut Exception>,
    ) {
        let text = |key| values::string(resource, key).unwrap_or_default();
        let release = Release { service: text("service.name"), version: text("service.version") };
        let lookup = self.symbols.of(release, self.reads);
        let mut run = Run { lookup, hint: language.and_then(Family::of), told: self };
        for exception in exceptions {
            run.frames(&mut exception.frames);
            run.class(&mut exception.kind);
            for cause in &mut exception.causes {
                run.frames(&mut cause.frames);
                run.class(&mut cause.kind);
            }
        }
        let Run { lookup, told, .. } = run;
        told.reads = lookup.reads();
        told.bare.extend(lookup.bare_scripts().map(str::to_owned));
    }

    /// Says which frames at `place` could not be looked up since this was asked last, and why.
    pub(super) fn tell(&mut self, place: &str, complete: &mut Completeness) {
        let scripts: Vec<String> = std::mem::take(&mut self.bare).into_iter().collect();
        if std::mem::take(&mut self.nameless) && !scripts.is_empty() {
            complete.missing.push(format!(
                "{place}: functions have their minified names: the symbols have maps without the scripts themselves ({})",
                scripts.join(", ")
            ));
        }
        let unresolved = std::mem::take(&mut self.unresolved);
        let told = unresolved.iter().take(MAX_REASONS);
        complete.missing.extend(told.map(|(why, count)| format!("{place}: {count} are shown as recorded: {why}")));
        let rest: u64 = unresolved.values().skip(MAX_REASONS).sum();
        if rest > 0 {
            complete.missing.push(format!("{place}: {rest} more are shown as recorded, for other reasons"));
        }
    }
}

struct Run<'r, 'a> {
    lookup: Lookup<'r>,
    /// The language of the service; else the text tells.
    hint: Option<Family>,
    told: &'r mut Symbolicator<'a>,
}

impl Run<'_, '_> {
    fn frames(&mut self, frames: &mut Vec<Frame>) {
        *frames = std::mem::take(frames).into_iter().flat_map(|frame| self.frame(frame)).collect();
    }

    /// The frames that one stands for.
    fn frame(&mut self, frame: Frame) -> Vec<Frame> {
        let Some((family, found)) = self.look_up(&frame) else { return vec![frame] };
        match found {
            Ok(originals) if !originals.is_empty() => {
                originals.into_iter().map(|original| self.shown(original, &frame, family)).collect()
            }
            Ok(_) => vec![frame],
            Err(why) => {
                *self.told.unresolved.entry(why).or_default() += 1;
                vec![frame]
            }
        }
    }

    fn look_up(&mut self, frame: &Frame) -> Option<(Family, Result<Vec<Original>, Unresolved>)> {
        if let Some(address) = &frame.address {
            let module = frame.module.as_deref().filter(|_| frame.file.is_none())?;
            let found = self.lookup.native(module, address.build_id.as_deref(), address.of_call());
            return Some((Family::Native, found));
        }
        let file = frame.file.as_deref()?;
        let obfuscated = OBFUSCATED.iter().any(|name| file.starts_with(name));
        let family = self.hint.or_else(|| Family::of_file(frame)).or_else(|| obfuscated.then_some(Family::Jvm))?;
        match family {
            // What ran from a package's folder was not bundled.
            Family::JavaScript if frame.in_app => {
                let (line, column) = (frame.line?, frame.column?);
                Some((family, self.lookup.javascript(file, line, column, &frame.func).map(|found| vec![found])))
            }
            Family::Jvm => {
                let (class, method) = frame.func.rsplit_once('.')?;
                let found = self.lookup.jvm(class, method, frame.line, Some(file));
                // Most services of the JVM are not obfuscated, and need no mapping.
                (obfuscated || found.is_ok()).then_some((family, found))
            }
            _ => None,
        }
    }

    fn shown(&mut self, original: Original, recorded: &Frame, family: Family) -> Frame {
        let Original { file, line, column, func, module, source } = original;
        self.told.nameless |= func.is_none() && !recorded.func.is_empty();
        // A method is called by its class's name and its own.
        let func = match (func, &module, family) {
            (Some(method), Some(class), Family::Jvm) => Some(format!("{class}.{method}")),
            (func, ..) => func,
        };
        let mut shown = Frame {
            file,
            line,
            column,
            func: func.unwrap_or_else(|| recorded.func.clone()),
            module: module.or_else(|| recorded.module.clone()),
            locals: recorded.locals.clone(),
            ..Frame::default()
        };
        shown.in_app = stack::in_app(family, &shown, self.told.rules);
        if let Some((before, own, after)) = source.filter(|_| shown.in_app) {
            let bytes = before.iter().chain([&own]).chain(&after).map(String::len).sum::<usize>();
            if let Some(left) = self.told.room.checked_sub(bytes) {
                self.told.room = left;
                (shown.pre_context, shown.context, shown.post_context) = (before, Some(own), after);
            }
        }
        shown
    }

    /// The type of an exception is a class like others.
    fn class(&mut self, kind: &mut Option<String>) {
        if !matches!(self.hint, None | Some(Family::Jvm)) {
            return;
        }
        if let Some(class) = kind.as_deref().filter(|class| class.contains('.'))
            && let Ok(Some(original)) = self.lookup.class(class)
        {
            *kind = Some(original);
        }
    }
}
