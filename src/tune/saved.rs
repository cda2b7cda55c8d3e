//! What `startline tune` changed: a line a setting, with its value before, the value written and
//! the network it is of.
//!
//! Text in, text out. Invariants: what was there before is kept to the byte, and lines of other
//! networks as they are. Settings of `net.*` are a network namespace's own; a namespace's number is
//! given out again after its end, after a boot above all.

use std::collections::BTreeMap;

/// The network of the machine itself, whose lines are told by this word.
pub const OF_THE_MACHINE: &str = "box";

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What was there, as it was.
    pub before: String,
    /// What was written.
    pub written: String,
}

/// What was changed in this network, and the lines of others.
#[derive(Clone, Debug, Default)]
pub struct Saved {
    network: String,
    others: Vec<String>,
    /// By key.
    pub changes: BTreeMap<String, Change>,
}

impl Saved {
    /// Reads the file's text, for a network: [`OF_THE_MACHINE`], or a namespace's name, `@` and the
    /// boot's id. Lines of namespaces of earlier boots are left out.
    ///
    /// # Errors
    /// The line that is none.
    pub fn parse(text: &str, network: &str, boot: &str) -> Result<Self, String> {
        let mut saved = Self { network: network.to_owned(), ..Self::default() };
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let fields: Vec<&str> = line.split('\t').collect();
            let (key, before, written, of) = match fields[..] {
                // Before networks were told apart, it was the machine's.
                [key, before, written] => (key, before, written, OF_THE_MACHINE),
                [key, before, written, of] => (key, before, written, of),
                _ => return Err(line.to_owned()),
            };
            if !is_key(key) || before.is_empty() || written.is_empty() {
                return Err(line.to_owned());
            }
            if !key.starts_with("net.") || of == network {
                let change = Change { before: decoded(before), written: decoded(written) };
                saved.changes.insert(key.to_owned(), change);
            } else if of.split_once('@').is_none_or(|(_, of_boot)| of_boot == boot) {
                saved.others.push([key, before, written, of].join("\t"));
            }
        }
        Ok(saved)
    }

    /// The text of the file; `None` where there is nothing to save.
    pub fn text(&self) -> Option<String> {
        let own = self.changes.iter().map(|(key, change)| {
            [key, &encoded(&change.before), &encoded(&change.written), &self.network]
                .map(|it| it.as_str())
                .join("\t")
        });
        let mut lines: Vec<String> = self.others.iter().cloned().chain(own).collect();
        lines.sort_unstable();
        let head = "# What startline tune changed: setting, value before, value written, network. \
                    startline tune revert reads it.\n";
        (!lines.is_empty()).then(|| format!("{head}{}\n", lines.join("\n")))
    }

    /// How many settings of other networks are saved.
    pub fn others(&self) -> usize {
        self.others.len()
    }
}

/// The words of a value, one space between them: what is compared and shown.
pub fn plain(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Names joined by dots; nothing that leads elsewhere as a path.
fn is_key(key: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
    };
    key.contains('.') && key.split('.').all(is_name)
}

fn encoded(value: &str) -> String {
    value.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n")
}

fn decoded(text: &str) -> String {
    let mut value = String::new();
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        value.push(match (char, char == '\\') {
            (_, true) => match chars.next() {
                Some('t') => '\t',
                Some('n') => '\n',
                Some(other) => other,
                None => '\\',
            },
            (char, false) => char,
        });
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_to_the_byte() {
        for before in ["32768\t60999\n", " 1 \\ 2\\t\n\n", "\\"] {
            let mut saved = Saved::parse("", "net:[1]@b", "b").expect("empty");
            let change = Change { before: before.to_owned(), written: "1 2\n".to_owned() };
            saved.changes.insert("net.core.x".to_owned(), change);
            let text = saved.text().expect("something");
            assert_eq!(Saved::parse(&text, "net:[1]@b", "b").expect("ours").changes, saved.changes);
            let elsewhere = Saved::parse(&text, OF_THE_MACHINE, "b").expect("ours");
            assert_eq!((elsewhere.changes.len(), elsewhere.others()), (0, 1));
            assert_eq!(elsewhere.text().as_deref(), Some(text.as_str()), "others' lines stay as they are");
            assert_eq!(
                Saved::parse(&text, OF_THE_MACHINE, "c").expect("ours").text(),
                None,
                "an earlier boot's"
            );
        }
    }

    #[test]
    fn a_line_of_somebody_else_is_refused() {
        for line in [
            "../../etc/passwd\tx\ty",
            "net/ipv4/x\t1\t0",
            "net.core.x\t1",
            "net.core.x\t\t1",
            "a.b\t1\t2\t3\t4",
        ] {
            assert_eq!(Saved::parse(line, OF_THE_MACHINE, "b").expect_err("refused"), line);
        }
    }
}
