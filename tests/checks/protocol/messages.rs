//! Records against rules at every split, and against a matcher that reads with serde_json.

use std::cell::Cell;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use startline_protocol::matching::*;

use super::splits;

/// Rules, the places whose values are kept, and the list whose elements are passed on.
#[derive(Clone, Debug)]
pub struct Asked {
    pub rules: Vec<Rule>,
    pub wanted: Vec<Wanted>,
    pub each: Option<Each>,
}

/// What a record turned out to be: its rule, the values at the places wanted, the list's elements.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub rule: Option<u8>,
    pub values: Vec<Found>,
    pub elements: Vec<Found>,
}

/// A value, owned.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    Nothing,
    Text(Vec<u8>),
    Number(Vec<u8>),
    Name(Vec<u8>),
    TooLong,
}

/// A record has the same outcome at every split, for each of some sets of rules, and it is the model's.
pub fn message(bytes: &[u8]) {
    for asked in sets() {
        asked_of(bytes, &asked);
    }
}

/// The same for one set of rules.
pub fn asked_of(bytes: &[u8], asked: &Asked) {
    let matcher = Matcher::new(&asked.rules, &asked.wanted, asked.each.as_ref()).expect("they fit");
    let whole = whole(bytes, asked, &matcher);
    for pieces in splits(bytes) {
        assert_eq!(outcome(&pieces, asked, &matcher), whole, "{pieces:?} {asked:?}");
    }
    if let Some(expected) = model(bytes, asked) {
        assert_eq!(whole, expected, "{:?} {asked:?}", bytes.escape_ascii().to_string());
    }
    if let Some(quick) = matcher.quick(bytes) {
        assert_eq!(Some(quick.rule), whole.rule, "{}", bytes.escape_ascii());
        let both = [quick.integer.map(|(_, digits)| digits), quick.second.map(|(_, digits)| digits)];
        for digits in both.into_iter().flatten() {
            assert!(whole.values.contains(&Found::Number(digits.into())), "{}", bytes.escape_ascii());
        }
    }
}

fn whole(record: &[u8], asked: &Asked, matcher: &Matcher) -> Outcome {
    let (mut matching, mut elements) = (Matching::default(), Vec::new());
    let rule = matching.whole(matcher, record, &mut |value, _| elements.push(Found::of(Some(value))));
    read(&matching, rule, elements, asked, matcher)
}

/// What a record is that arrives in these pieces.
pub fn outcome(pieces: &[&[u8]], asked: &Asked, matcher: &Matcher) -> Outcome {
    let (mut matching, mut elements) = (Matching::default(), Vec::new());
    let mut each = |value: Value<'_>, _: bool| elements.push(Found::of(Some(value)));
    matching.begin(matcher);
    for piece in pieces {
        matching.feed(matcher, piece, &mut each);
    }
    let rule = matching.finish(matcher, &mut each);
    read(&matching, rule, elements, asked, matcher)
}

fn read(
    matching: &Matching,
    rule: Option<u8>,
    elements: Vec<Found>,
    asked: &Asked,
    matcher: &Matcher,
) -> Outcome {
    let value = |place| match matching.is_too_long(matcher, place) {
        true => Found::TooLong,
        false => Found::of(matching.value(matcher, place)),
    };
    let is_wanted = |place: &usize| rule.is_some_and(|rule| asked.wanted[*place].rules >> rule & 1 == 1);
    let is_list = asked.each.as_ref().is_some_and(|each| Some(each.rule) == rule);
    Outcome {
        rule,
        values: (0..asked.wanted.len())
            .map(|place| if is_wanted(&place) { value(place) } else { Found::Nothing })
            .collect(),
        elements: if is_list { elements } else { Vec::new() },
    }
}

impl Found {
    fn of(value: Option<Value<'_>>) -> Self {
        match value {
            None => Self::Nothing,
            Some(value) if value.bytes().len() > VALUE_BYTES_MAX => Self::TooLong,
            Some(Value::Text(bytes)) => Self::Text(bytes.into()),
            Some(Value::Number(bytes)) => Self::Number(bytes.into()),
            Some(Value::Name(bytes)) => Self::Name(bytes.into()),
        }
    }
}

/// A rule of these fields; the value `*` wants one that exists.
pub fn fields(fields: &[(&str, &str)]) -> Rule {
    let want = |text: &str| if text == "*" { Want::Exists } else { Want::Equals(text.into()) };
    let fields = fields.iter().map(|(pointer, text)| (Pointer::parse(pointer).expect("one"), want(text)));
    Rule { fields: fields.collect(), ..Rule::default() }
}

/// A value at `pointer` of these rules.
pub fn wanted(pointer: &str, rules: u64) -> Wanted {
    Wanted { place: Place::Field(Pointer::parse(pointer).expect("one")), rules }
}

/// Sets of rules that have everything in them.
pub fn sets() -> Vec<Asked> {
    let each = |pointer: &str, rule| Some(Each { pointer: Pointer::parse(pointer).expect("one"), rule });
    let after = |text: &str, rules| Wanted { place: Place::After(text.into()), rules };
    vec![
        Asked {
            rules: ["A", "달🏃", "list", "type", ""].map(|name| fields(&[("/type", name)])).into(),
            wanted: vec![wanted("/userId", 0b1_0001), wanted("/a/b", 0b10), wanted("/type", 0b1000)],
            each: each("/list/*/userId", 2),
        },
        Asked {
            rules: vec![
                Rule { is: Some(b"{}".into()), ..Rule::default() },
                fields(&[("/a", "*"), ("/a/b/0/a", "1")]),
                fields(&[("/a", "null")]),
                fields(&[("/list/1", "true"), ("/list/0", "*")]),
                Rule { starts: Some(b"[".into()), ..fields(&[("/0", "a"), ("/1/a", "*"), ("/2", "b")]) },
                fields(&[("/ab", "*")]),
            ],
            wanted: vec![wanted("/a/b/1", 0b10), wanted("/ab", 0b10_0000), wanted("/1/a", 0b1_0000)],
            each: each("/list/*", 5),
        },
        Asked {
            rules: vec![
                Rule { is: Some(b"aa".into()), ..Rule::default() },
                Rule { contains: Some(b"aba".into()), ..fields(&[("/0", "1")]) },
                Rule { starts: Some(b"a".into()), contains: Some(b"bb".into()), ..Rule::default() },
                Rule { body_after: Some(b"aa".into()), ..fields(&[("/a", "*")]) },
                Rule { body_after: Some(b"ab".into()), ..fields(&[("/list/0", "*")]) },
                Rule { starts: Some(b"{".into()), ..Rule::default() },
            ],
            wanted: vec![after("aa", 0b111_111), wanted("/a", 0b111_000), after("b\"", 0b100_110)],
            each: each("/list/*/a", 4),
        },
        Asked {
            rules: vec![
                Rule { is: Some(b"a".into()), ..Rule::default() },
                Rule { starts: Some(b"a".into()), ..Rule::default() },
                Rule { starts: Some(b"[".into()), ..Rule::default() },
                fields(&[("/type", "A")]),
                fields(&[("/type", "B")]),
            ],
            wanted: vec![wanted("/0", 0b100), wanted("/userId", 0b1000)],
            each: None,
        },
        Asked {
            rules: vec![
                Rule { spans: vec![(span("u8:0"), Want::Equals(b"91".into()))], ..Rule::default() },
                Rule { spans: vec![(span("bytes:1..3"), Want::Exists)], ..fields(&[("/a/b", "*")]) },
                Rule { spans: vec![(span("u32le:2"), Want::Exists)], ..Rule::default() },
            ],
            wanted: [
                "u16:1",
                "bytes:3..",
                "sized:u8:2",
                "varint:1",
                "bytes:2..4",
                "u64le:0",
                "u8:end(sized:u8:0)",
                "bytes:end(varint:1)+1..",
                "sized:u8:end(u8:end(bytes:0..2))",
                "bytes:end(sized:u8:1)..+2",
            ]
            .map(|text| Wanted { place: Place::Span(span(text)), rules: 0b111 })
            .into(),
            each: None,
        },
    ]
}

fn span(text: &str) -> Span {
    Span::parse(text).expect("one")
}

thread_local! {
    /// What was asked of is in a string whose JSON is not whole.
    static IS_BROKEN: Cell<bool> = const { Cell::new(false) };
}

/// The outcome of a record as serde_json reads its JSON; `None` where that is not whole, or too deep.
fn model(record: &[u8], asked: &Asked) -> Option<Outcome> {
    IS_BROKEN.set(false);
    let mut bodies = Vec::new();
    for rule in &asked.rules {
        bodies.push(Doc::after(record, rule.body_after.as_deref()).ok()?);
    }
    let doc = |rule: usize| bodies[rule].as_ref();
    let rule = (0..asked.rules.len()).find(|rule| is_match(record, &asked.rules[*rule], doc(*rule)));
    let value = |wanted: &Wanted| {
        let Some(rule) = rule.filter(|rule| wanted.rules >> rule & 1 == 1) else { return Found::Nothing };
        match &wanted.place {
            Place::Field(pointer) => {
                doc(rule).and_then(|doc| doc.at(pointer.tokens())).map_or(Found::Nothing, Doc::found)
            }
            Place::After(text) => text_after(record, text),
            Place::Span(span) => at_span(record, span),
        }
    };
    let elements = match &asked.each {
        Some(each) if Some(usize::from(each.rule)) == rule => {
            doc(each.rule.into()).map(|doc| doc.elements(each.pointer.tokens())).unwrap_or_default()
        }
        _ => Vec::new(),
    };
    let outcome = Outcome {
        rule: rule.map(|rule| rule as u8),
        values: asked.wanted.iter().map(value).collect(),
        elements,
    };
    (!IS_BROKEN.get()).then_some(outcome)
}

fn is_match(record: &[u8], rule: &Rule, doc: Option<&Doc>) -> bool {
    let holds = |(pointer, want): &(Pointer, Want)| match (doc.and_then(|doc| doc.at(pointer.tokens())), want)
    {
        (None, _) => false,
        (Some(found), Want::Exists) => *found != Doc::Literal("null".into()),
        (Some(found), Want::Equals(text)) => found.text() == Some(text),
        // None is told here.
        (Some(_), Want::Own(_)) => false,
    };
    rule.is.as_ref().is_none_or(|text| record == text)
        && rule.starts.as_ref().is_none_or(|text| record.starts_with(text))
        && rule.contains.as_ref().is_none_or(|text| position(record, text).is_some())
        && rule.fields.iter().all(holds)
        && rule.spans.iter().all(|(span, want)| match (at_span(record, span), want) {
            (Found::Nothing | Found::TooLong, _) => false,
            (_, Want::Exists) => true,
            (_, Want::Own(_)) => false,
            (Found::Text(found) | Found::Number(found) | Found::Name(found), Want::Equals(text)) => {
                found == *text
            }
        })
}

/// What stands at a span, read from its text: of its number or length, and where it begins and ends.
fn at_span(record: &[u8], span: &Span) -> Found {
    let hex = |bytes: &[u8]| {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        if bytes.len() > VALUE_BYTES_MAX / 2 { Found::TooLong } else { Found::Text(digits.into_bytes()) }
    };
    let text = span.to_string();
    let found = match text.split_once(':').expect("a place") {
        ("bytes", _) => bounds(record, &text).and_then(|(from, to)| record.get(from..to)).map(hex),
        ("sized", place) => {
            let (kind, from) = place.split_once(':').expect("both");
            offset(record, from).and_then(|from| number(record, kind, from)).and_then(|(len, from)| {
                match usize::try_from(len).ok().filter(|len| *len <= VALUE_BYTES_MAX / 2) {
                    Some(len) => record.get(from..from + len).map(|bytes| Found::Text(bytes.into())),
                    None => Some(Found::TooLong),
                }
            })
        }
        (kind, place) => offset(record, place)
            .and_then(|from| number(record, kind, from))
            .map(|(number, _)| Found::Number(number.to_string().into_bytes())),
    };
    found.unwrap_or(Found::Nothing)
}

/// Where the bytes of a place begin and end.
fn bounds(record: &[u8], text: &str) -> Option<(usize, usize)> {
    match text.split_once(':').expect("a place") {
        ("bytes", place) => {
            let (from, to) = place.rsplit_once("..").expect("a range");
            let from = offset(record, from)?;
            Some((
                from,
                match to.strip_prefix('+') {
                    Some(len) => from + len.parse::<usize>().expect("a number"),
                    None if to.is_empty() => record.len().max(from),
                    None => to.parse().expect("a number"),
                },
            ))
        }
        ("sized", place) => {
            let (kind, from) = place.split_once(':').expect("both");
            let (len, from) = number(record, kind, offset(record, from)?)?;
            Some((from, from.checked_add(usize::try_from(len).ok()?)?))
        }
        (kind, place) => {
            let from = offset(record, place)?;
            Some((from, number(record, kind, from)?.1))
        }
    }
}

/// An offset, or the end of another place.
fn offset(record: &[u8], text: &str) -> Option<usize> {
    let Some(rest) = text.strip_prefix("end(") else { return Some(text.parse().expect("a number")) };
    let (place, more) = rest.rsplit_once(')').expect("its end");
    let more = more.strip_prefix('+').map_or(0, |more| more.parse().expect("a number"));
    let (_, end) = bounds(record, place)?;
    (end <= record.len()).then(|| end + more)
}

/// The number of this kind that begins there, and where it ends.
fn number(record: &[u8], kind: &str, from: usize) -> Option<(u64, usize)> {
    let bytes = record.get(from..)?;
    if kind == "varint" {
        let len = bytes.iter().position(|byte| byte & 0x80 == 0).filter(|len| *len < 10)? + 1;
        let number = (0..len).map(|k| u128::from(bytes[k] & 0x7f) << (7 * k)).sum::<u128>();
        return Some((u64::try_from(number).ok()?, from + len));
    }
    let (bits, is_little) = match kind.strip_suffix("le") {
        Some(kind) => (&kind[1..], true),
        None => (&kind[1..], false),
    };
    let len: usize = bits.parse::<usize>().expect("bits") / 8;
    let mut wide = [0; 8];
    let bytes = bytes.get(..len)?;
    bytes.iter().enumerate().for_each(|(k, byte)| wide[if is_little { k } else { len - 1 - k }] = *byte);
    Some((u64::from_le_bytes(wide), from + len))
}

fn position(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

fn text_after(record: &[u8], mark: &[u8]) -> Found {
    let Some(at) = position(record, mark) else { return Found::Nothing };
    let rest = &record[at + mark.len()..];
    let end = rest.iter().position(|byte| b"\"' <\r\n".contains(byte)).unwrap_or(rest.len());
    Found::of(Some(Value::Text(&rest[..end])))
}

/// JSON with its keys in order and duplicates kept.
#[derive(Debug, PartialEq)]
enum Doc {
    /// And the JSON in it, if there is any; an error where that is not whole.
    Text(String, Result<Option<Box<Doc>>, ()>),
    Number(String),
    Literal(String),
    Array(Vec<Doc>),
    Object(Vec<(String, Doc)>),
}

impl Doc {
    /// The JSON of a record, if it has any; refused where it is none.
    fn after(record: &[u8], mark: Option<&[u8]>) -> Result<Option<Self>, ()> {
        let from = match mark {
            None => 0,
            Some(mark) => match position(record, mark) {
                Some(at) => at + mark.len(),
                None => return Ok(None),
            },
        };
        let Some(start) = record[from..].iter().position(|byte| b"{[".contains(byte)) else {
            return Ok(None);
        };
        let mut texts =
            serde_json::Deserializer::from_slice(&record[from + start..]).into_iter::<&RawValue>();
        let raw = texts.next().ok_or(())?.map_err(|_| ())?;
        Self::parsed(raw, 1).map(Some)
    }

    fn parsed(raw: &RawValue, depth: u8) -> Result<Self, ()> {
        let text = raw.get();
        let inner = |raw: &&RawValue| Self::parsed(raw, depth + 1);
        match text.as_bytes()[0] {
            b'{' | b'[' if depth > DEPTH_MAX => Err(()),
            b'{' => {
                let members =
                    serde_json::Deserializer::from_str(text).deserialize_map(Members).map_err(|_| ())?;
                let members = members.iter().map(|(key, raw)| Ok((key.clone(), inner(raw)?)));
                Ok(Self::Object(members.collect::<Result<_, ()>>()?))
            }
            b'[' => {
                let elements: Vec<&RawValue> = serde_json::from_str(text).map_err(|_| ())?;
                Ok(Self::Array(elements.iter().map(inner).collect::<Result<_, ()>>()?))
            }
            b'"' => {
                let text: String = serde_json::from_str(text).map_err(|_| ())?;
                let inner = Self::after(text.as_bytes(), None).map(|doc| doc.map(Box::new));
                Ok(Self::Text(text, inner))
            }
            b't' | b'f' | b'n' => Ok(Self::Literal(text.to_owned())),
            _ => Ok(Self::Number(text.to_owned())),
        }
    }

    /// What has places inside it: the JSON in a string, or itself.
    fn inside(&self) -> Option<&Self> {
        match self {
            Self::Text(_, Ok(inner)) => inner.as_deref(),
            Self::Text(_, Err(())) => {
                IS_BROKEN.set(true);
                None
            }
            other => Some(other),
        }
    }

    fn at(&self, tokens: &[String]) -> Option<&Self> {
        let Some((token, rest)) = tokens.split_first() else { return Some(self) };
        let inner = match self.inside()? {
            Self::Object(members) => members.iter().find(|(key, _)| key == token).map(|(_, value)| value),
            Self::Array(elements) => token
                .parse()
                .ok()
                .filter(|index: &usize| index.to_string() == *token)
                .and_then(|k| elements.get(k)),
            _ => None,
        };
        inner?.at(rest)
    }

    fn elements(&self, tokens: &[String]) -> Vec<Found> {
        let star = tokens.iter().position(|token| token == "*").expect("it has one");
        let Some(Self::Array(elements)) = self.at(&tokens[..star]).and_then(Self::inside) else {
            return Vec::new();
        };
        let inside = elements.iter().filter_map(|element| element.at(&tokens[star + 1..]));
        inside.map(Self::found).filter(|found| matches!(found, Found::Text(_) | Found::Number(_))).collect()
    }

    fn text(&self) -> Option<&[u8]> {
        match self {
            Self::Text(text, _) | Self::Number(text) | Self::Literal(text) => {
                Some(text.as_bytes()).filter(|text| text.len() <= VALUE_BYTES_MAX)
            }
            _ => None,
        }
    }

    fn found(&self) -> Found {
        match self {
            Self::Text(text, _) => Found::of(Some(Value::Text(text.as_bytes()))),
            Self::Number(text) => Found::of(Some(Value::Number(text.as_bytes()))),
            Self::Literal(text) if text != "null" => Found::Name(text.as_bytes().into()),
            _ => Found::Nothing,
        }
    }
}

/// The members of an object, as they are.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = access.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}
