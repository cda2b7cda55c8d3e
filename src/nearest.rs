//! The nearest valid name to a mistyped one.
//!
//! Decides nothing about what is valid. Invariant: a suggestion is close enough to be a slip of the fingers; a
//! name that resembles nothing gets none.

/// The candidate with the smallest edit distance to `name`, if that is at most a third of its length (and always
/// allowed to be 1).
pub fn nearest<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    candidates
        .into_iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count() / 3).max(1))
        .map(|(_, candidate)| candidate)
}

/// `; did you mean "x"?`, or the list of what is valid when nothing is near.
pub fn hint(name: &str, candidates: &[&str]) -> String {
    match nearest(name, candidates.iter().copied()) {
        Some(candidate) => format!("; did you mean \"{candidate}\"?"),
        None if candidates.is_empty() => String::new(),
        None => format!("; valid: {}", candidates.join(", ")),
    }
}

/// Edit distance (Levenshtein, with neighbours swapped as one edit), in characters.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let replaced = last[j] + usize::from(x != y);
            let mut best = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised() {
        assert_eq!(nearest("tiemout", ["method", "timeout", "take"]), Some("timeout"));
        assert_eq!(nearest("pth", ["method", "path", "take"]), Some("path"));
        assert_eq!(nearest("hed", ["hold", "held", "heads"]), Some("held"));
    }

    #[test]
    fn strangers_get_no_suggestion() {
        assert_eq!(nearest("colour", ["method", "timeout", "take"]), None);
        assert_eq!(hint("colour", &["method", "take"]), "; valid: method, take");
        assert_eq!(hint("colour", &[]), "");
    }

    #[test]
    fn edit_distances() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("ab", "ba"), 1);
        assert_eq!(distance("가나", "가다"), 1);
    }
}
