//! The scenario of a plan: its text, the variables that the user set, and where its secrets come from.
//!
//! Compiles nothing itself. Invariant: what is serialized has no secret in it, and repeats the run as long as the secrets are
//! where they were.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::scenario::outside::{self, Header, Outside};
use crate::scenario::{Scenario, ScenarioError};

/// A scenario and the variables that the user set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScenarioSettings {
    /// Where it was read from, for errors.
    pub file: String,
    /// Where its relative paths begin; `None`: it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<PathBuf>,
    /// Variables that the user set, but for secret ones.
    #[serde(default)]
    pub set: BTreeMap<String, String>,
    /// Files with the values of further ones.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set_files: BTreeMap<String, PathBuf>,
    /// Secret ones that the user set, whose values are nowhere.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub set_secrets: BTreeSet<String>,
    /// The scenario's file, if it has values of secret variables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<PathBuf>,
    /// All of its TOML, without the values of secret variables.
    pub source: String,
    /// Those: a plan does not keep them.
    #[serde(skip)]
    pub secrets: Hidden,
    /// What the rows of the run's members say.
    #[serde(skip)]
    pub header: Option<Header>,
    /// It is of results that are read back: nothing is played, and secrets are not needed.
    #[serde(skip)]
    pub is_read_back: bool,
}

/// Values by name that are in no output.
#[derive(Clone, Default, PartialEq)]
pub struct Hidden(pub BTreeMap<String, String>);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl ScenarioSettings {
    /// Reads the scenario of this name or file.
    ///
    /// # Errors
    /// There is none.
    pub fn find(name_or_file: &str) -> Result<Self, ScenarioError> {
        let (file, text) = Scenario::find(name_or_file)?;
        let (source, secrets) = outside::without_secrets(&file, &text);
        let absolute = std::path::absolute(&file).ok();
        let directory = absolute.as_ref().and_then(|file| Some(file.parent()?.to_owned()));
        let base = if source.contains("{file:") { directory } else { None };
        let origin = if secrets.is_empty() { None } else { absolute };
        Ok(Self { file, base, origin, source, secrets: Hidden(secrets), ..Self::default() })
    }

    /// Sets variables: those that the scenario lists as secret are kept out of every output.
    pub fn set(&mut self, variables: &[(String, String)]) {
        let secret = outside::listed(&self.file, &self.source);
        for (name, value) in variables.iter().cloned() {
            self.set_files.remove(&name);
            match secret.contains(&name) {
                true => {
                    self.source = outside::to_be_given(&self.file, &self.source, &name);
                    self.set_secrets.insert(name.clone());
                    self.secrets.0.insert(name, value);
                }
                false => drop(self.set.insert(name, value)),
            }
        }
    }

    /// Sets variables to what is in files.
    pub fn set_from_files(&mut self, files: &[(String, PathBuf)]) {
        for (name, path) in files {
            self.set.remove(name);
            self.set_secrets.remove(name);
            self.secrets.0.remove(name);
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            self.set_files.insert(name.clone(), path);
        }
    }

    /// Reads these files, once, since a pipe gives what is in it a single time; and for a plan that is repeated what its scenario's
    /// file has of secret variables.
    ///
    /// # Errors
    /// One cannot be read.
    pub fn read_files(&mut self) -> Result<(), ScenarioError> {
        if let Some(origin) = self.origin.as_ref().and_then(|file| file.to_str())
            && let Ok((file, text)) = Scenario::find(origin)
        {
            let (_, values) = outside::without_secrets(&file, &text);
            let known = values.into_iter().filter(|(name, _)| !self.set_secrets.contains(name));
            for (name, value) in known {
                self.secrets.0.entry(name).or_insert(value);
            }
        }
        for (name, path) in &self.set_files {
            let unread = |error: std::io::Error| ScenarioError::SetFile {
                name: name.clone(),
                file: path.display().to_string(),
                reason: error.to_string(),
            };
            self.secrets.0.insert(name.clone(), outside::read_secret(path).map_err(unread)?);
        }
        Ok(())
    }

    /// Compiles it as it stands in its file, with the variables that the user set.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn compile(&self) -> Result<Scenario, ScenarioError> {
        let set: Vec<(String, String)> = self.set.clone().into_iter().collect();
        let is_given = |name: &String| self.set_secrets.contains(name) || self.set_files.contains_key(name);
        let mut secrets = self.secrets.0.clone();
        if self.is_read_back {
            let wanted = outside::wanted(&self.file, &self.source).into_iter();
            let wanted = wanted.chain(self.set_files.keys().cloned());
            secrets.extend(wanted.map(|name| (name, outside::STAND_IN.to_owned())));
        }
        let outside = Outside {
            is_open: true,
            is_read_back: self.is_read_back,
            base: self.base.clone(),
            secrets,
            written: self.secrets.0.keys().filter(|name| !is_given(name)).cloned().collect(),
            header: self.header.clone(),
        };
        Scenario::compile_with(&self.file, &self.source, &set, &outside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::template::Scope;

    #[test]
    fn a_secret_variable_of_the_file_may_refer_to_others_and_a_given_one_is_text() {
        let temp = tempfile::tempdir().expect("a directory");
        let file = temp.path().join("x.toml");
        let source = "name = \"x\"\nsecret = [\"password\", \"auth\"]\n[variables]\nuser = \"u{session}\"\n\
            password = \"pw-{session}\"\nauth = \"{user}:{password}\"\n[[http]]\nname = \"a\"\nmethod = \"POST\"\n\
            path = \"/\"\nbody = \"{auth}\"\n";
        std::fs::write(&file, source).expect("written");
        let found = ScenarioSettings::find(file.to_str().expect("text")).expect("it is there");
        assert!(!found.source.contains("pw-"), "a plan does not keep it");
        let body = |settings: &ScenarioSettings| {
            let scenario = settings.compile().expect("it compiles");
            let mut out = Vec::new();
            scenario.http[0].body.as_ref().expect("a body").render(&Scope::default(), &mut out);
            String::from_utf8(out).expect("text")
        };
        assert_eq!(body(&found), "u0:pw-0");

        let mut given = found.clone();
        given.set(&[("password".to_owned(), "a{session}".to_owned())]);
        assert_eq!(body(&given), "u0:a{session}");

        // A plan that is repeated reads the file again.
        let mut again = ScenarioSettings { secrets: Hidden::default(), ..found };
        again.read_files().expect("the file is there");
        assert_eq!(body(&again), "u0:pw-0");
    }
}
