//! XML as a tree in which each element knows its line.
//!
//! Knows nothing of JMeter. Invariants: neither its depth nor its length can exhaust the stack, since elements lie in one
//! list; no entity is expanded but the predefined ones and characters.

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};

use super::super::error::ImportError;

/// Levels of elements at most: no plan is deeper, and what walks the tree may recurse.
const DEPTH_MAX: usize = 256;

/// A document.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    elements: Vec<Data>,
}

#[derive(Clone, Debug)]
struct Data {
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
    line: usize,
    children: Vec<usize>,
}

/// An element of a [`Tree`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Node<'t> {
    tree: &'t Tree,
    index: usize,
}

impl Tree {
    /// Reads a document.
    ///
    /// # Errors
    /// It is not well-formed.
    pub(super) fn read(file: &str, text: &str) -> Result<Self, ImportError> {
        Reading { file, text, line: 1, counted_bytes: 0, tree: Self::default(), open: Vec::new() }.read()
    }

    /// The outermost element.
    pub(super) fn root(&self) -> Option<Node<'_>> {
        (!self.elements.is_empty()).then_some(Node { tree: self, index: 0 })
    }
}

/// A document being read.
struct Reading<'t> {
    file: &'t str,
    text: &'t str,
    /// The line of the byte at `counted_bytes`: lines are counted once, not from the start for each element.
    line: usize,
    counted_bytes: usize,
    tree: Tree,
    open: Vec<usize>,
}

impl Reading<'_> {
    fn read(mut self) -> Result<Tree, ImportError> {
        let mut reader = Reader::from_str(self.text);
        loop {
            let begin = reader.buffer_position();
            match reader.read_event() {
                Ok(Event::Start(start)) => {
                    self.begin(begin, &start)?;
                    if self.open.len() > DEPTH_MAX {
                        return Err(self.malformed(format!("elements are more than {DEPTH_MAX} deep")));
                    }
                }
                Ok(Event::Empty(start)) => {
                    self.begin(begin, &start)?;
                    self.open.pop();
                }
                Ok(Event::End(_)) => {
                    self.open.pop();
                }
                Ok(Event::Text(text)) => match text.decode() {
                    Ok(text) => self.add(begin, &text)?,
                    Err(error) => return Err(self.malformed(error.to_string())),
                },
                Ok(Event::CData(text)) => match text.decode() {
                    Ok(text) => self.add(begin, &text)?,
                    Err(error) => return Err(self.malformed(error.to_string())),
                },
                Ok(Event::GeneralRef(reference)) => {
                    let name = reference.decode().map_err(|error| self.malformed(error.to_string()))?;
                    let known = match (reference.resolve_char_ref(), name.as_ref()) {
                        (Ok(Some(c)), _) => Some(c),
                        (_, "lt") => Some('<'),
                        (_, "gt") => Some('>'),
                        (_, "amp") => Some('&'),
                        (_, "apos") => Some('\''),
                        (_, "quot") => Some('"'),
                        _ => None,
                    };
                    match known {
                        Some(c) => self.add(begin, c.encode_utf8(&mut [0; 4]))?,
                        None => return Err(self.malformed(format!("there is no entity &{name};"))),
                    }
                }
                Ok(Event::Eof) if self.open.is_empty() && !self.tree.elements.is_empty() => {
                    return Ok(self.tree);
                }
                Ok(Event::Eof) => {
                    self.advance(self.text.len());
                    return Err(self.malformed("it ends in the middle of an element".to_owned()));
                }
                Ok(_) => {}
                Err(error) => {
                    self.advance(usize::try_from(reader.error_position()).unwrap_or_default());
                    return Err(self.malformed(format!("not XML: {error}")));
                }
            }
        }
    }

    fn malformed(&self, message: String) -> ImportError {
        ImportError::Malformed { file: self.file.to_owned(), line: self.line, message }
    }

    /// Counts lines up to this byte.
    fn advance(&mut self, to: usize) {
        let to = to.clamp(self.counted_bytes, self.text.len());
        let between = &self.text.as_bytes()[self.counted_bytes..to];
        self.line += between.iter().filter(|byte| **byte == b'\n').count();
        self.counted_bytes = to;
    }

    fn begin(&mut self, at: u64, start: &BytesStart<'_>) -> Result<(), ImportError> {
        self.advance(usize::try_from(at).unwrap_or_default());
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| self.malformed(format!("not XML: {error}")))?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0);
            let value = value.map_err(|error| self.malformed(format!("not XML: {error}")))?;
            let name = String::from_utf8_lossy(attribute.key.as_ref()).into_owned();
            attributes.push((name, value.into_owned()));
        }
        let index = self.tree.elements.len();
        self.tree.elements.push(Data {
            name: String::from_utf8_lossy(start.name().as_ref()).into_owned(),
            attributes,
            text: String::new(),
            line: self.line,
            children: Vec::new(),
        });
        match self.open.last() {
            Some(parent) => self.tree.elements[*parent].children.push(index),
            None if index > 0 => return Err(self.malformed("there is a second outermost element".to_owned())),
            None => {}
        }
        self.open.push(index);
        Ok(())
    }

    /// Adds text, which begins at this byte, to the element that is open.
    fn add(&mut self, at: u64, text: &str) -> Result<(), ImportError> {
        match self.open.last() {
            Some(open) => self.tree.elements[*open].text.push_str(text),
            None if text.trim().is_empty() => {}
            None => {
                let blank = text.len() - text.trim_start().len();
                self.advance(usize::try_from(at).unwrap_or_default().saturating_add(blank));
                return Err(self.malformed("there is text outside of the outermost element".to_owned()));
            }
        }
        Ok(())
    }
}

impl<'t> Node<'t> {
    fn data(self) -> &'t Data {
        &self.tree.elements[self.index]
    }

    /// The element's name, without the package in which JMeter's plugins have theirs.
    pub(super) fn class(self) -> &'t str {
        let name = &self.data().name;
        name.rsplit_once('.').map_or(name, |(_, class)| class)
    }

    /// Its line, from 1.
    pub(super) fn line(self) -> usize {
        self.data().line
    }

    /// An attribute; empty if it is not there.
    pub(super) fn attribute(self, name: &str) -> &'t str {
        let found = self.data().attributes.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// The text in it, of which what its elements have is no part.
    pub(super) fn text(self) -> &'t str {
        &self.data().text
    }

    /// The elements in it.
    pub(super) fn children(self) -> impl DoubleEndedIterator<Item = Self> + 't {
        self.data().children.iter().map(move |index| Self { tree: self.tree, index: *index })
    }

    /// What it is for a test, whatever it is called: two that are alike do the same.
    pub(super) fn likeness(self) -> String {
        let data = self.data();
        let mut text = format!("<{}", data.name);
        for (name, value) in data.attributes.iter().filter(|(name, _)| name != "testname") {
            text.push_str(&format!(" {name}={value:?}"));
        }
        text.push_str(&format!(">{}", data.text.trim()));
        self.children().for_each(|child| text.push_str(&child.likeness()));
        text + "</>"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_know_their_lines_and_texts() {
        let text = "<?xml version=\"1.0\"?>\n<a>\n <b name=\"x&amp;y\">1 &lt; 2&#x1e;</b><c.d.E/>\n</a>\n";
        let tree = Tree::read("x.jmx", text).expect("well-formed");
        let root = tree.root().expect("an element");
        let children: Vec<Node<'_>> = root.children().collect();
        assert_eq!((root.class(), root.line(), children.len()), ("a", 2, 2));
        assert_eq!((children[0].attribute("name"), children[0].text()), ("x&y", "1 < 2\u{1e}"));
        assert_eq!((children[1].class(), children[1].line()), ("E", 3));
    }

    #[test]
    fn what_is_not_well_formed_is_refused_by_line() {
        for (text, begins) in [
            ("<a>\n<b>\n</a>", "x.jmx:3: not XML"),
            ("<a>\n&unknown;</a>", "x.jmx:1: there is no entity &unknown;"),
            ("<a>\n\n", "x.jmx:3: it ends in the middle"),
            ("<a/>\n<b/>", "x.jmx:2: there is a second"),
            ("<a/>\n\nand more", "x.jmx:3: there is text outside"),
            ("<a/>\n&amp;", "x.jmx:2: there is text outside"),
            ("<a/>\n<![CDATA[x]]>", "x.jmx:2: there is text outside"),
        ] {
            let error = Tree::read("x.jmx", text).expect_err(text).to_string();
            assert!(error.starts_with(begins), "{error}");
        }
        let deep = "<a>".repeat(DEPTH_MAX + 2);
        let error = Tree::read("x.jmx", &deep).expect_err("too deep").to_string();
        assert!(error.contains("256 deep"), "{error}");
    }
}
