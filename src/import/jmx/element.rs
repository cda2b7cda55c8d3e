//! JMeter's elements: properties, and the `hashTree` behind each, which holds what is under it.
//!
//! Knows what a property is, not what one means. Invariant: what is disabled is not there.

use std::time::Duration;

use super::xml::Node;

/// An element of a plan, with what is under it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element<'t> {
    node: Node<'t>,
    under: Option<Node<'t>>,
}

/// The elements of a `hashTree` that are enabled, and how many are not.
pub(super) fn elements(hash_tree: Node<'_>) -> (Vec<Element<'_>>, usize) {
    let (mut found, mut disabled) = (Vec::new(), 0);
    let mut nodes = hash_tree.children().peekable();
    while let Some(node) = nodes.next() {
        if node.class() == "hashTree" {
            continue;
        }
        let under = nodes.next_if(|next| next.class() == "hashTree");
        match node.attribute("enabled") {
            "false" => disabled += 1,
            _ => found.push(Element { node, under }),
        }
    }
    (found, disabled)
}

impl<'t> Element<'t> {
    /// Its class without its package: `ThreadGroup`.
    pub(super) fn class(self) -> &'t str {
        match self.node.class() {
            // Plugins' elements are of a common name and say in an attribute what they are.
            "" | "TestElement" => self.node.attribute("testclass"),
            // As old plans call them.
            "HTTPSampler" | "HTTPSampler2" => "HTTPSamplerProxy",
            class => class,
        }
    }

    /// What its author called it.
    pub(super) fn name(self) -> &'t str {
        self.node.attribute("testname").trim()
    }

    /// The class of its form, which tells elements of one class apart.
    pub(super) fn attribute_gui(self) -> &'t str {
        self.node.attribute("guiclass")
    }

    /// Class and name, as messages speak of it.
    pub(super) fn called(self) -> String {
        let name: String = self.name().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        match name.is_empty() {
            true => self.class().to_owned(),
            false => format!("{} \"{name}\"", self.class()),
        }
    }

    /// Its line.
    pub(super) fn line(self) -> usize {
        self.node.line()
    }

    /// What is under it.
    pub(super) fn under(self) -> Vec<Self> {
        self.under.map(|tree| elements(tree).0).unwrap_or_default()
    }

    /// How many disabled elements are under it, at any depth.
    pub(super) fn disabled_under(self) -> usize {
        let Some(tree) = self.under else { return 0 };
        let (found, disabled) = elements(tree);
        disabled + found.into_iter().map(Self::disabled_under).sum::<usize>()
    }

    /// What is under it, whatever that is called: see [`Node::likeness`].
    pub(super) fn likeness(self) -> String {
        self.under.map(Node::likeness).unwrap_or_default()
    }

    /// All that is in it and under it, as a text to look for names in.
    pub(super) fn whole(self) -> String {
        self.node.likeness() + &self.likeness()
    }

    /// A property's text; `None` if it is not there or empty.
    pub(super) fn text(self, name: &str) -> Option<&'t str> {
        property(self.node, name).map(Node::text).filter(|text| !text.trim().is_empty())
    }

    /// A property's text as it stands, spaces too; empty if it is not there.
    pub(super) fn raw(self, name: &str) -> &'t str {
        property(self.node, name).map_or("", Node::text)
    }

    /// Whether a property is true.
    pub(super) fn flag(self, name: &str) -> bool {
        self.text(name).is_some_and(|text| text.trim().eq_ignore_ascii_case("true"))
    }

    /// The properties of a property that has several: a list's, or another element's.
    pub(super) fn inner(self, name: &str) -> Vec<Part<'t>> {
        property(self.node, name).map(|node| node.children().map(Part).collect()).unwrap_or_default()
    }

    /// The elements of the list `list` in the property `name`: `Arguments.arguments` in `HTTPsampler.Arguments`.
    pub(super) fn list_in(self, name: &str, list: &str) -> Vec<Part<'t>> {
        let inner = property(self.node, name).and_then(|node| property(node, list));
        inner.map(|node| node.children().map(Part).collect()).unwrap_or_default()
    }
}

/// A property of an element: text, or one that has properties itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'t>(Node<'t>);

impl<'t> Part<'t> {
    /// Its own text.
    pub(super) fn own_text(self) -> &'t str {
        self.0.text()
    }

    /// What is in it, if it is a list.
    pub(super) fn parts(self) -> impl Iterator<Item = Self> + 't {
        self.0.children().map(Self)
    }

    /// Its line.
    pub(super) fn line(self) -> usize {
        self.0.line()
    }

    /// The text of a property of it; empty if it is not there.
    pub(super) fn text(self, name: &str) -> &'t str {
        property(self.0, name).map_or("", Node::text)
    }

    /// Whether a property of it is true.
    pub(super) fn flag(self, name: &str) -> bool {
        self.text(name).trim().eq_ignore_ascii_case("true")
    }

    /// Whether it is the property of this name.
    pub(super) fn is(self, name: &str) -> bool {
        self.0.attribute("name") == name
    }
}

fn property<'t>(node: Node<'t>, name: &str) -> Option<Node<'t>> {
    node.children().find(|child| child.attribute("name") == name)
}

/// A time that a plan writes as a number of milliseconds.
pub(super) fn milliseconds(text: &str) -> Option<u64> {
    let number: f64 = text.trim().parse().ok()?;
    let is_time = (0.0..=Duration::from_secs(366 * 24 * 3600).as_millis() as f64).contains(&number);
    is_time.then_some(number.round() as u64)
}
