//! What a scenario takes from outside its file, so that secrets need not stand in it: `{env:NAME}`, `{file:PATH}`, and
//! variables whose value is given with the plan.
//!
//! Compiles nothing. Invariants: what comes from outside is a secret; a scenario that is compiled by itself reads nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::document::{self, Section};
use super::error::Source;
use super::template::{self, Secret};

/// A secret is at most this long; some files, such as /dev/zero, have no end.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// The value of a variable that has to be given with `--set-file` or `--set`.
pub(super) const TO_BE_GIVEN: &str = "{set-file}";

/// What stands for a secret where nothing is played.
pub const STAND_IN: &str = "-";

/// Where a scenario may look.
#[derive(Clone, Debug, Default)]
pub struct Outside {
    /// The environment and files may be read.
    pub is_open: bool,
    /// Nothing will be played: a placeholder does for each secret.
    pub is_read_back: bool,
    /// Where relative paths begin; `None`: the current directory.
    pub base: Option<PathBuf>,
    /// Values of variables that nobody may read.
    pub secrets: BTreeMap<String, String>,
    /// The variables of these whose value stands in the scenario's file: it may refer to others.
    pub written: BTreeSet<String>,
    /// What the members' rows say, if there are any.
    pub header: Option<Header>,
}

/// What the first row of members' files says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The columns that templates can use, by their names; one that they cannot has none.
    pub columns: Vec<String>,
    /// The name of the column of ids.
    pub id: String,
    /// That column, where ids are text; the last column is then `member_id`, once more.
    pub text_ids: Option<usize>,
}

impl Outside {
    /// The value of `env:NAME` or `file:PATH`; `None` if the name is neither.
    pub(super) fn secret(&self, name: &str) -> Option<Result<Secret, String>> {
        let (kind, name) = name.split_once(':')?;
        let value = match kind {
            _ if self.is_read_back => Ok(STAND_IN.to_owned()),
            _ if !self.is_open => {
                Err(format!("{{{kind}:{name}}}: nothing outside the scenario is read here"))
            }
            "env" => std::env::var(name).map_err(|error| match error {
                std::env::VarError::NotPresent => format!("the environment variable {name} is not set"),
                std::env::VarError::NotUnicode(_) => format!("the environment variable {name} is not UTF-8"),
            }),
            _ => read_secret(&self.base.as_deref().unwrap_or(Path::new("")).join(name))
                .map_err(|error| format!("cannot read {name}: {error}")),
        };
        Some(value.and_then(|value| match value.is_empty() {
            true => Err(format!("{{{kind}:{name}}} is empty")),
            false => Ok(Secret { name: name.to_owned(), value }),
        }))
    }
}

/// Reads a file that has a secret in it, without its last line end.
///
/// # Errors
/// It cannot be read, is too long, or is not UTF-8.
pub fn read_secret(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::other("it is over 64 KiB, which no secret is"));
    }
    let mut text = String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8 text"))?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

/// The names of secret variables and taken values; none of one that cannot be compiled.
pub fn listed(file: &str, text: &str) -> Vec<String> {
    with_root(file, text, |root| Some(names(root))).unwrap_or_default()
}

/// A scenario's text without the values of secret variables that stand in it, and these values. It then says that they are
/// to be given. The same text of one that cannot be compiled. An empty value is nothing to hide.
pub fn without_secrets(file: &str, text: &str) -> (String, BTreeMap<String, String>) {
    let listed = listed(file, text);
    without(file, text, |name, value| {
        let is_outside = value.contains("{env:") || value.contains("{file:");
        !value.is_empty() && !is_outside && listed.iter().any(|it| it == name)
    })
}

/// A scenario's text which says that the value of this variable is to be given.
pub fn to_be_given(file: &str, text: &str, variable: &str) -> String {
    without(file, text, |name, _| name == variable).0
}

/// The variables of a scenario's text that say that their value is to be given.
pub fn wanted(file: &str, text: &str) -> Vec<String> {
    let names = with_root(file, text, |root| {
        let variables = root.pairs("variables", true).ok()?;
        let wanted = variables.into_iter().filter(|(_, value)| value.value == TO_BE_GIVEN);
        Some(wanted.map(|(name, _)| name.value.to_owned()).collect())
    });
    names.unwrap_or_default()
}

/// A scenario's text without the values of these variables, and these values.
fn without(
    file: &str,
    text: &str,
    is_left_out: impl Fn(&str, &str) -> bool,
) -> (String, BTreeMap<String, String>) {
    let found = with_root(file, text, |root| {
        let variables = root.pairs("variables", true).ok()?;
        let left_out = variables
            .into_iter()
            .filter(|(name, value)| value.value != TO_BE_GIVEN && is_left_out(name.value, value.value))
            .map(|(name, value)| (value.span, name.value.to_owned(), value.value.to_owned()));
        Some(left_out.collect::<Vec<_>>())
    });
    let (mut public, mut values) = (text.to_owned(), BTreeMap::new());
    // From the end, so that the places before stay where they are.
    for (span, name, value) in found.unwrap_or_default().into_iter().rev() {
        public.replace_range(span, &format!("\"{TO_BE_GIVEN}\""));
        values.insert(name, value);
    }
    (public, values)
}

/// Names listed as secret, and those that stand where a secret stands: in header fields which say who
/// is asking, in a password, in a subprotocol, in the query of a path or URL.
pub(super) fn names(root: &Section<'_>) -> Vec<String> {
    let listed = root.texts("secret").unwrap_or_default();
    let mut names: Vec<String> = listed.iter().map(|name| name.value.to_owned()).collect();
    let fields = root.all_pairs("headers").into_iter().filter(|(name, _)| says_who(name));
    let passwords = root.all_pairs("basic_auth").into_iter().filter(|(key, _)| *key == "password");
    let whole = fields.chain(passwords).map(|(_, text)| text).chain(root.all_texts("subprotocol"));
    let urls = ["path", "url"].into_iter().flat_map(|key| root.all_texts(key));
    let queries = urls.filter_map(|text| Some(text.split_once('?')?.1));
    for text in whole.chain(queries) {
        let braces = text.match_indices('{').filter_map(|(at, _)| template::Brace::read(&text[at..]));
        names.extend(braces.map(|brace| brace.name.to_owned()));
    }
    names
}

/// Whether a header field says who is asking.
pub fn says_who(field: &str) -> bool {
    ["authorization", "proxy-authorization", "cookie"].iter().any(|it| field.eq_ignore_ascii_case(it))
}

fn with_root<T>(file: &str, text: &str, read: impl FnOnce(&Section<'_>) -> Option<T>) -> Option<T> {
    let source = Source { file, text };
    let document = document::parse(source).ok()?;
    let table = document.get_ref();
    let keys: Vec<&str> = table.keys().map(|key| key.get_ref().as_ref()).collect();
    read(&Section::root(source, "the scenario", table, &keys).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(base: &Path) -> Outside {
        Outside { is_open: true, base: Some(base.to_owned()), ..Outside::default() }
    }

    #[test]
    fn a_file_s_last_line_end_is_not_part_of_the_secret() {
        let at = tempfile::tempdir().expect("a directory");
        let outside = opened(at.path());
        for (text, value) in [("s3cret\n", "s3cret"), ("s3cret\r\n", "s3cret"), ("a\n\n", "a\n"), ("b", "b")]
        {
            std::fs::write(at.path().join("k"), text).expect("written");
            let secret = outside.secret("file:k").expect("a file").expect("read");
            assert_eq!((secret.name.as_str(), secret.value.as_str()), ("k", value));
        }
        let refused = |name: &str| outside.secret(name).expect("outside").expect_err("refused");
        assert!(refused("file:none").starts_with("cannot read none:"), "{}", refused("file:none"));
        assert!(refused("file:/dev/zero").contains("over 64 KiB"));
        assert!(refused("file:/dev/null").contains("is empty"));
        assert!(refused("env:STARTLINE_NO_SUCH_VARIABLE").contains("is not set"));
        assert!(outside.secret("member_id").is_none());
        assert!(Outside::default().secret("file:k").expect("outside").is_err(), "nothing is read");
    }

    #[test]
    fn a_text_without_its_secrets_says_that_they_are_to_be_given() {
        let text = "name = \"x\"\nsecret = [\"p\", \"q\"]\n[variables]\np = \"hunter2\"\nq = '{env:Q}'\nr = 3 # hunter\n";
        let (public, values) = without_secrets("x.toml", text);
        assert_eq!(public, text.replace("\"hunter2\"", "\"{set-file}\""));
        assert_eq!(values, BTreeMap::from([("p".to_owned(), "hunter2".to_owned())]));
        assert_eq!(without_secrets("x.toml", &public), (public.clone(), BTreeMap::new()));
        assert_eq!(listed("x.toml", text), ["p", "q"]);
        assert_eq!(without_secrets("x.toml", "secret = ["), ("secret = [".to_owned(), BTreeMap::new()));
        let empty = text.replace("hunter2", "");
        assert_eq!(without_secrets("x.toml", &empty).0, empty, "an empty value is nothing to hide");
        assert_eq!(to_be_given("x.toml", &empty, "p"), public);
    }
}
