//! `[[mix]]`: which scenarios a run plays side by side, and how often each.
//!
//! Reads what the file says and opens no other one. Invariant: a mix that exists has parts with names of their
//! own and weights that can be shared out; what is in the file besides is played by a part.

use std::path::Path;

use super::compile::ROOT_KEYS;
use super::document::{self, Section};
use super::error::{ScenarioError, Source};
use super::stage::Stage;

pub(super) const KEYS: [&str; 6] = ["name", "scenario", "weight", "target", "members", "set"];

/// Parts of a mix at most.
const PARTS_MAX: usize = 16;
/// The largest weight.
const WEIGHT_MAX: u32 = 1000;
/// Keys of a file that is a mix and nothing else.
const OWN_KEYS: [&str; 3] = ["name", "mix", "stages"];

/// A mix as its file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mix {
    /// Its name.
    pub name: String,
    /// The levels that all of its sessions together go through; none: as the run says.
    pub stages: Vec<Stage>,
    /// Its parts, in the order of the file.
    pub parts: Vec<Part>,
}

/// A part of a mix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its name in results, and of its directory; none: its scenario's.
    pub name: Option<String>,
    /// Its scenario: a built-in one, or a file; none: the mix's own file.
    pub scenario: Option<String>,
    /// Its share of the sessions, over the sum of all weights.
    pub weight: u32,
    /// Its servers; none: the run's.
    pub target: Option<String>,
    /// Its members; none: some of the run's.
    pub members: Option<String>,
    /// Variables that it sets.
    pub set: Vec<(String, String)>,
}

/// Returns the mix in a file; `None`: it has none.
///
/// # Errors
/// What is wrong with it.
pub fn read(file: &str, text: &str) -> Result<Option<Mix>, ScenarioError> {
    let source = Source { file, text };
    let document = document::parse(source)?;
    if !document.get_ref().contains_key("mix") {
        return Ok(None);
    }
    let root = Section::root(source, "the scenario", document.get_ref(), &ROOT_KEYS)?;
    let sections = root.sections("mix", "[[mix]]", &KEYS)?;
    if sections.len() < 2 || sections.len() > PARTS_MAX {
        let message = format!("it has {} parts, and a mix has 2 to {PARTS_MAX}", sections.len());
        return Err(root.error("mix", root.place("mix"), message));
    }
    let parts = sections.iter().map(|section| part(section, file)).collect::<Result<Vec<_>, _>>()?;
    let is_scenario = root.has("http") || root.has("websocket");
    let own = parts.iter().position(|part| part.scenario.is_none());
    if let Some(own) = own.filter(|_| !is_scenario) {
        let message = "\"scenario\" is missing: a built-in scenario's name, or a file";
        return Err(sections[own].own_error(message));
    }
    let other = ROOT_KEYS.iter().find(|key| root.has(key) && !OWN_KEYS.contains(key));
    if let Some(key) = other.filter(|_| own.is_none()) {
        let message =
            "no part plays what is in this file besides the mix: give a [[mix]] without \"scenario\"";
        return Err(root.error(key, root.place(key), message));
    }
    let stages = root.texts("stages")?;
    let stage = |text: &document::Text<'_>| {
        text.value.parse().map_err(|why: String| root.error("stages", text.span.clone(), why))
    };
    Ok(Some(Mix {
        name: root.required_text("name")?.value.to_owned(),
        stages: stages.iter().map(stage).collect::<Result<_, _>>()?,
        parts,
    }))
}

fn part(section: &Section<'_>, file: &str) -> Result<Part, ScenarioError> {
    let text = |key| section.text(key).map(|text| text.map(|text| text.value.to_owned()));
    let weight = section.count("weight")?.unwrap_or(1);
    if weight > WEIGHT_MAX {
        let message = format!("it is at most {WEIGHT_MAX}");
        return Err(section.error("weight", section.place("weight"), message));
    }
    let name = section.text("name")?;
    if let Some(name) = name.as_ref().filter(|name| !is_name(name.value)) {
        let message = format!("{NAME_FORM}, and names the part's directory");
        return Err(section.error("name", name.span.clone(), message));
    }
    let beside = |path: String| if is_file(&path) { beside(file, &path) } else { path };
    Ok(Part {
        name: name.map(|name| name.value.to_owned()),
        scenario: text("scenario")?.map(beside),
        weight,
        target: text("target")?,
        members: text("members")?.map(beside),
        set: section
            .pairs("set", true)?
            .into_iter()
            .map(|(name, value)| (name.value.to_owned(), value.value.to_owned()))
            .collect(),
    })
}

/// What a part's name has to be.
pub const NAME_FORM: &str = "a part's name has letters, digits, - and _ alone, 40 at most";

/// Whether a part can have this name.
pub fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (1..=40).contains(&name.len()) && name.chars().all(fits)
}

/// Whether it names a file, not a built-in scenario or a range of members.
fn is_file(text: &str) -> bool {
    text.contains('/') || text.ends_with(".toml") || text.ends_with(".csv")
}

/// A path in a file is relative to that file.
fn beside(file: &str, path: &str) -> String {
    let directory = Path::new(file).parent().unwrap_or(Path::new(""));
    directory.join(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        read("dir/mix.toml", text).expect_err(text).to_string()
    }

    #[test]
    fn a_mix_has_its_parts_with_paths_beside_its_file() {
        let text = "name = \"day\"\nstages = [\"1m:100\"]\n[[mix]]\nscenario = \"runners.toml\"\nweight = 9\n\
            [[mix]]\nname = \"watchers\"\nscenario = \"echo\"\ntarget = \"ws://h/\"\nmembers = \"m/w.csv\"\n\
            set = { room = \"a\", n = 3 }\n";
        let mix = read("dir/mix.toml", text).expect("it is right").expect("it is a mix");
        assert_eq!((mix.name.as_str(), mix.stages.len(), mix.parts.len()), ("day", 1, 2));
        let [runners, watchers] = &mix.parts[..] else { panic!("two") };
        assert_eq!((runners.name.as_deref(), runners.weight), (None, 9));
        assert_eq!(runners.scenario.as_deref(), Some("dir/runners.toml"));
        assert_eq!((watchers.scenario.as_deref(), watchers.weight), (Some("echo"), 1));
        assert_eq!(watchers.members.as_deref(), Some("dir/m/w.csv"));
        assert_eq!(watchers.set, [("room".to_owned(), "a".to_owned()), ("n".to_owned(), "3".to_owned())]);
        assert_eq!(read("x", "name = \"x\"\n").expect("no mix"), None);
    }

    #[test]
    fn what_is_no_mix_is_refused_at_its_place() {
        let two = "name = \"x\"\n[[mix]]\nscenario = \"echo\"\n";
        assert!(refused(two).contains("it has 1 parts, and a mix has 2 to 16"), "{}", refused(two));
        let weight = format!("{two}[[mix]]\nscenario = \"chat\"\nweight = 1001\n");
        assert!(refused(&weight).starts_with("dir/mix.toml:6:10: "), "{}", refused(&weight));
        let name = format!("{two}[[mix]]\nname = \"a/b\"\nscenario = \"chat\"\n");
        assert!(refused(&name).contains("letters, digits"), "{}", refused(&name));
        let own = format!("{two}[[mix]]\nweight = 2\n");
        assert!(refused(&own).contains("\"scenario\" is missing"), "{}", refused(&own));
        let besides = format!("mock = true\n{two}[[mix]]\nscenario = \"chat\"\n");
        assert!(refused(&besides).contains("no part plays what is in this file"), "{}", refused(&besides));
        let unknown = format!("{two}[[mix]]\nscenario = \"chat\"\nwieght = 1\n");
        assert!(refused(&unknown).contains("did you mean \"weight\"?"), "{}", refused(&unknown));
    }
}
