//! Matches a key that arrives in parts against the names in the paths, without keeping it.
//!
//! What has come of a key equals the start of some path's name, so that name stands for it: a place
//! and a length are all the state. Invariant: names and keys may be of any length, paths any number
//! up to 65,536 (those beyond are not found).

use super::Path;

/// A path, and by it a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PathIndex(u16);

/// Where a key is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Level {
    /// In the message itself.
    Top,
    /// In an element of an array that the message has. Whether it is the path's array is not asked
    /// here.
    Element,
}

impl Level {
    /// The name that `path` has at this level.
    fn name(self, path: &Path) -> Option<&str> {
        match (self, path) {
            (Level::Top, Path::Member(name) | Path::EachMember { array: name, .. }) => Some(name),
            (Level::Element, Path::EachMember { member, .. }) => Some(member),
            _ => None,
        }
    }

    /// The first path whose name at this level is fit.
    fn find(self, paths: &[Path], is_fit: impl Fn(&[u8]) -> bool) -> Option<PathIndex> {
        let index =
            paths.iter().position(|path| self.name(path).is_some_and(|name| is_fit(name.as_bytes())))?;
        u16::try_from(index).ok().map(PathIndex)
    }
}

impl PathIndex {
    /// The path's name at `level`.
    pub(super) fn name(self, level: Level, paths: &[Path]) -> Option<&str> {
        level.name(paths.get(usize::from(self.0))?)
    }
}

/// The key so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyMatch {
    /// A path whose name begins as the key does; `None` when there is none.
    path: Option<PathIndex>,
    /// Bytes of the key so far, equal to the start of that name.
    len: u32,
}

impl KeyMatch {
    /// A key that no path names.
    pub(super) const NONE: Self = Self { path: None, len: 0 };

    /// A key of which nothing has come.
    pub(super) fn new(level: Level, paths: &[Path]) -> Self {
        Self { path: level.find(paths, |_| true), len: 0 }
    }

    /// Whether a path may still name the key.
    pub(super) fn is_possible(&self) -> bool {
        self.path.is_some()
    }

    /// Takes more of the key, unescaped.
    pub(super) fn take(&mut self, level: Level, paths: &[Path], part: &[u8]) {
        let Some((known, more)) = self.split_name(level, paths) else { return };
        if !more.starts_with(part) {
            self.path =
                level.find(paths, |name| name.strip_prefix(known).is_some_and(|more| more.starts_with(part)));
        }
        // A name of 4 GiB is not to be had.
        self.len = self.len.saturating_add(part.len() as u32);
    }

    /// Takes the last part; the first path that names the key.
    pub(super) fn finish(mut self, level: Level, paths: &[Path], part: &[u8]) -> Option<PathIndex> {
        // Most keys come in one part. (After a part that no name fits, the length is not 0.)
        if self.len == 0 {
            return level.find(paths, |name| name == part);
        }
        self.take(level, paths, part);
        let (key, _) = self.split_name(level, paths)?;
        level.find(paths, |name| name == key)
    }

    /// The name that stands for the key, split where the key has come to.
    fn split_name<'p>(&self, level: Level, paths: &'p [Path]) -> Option<(&'p [u8], &'p [u8])> {
        self.path?.name(level, paths)?.as_bytes().split_at_checked(self.len as usize)
    }
}

impl Default for KeyMatch {
    fn default() -> Self {
        Self::NONE
    }
}
