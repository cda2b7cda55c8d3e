//! The nearest valid name to a mistyped one, or to another tool's word for it.
//!
//! Does not decide what is valid. Invariant: a suggestion is close enough to be a typing error, or means the
//! same; any other name gets none.

/// What other tools call a thing, and our names for it: the first that is valid is meant.
const WORDS: [(&str, &[&str]); 26] = [
    ("assert", &["expect"]),
    ("binary", &["frames"]),
    ("capture", &["take"]),
    ("code", &["status"]),
    ("count", &["times"]),
    ("data", &["body", "send"]),
    ("delay", &["pause"]),
    ("endpoint", &["path", "url"]),
    ("equals", &["is"]),
    ("expect", &["await"]),
    ("extract", &["take"]),
    ("json", &["body", "send"]),
    ("keepalive", &["every"]),
    ("heartbeat", &["every"]),
    ("message", &["send"]),
    ("payload", &["body", "send"]),
    ("period", &["interval"]),
    ("prefix", &["starts"]),
    ("receive", &["await"]),
    ("save", &["take"]),
    ("text", &["send", "contains"]),
    ("think_time", &["pause"]),
    ("type", &["fields"]),
    ("uri", &["url", "path"]),
    ("url", &["path"]),
    ("wait", &["await", "pause"]),
];

/// Returns the candidate with the smallest edit distance to `name` (a swap of neighbours is one edit), if that is at
/// most a third of its length; one edit is always allowed.
pub fn nearest<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(name, candidate), candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count() / 3).max(1))
        .map(|(_, candidate)| candidate)
}

/// Returns `; did you mean "x"?`, or the list of what is valid when nothing is near.
pub fn hint(name: &str, candidates: &[&str]) -> String {
    match nearest(name, candidates.iter().copied()).or_else(|| meant(name, candidates)) {
        Some(candidate) => format!("; did you mean \"{candidate}\"?"),
        None if candidates.is_empty() => String::new(),
        None => format!("; valid: {}", candidates.join(", ")),
    }
}

/// The candidate that means the same.
fn meant<'c>(name: &str, candidates: &[&'c str]) -> Option<&'c str> {
    let (_, ours) = WORDS.iter().find(|(word, _)| *word == name)?;
    ours.iter().find_map(|our| candidates.iter().find(|candidate| *candidate == our)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_are_recognised() {
        assert_eq!(nearest("tiemout", ["method", "timeout", "take"]), Some("timeout"));
        assert_eq!(nearest("pth", ["method", "path", "take"]), Some("path"));
        assert_eq!(nearest("hed", ["hold", "held", "heads"]), Some("held"));
    }

    #[test]
    fn unlike_names_get_no_suggestion() {
        assert_eq!(nearest("colour", ["method", "timeout", "take"]), None);
        assert_eq!(hint("colour", &["method", "take"]), "; valid: method, take");
        assert_eq!(hint("colour", &[]), "");
    }

    #[test]
    fn other_tools_words_are_known() {
        assert_eq!(hint("json", &["method", "body"]), "; did you mean \"body\"?");
        assert_eq!(hint("json", &["send", "await"]), "; did you mean \"send\"?");
        assert_eq!(hint("json", &["interval"]), "; valid: interval");
    }

    #[test]
    fn swapped_neighbours_and_hangul_are_one_edit_each() {
        assert_eq!(nearest("ba", ["ab"]), Some("ab"));
        assert_eq!(nearest("가나", ["가다"]), Some("가다"));
    }
}
