//! Messages and rules that are measured by time (`pieces`) and by instructions (`counted`).
//!
//! Invariant: a case does what a session does with a message that lies in one piece.

use std::hint::black_box;

use startline_protocol::matching::{Each, Matcher, Matching, Place, Pointer, Rule, Want, Wanted};
use startline_protocol::websocket::{Inflater, Violation};

/// A broadcast as the servers send it.
pub const USER_ENTERED: &str = r#"{"type":"USER_ENTERED","userId":4711,"nickname":"달리는 거북이","profileImage":null,"distance":0.0,"pace":0,"timestamp":1751360400123}"#;

/// A CONNECTED that lists this many.
pub fn connected(participants: usize) -> String {
    let listed: Vec<String> = (0..participants)
        .map(|k| {
            format!(
                r#"{{"userId":{},"nickname":"runner {k}","profileImage":null,"distance":0.0,"pace":0}}"#,
                13 + k
            )
        })
        .collect();
    format!(
        r#"{{"type":"CONNECTED","challengeId":38,"userId":13,"participants":[{}],"timestamp":1751360400123}}"#,
        listed.join(",")
    )
}

/// Runnity's kinds, with what is read of them.
pub fn runnity() -> Matcher {
    let names = ["CONNECTED", "USER_ENTERED", "USER_LEFT", "PARTICIPANT_UPDATE", "PONG", "ERROR"];
    let rules = names.map(|name| fields(&[("/type", name)]));
    let subject = Wanted { place: Place::Field(pointer("/userId")), rules: 0b1110 };
    let listed = Each { pointer: pointer("/participants/*/userId"), rule: 0 };
    Matcher::new(&rules, &[subject], Some(&listed)).expect("they fit")
}

/// A compressed message.
pub struct Compressed {
    /// What it is.
    pub name: &'static str,
    /// Bytes that it inflates to.
    pub text_bytes: u64,
    bytes: Vec<u8>,
}

impl Compressed {
    /// Begins anew and inflates it, to the check that it is whole.
    pub fn inflate(&self, inflater: &mut Inflater) {
        let take = |piece: &[u8], _: bool| {
            black_box(piece);
            Ok::<(), Violation>(())
        };
        inflater.message(black_box(&self.bytes), 1 << 20, take).expect("it can be inflated");
    }
}

/// Broadcasts of two sizes, as servers send them without context takeover (RFC 7692, 7.2.1).
pub fn compressed() -> [Compressed; 2] {
    [("broadcast of 140 B", USER_ENTERED.into()), ("message of 1.7 KB", connected(20))].map(|(name, text)| {
        let mut compress = flate2::Compress::new(flate2::Compression::default(), false);
        let mut bytes = Vec::with_capacity(text.len() + 64);
        compress.compress_vec(text.as_bytes(), &mut bytes, flate2::FlushCompress::Sync).expect("room for it");
        bytes.truncate(bytes.len() - 4);
        Compressed { name, text_bytes: text.len() as u64, bytes }
    })
}

/// Rules, and a record that the last of them matches.
pub struct Rules {
    /// What kind of rule it is.
    pub name: &'static str,
    matcher: Matcher,
    record: &'static [u8],
}

impl Rules {
    /// Finds the record's rule: by its start if that is enough, else in one pass.
    pub fn find(&self, matching: &mut Matching) -> u8 {
        let record = black_box(self.record);
        match self.matcher.quick(record) {
            Some(quick) => quick.rule,
            None => matching.whole(&self.matcher, record, &mut |_, _| {}).expect("it matches"),
        }
    }
}

/// Each kind of rule.
pub fn rules() -> Vec<Rules> {
    let text = |text: &str| Some(text.as_bytes().to_vec());
    let tick =
        r#"42["tick",{"n":12,"ts":1751360400123,"text":"the quick brown fox jumps over the lazy dog"}]"#;
    let in_array = fields(&[("/1", "1"), ("/2", "room:lobby"), ("/3", "phx_reply"), ("/4/status", "ok")]);
    let of_six = ["connect", "subscribe", "publish", "error", "presence", "history"];
    let mut seven: Vec<Rule> = of_six.map(|name| fields(&[(&format!("/{name}"), "*")])).into();
    seven.push(fields(&[("/push/pub/data/id", "*")]));
    let pushed = r#"{"push":{"channel":"room","pub":{"data":{"id":"17-3","ts":1751360400123},"offset":17}}}"#;
    let time = Wanted { place: Place::Field(pointer("/push/pub/data/ts")), rules: 1 << 6 };
    let cases: [(_, Vec<Rule>, Vec<Wanted>, _); 8] = [
        ("exact", vec![Rule { is: text("2"), ..Rule::default() }], vec![], "2"),
        ("prefix", vec![Rule { starts: text("42[\"tick\""), ..Rule::default() }], vec![], tick),
        ("part", vec![Rule { contains: text("lazy"), ..Rule::default() }], vec![], tick),
        (
            "one field",
            vec![fields(&[("/event", "tick")])],
            vec![],
            r#"{"id":17,"event":"tick","data":{"n":12}}"#,
        ),
        (
            "four fields in an array",
            vec![in_array],
            vec![],
            r#"["1","1","room:lobby","phx_reply",{"status":"ok"}]"#,
        ),
        ("nested four deep", vec![seven[6].clone()], vec![], pushed),
        ("seven rules, the last nested four deep", seven.clone(), vec![], pushed),
        ("the same, and a value kept", seven, vec![time], pushed),
    ];
    let compiled = cases.into_iter().map(|(name, rules, wanted, record)| Rules {
        name,
        matcher: Matcher::new(&rules, &wanted, None).expect("they fit"),
        record: record.as_bytes(),
    });
    compiled.collect()
}

/// A rule of these fields; the value `*` wants one that exists.
fn fields(fields: &[(&str, &str)]) -> Rule {
    let want = |text: &str| if text == "*" { Want::Exists } else { Want::Equals(text.into()) };
    let fields = fields.iter().map(|(at, text)| (pointer(at), want(text)));
    Rule { fields: fields.collect(), ..Rule::default() }
}

fn pointer(text: &str) -> Pointer {
    Pointer::parse(text).expect("a pointer")
}
