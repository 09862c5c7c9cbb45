//! From the path that a frame was recorded with to a file of the repository: by the longest common ending.
//!
//! A path is recorded as the machine had it that built or ran the code (`/srv/app/handlers/report.py`,
//! `example.com/shop/pay/pay.go`, `webpack:///./src/cart.ts`, `Cart.java` beside a class name), so its end is what both know.

use std::collections::BTreeMap;

use crate::model::Frame;

/// What a frame's path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Located {
    File(String),
    /// Several files end alike.
    Ambiguous(Vec<String>),
    Nowhere,
}

/// Finds the file of a frame among those of a commit.
pub(super) fn locate(frame: &Frame, files: &BTreeMap<String, u64>) -> Located {
    let Some(recorded) = recorded(frame) else { return Located::Nowhere };
    let parts: Vec<&str> = recorded.split(['/', '\\']).filter(|part| !part.is_empty() && *part != ".").collect();
    let Some(name) = parts.last() else { return Located::Nowhere };
    let mut best: (usize, Vec<&String>) = (0, Vec::new());
    for path in files.keys().filter(|path| path.rsplit('/').next() == Some(name)) {
        let common = path.rsplit('/').zip(parts.iter().rev()).take_while(|(a, b)| a == *b).count();
        match common.cmp(&best.0) {
            std::cmp::Ordering::Greater => best = (common, vec![path]),
            std::cmp::Ordering::Equal => best.1.push(path),
            std::cmp::Ordering::Less => {}
        }
    }
    match best.1.as_slice() {
        [] => Located::Nowhere,
        [one] => Located::File((*one).clone()),
        several => match several.iter().find(|path| path.split('/').count() == best.0) {
            // The whole of its path is the end of what was recorded: it lies nearer to the root than the others.
            Some(whole) => Located::File((**whole).clone()),
            None => Located::Ambiguous(several.iter().map(|path| (*path).clone()).collect()),
        },
    }
}

/// The path as it was recorded; for a language that records a bare name, with the folders that its package stands for.
fn recorded(frame: &Frame) -> Option<String> {
    let file = frame.file.as_deref()?;
    let file = file.split(['?', '#']).next().unwrap_or(file);
    if file.contains(['/', '\\']) {
        return Some(file.to_owned());
    }
    let jvm = [".java", ".kt", ".scala", ".groovy"].iter().any(|ending| file.ends_with(ending));
    match (&frame.module, jvm) {
        (Some(class), true) => {
            let mut folders: Vec<&str> = class.split('.').collect();
            folders.pop();
            folders.push(file);
            Some(folders.join("/"))
        }
        _ => Some(file.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(file: &str, module: Option<&str>, files: &[&str]) -> Located {
        let frame = Frame { file: Some(file.to_owned()), module: module.map(str::to_owned), ..Frame::default() };
        locate(&frame, &files.iter().map(|file| ((*file).to_owned(), 1)).collect())
    }

    #[test]
    fn the_longest_common_ending_decides() {
        let files = [
            "app/handlers/report.py",
            "lib/report.py",
            "report.py",
            "java/src/shop/pay/Cart.java",
            "java/src/shop/Cart.java",
        ];
        let file = |path: &str| Located::File(path.to_owned());
        assert_eq!(of("/srv/app/handlers/report.py", None, &files), file("app/handlers/report.py"));
        assert_eq!(of("C:\\work\\lib\\report.py", None, &files), file("lib/report.py"));
        assert_eq!(of("webpack:///./lib/report.py?ab12", None, &files), file("lib/report.py"));
        assert_eq!(of("/srv/report.py", None, &files), file("report.py"), "the one whose whole path it ends in");
        assert_eq!(of("Cart.java", Some("shop.pay.Cart"), &files), file("java/src/shop/pay/Cart.java"));
        assert_eq!(of("/usr/lib/python3/json/decoder.py", None, &files), Located::Nowhere);
        assert_eq!(
            of("/x/Cart.java", None, &files),
            Located::Ambiguous(vec![files[4].to_owned(), files[3].to_owned()])
        );
    }
}
