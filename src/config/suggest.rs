//! What to write instead of a word that is not known.

/// Similar enough to be a slip of the keyboard.
const CLOSE: f64 = 0.8;

/// `did you mean …?` if one of `known` is close to `word`; the whole list otherwise.
pub(super) fn one_of(word: &str, known: &[&str]) -> String {
    let closest = known
        .iter()
        .map(|known| (strsim::jaro_winkler(&word.to_ascii_lowercase(), known), *known))
        .max_by(|left, right| left.0.total_cmp(&right.0));
    match closest {
        Some((likeness, known)) if likeness >= CLOSE => format!("did you mean `{known}`?"),
        Some(_) => {
            let known: Vec<String> = known.iter().map(|known| format!("`{known}`")).collect();
            format!("known here: {}", known.join(", "))
        }
        None => "nothing is known here".to_owned(),
    }
}
