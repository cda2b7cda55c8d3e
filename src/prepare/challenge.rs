//! The request that creates a challenge, and what its answers say: Runnity's admin API.
//!
//! The one part of preparation that no scenario describes. Makes a body and reads JSON; sends nothing, knows no clock. What the
//! servers check (a title's length, who may create) is left to them, and reported in their words. Invariant: a distance that is named here
//! is one that the servers know.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use startline_os::units::grouped;

use crate::nearest;

/// How it is sent.
pub const METHOD: &str = "POST";
/// Where it goes.
pub const PATH: &str = "/api/v1/admin/challenges";

/// The distance of a challenge, from which its duration follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Distance {
    /// As the servers have it.
    pub name: &'static str,
    /// From `startAt` to `endAt`.
    pub minutes: u64,
}

/// All distances, the shortest first.
pub const DISTANCES: [Distance; 14] = [
    Distance { name: "M100", minutes: 5 },
    Distance { name: "M500", minutes: 10 },
    Distance { name: "ONE", minutes: 20 },
    Distance { name: "TWO", minutes: 30 },
    Distance { name: "THREE", minutes: 45 },
    Distance { name: "FOUR", minutes: 60 },
    Distance { name: "FIVE", minutes: 60 },
    Distance { name: "SIX", minutes: 75 },
    Distance { name: "SEVEN", minutes: 90 },
    Distance { name: "EIGHT", minutes: 105 },
    Distance { name: "NINE", minutes: 120 },
    Distance { name: "TEN", minutes: 120 },
    Distance { name: "FIFTEEN", minutes: 135 },
    Distance { name: "HALF", minutes: 180 },
];

impl Distance {
    /// The distance of this name, in whatever case.
    ///
    /// # Errors
    /// There is none; the error names the nearest.
    pub fn named(text: &str) -> Result<Self, String> {
        let name = text.to_uppercase();
        let known = DISTANCES.iter().find(|distance| distance.name == name);
        known.copied().ok_or_else(|| {
            let hint = nearest::hint(&name, &DISTANCES.map(|distance| distance.name));
            format!("{text:?} is not a distance{hint}")
        })
    }

    /// From `startAt` to `endAt`.
    pub fn length(self) -> Duration {
        Duration::from_secs(self.minutes * 60)
    }
}

/// The request's body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewChallenge {
    /// Its name.
    pub title: String,
    /// What else is to be said of it.
    pub description: String,
    /// The maximum number of members, its creator included.
    pub max_participants: u32,
    /// The server's local time, to the second.
    pub start_at: String,
    /// The distance's name.
    pub distance: &'static str,
    /// Whether joining takes the password.
    pub is_private: bool,
    /// The password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Whether it is marked as broadcast.
    pub is_broadcast: bool,
}

/// A challenge as the answer has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// Its number.
    pub id: u64,
    /// As the server names it.
    pub status: String,
    /// In the server's local time.
    pub start_at: String,
    /// In the server's local time.
    pub end_at: String,
    /// In the server's local time, if the server says.
    pub created_at: Option<String>,
    /// Its name, if the server says it.
    pub title: Option<String>,
    /// The distance's name, likewise.
    pub distance: Option<String>,
    /// The maximum number of members, likewise.
    pub max_participants: Option<u64>,
    /// Whether joining takes a password, likewise.
    pub is_private: Option<bool>,
}

/// What keeps an answer from being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Where something is not.
    pub place: &'static str,
    /// The number of the challenge, if that is not what is missing.
    pub id: Option<u64>,
}

impl Created {
    /// Reads the answer.
    ///
    /// # Errors
    /// Something is missing.
    pub fn read(answer: &Value) -> Result<Self, Missing> {
        let text = |place: &str| answer.pointer(place)?.as_str().map(str::to_owned);
        let id = answer.pointer("/data/challengeId").and_then(Value::as_u64);
        let needed = |place: &'static str| text(place).ok_or(Missing { place, id });
        Ok(Self {
            id: id.ok_or(Missing { place: "/data/challengeId", id })?,
            status: needed("/data/status")?,
            start_at: needed("/data/startAt")?,
            end_at: needed("/data/endAt")?,
            created_at: text("/data/createdAt"),
            title: text("/data/title"),
            distance: text("/data/distance"),
            max_participants: answer.pointer("/data/maxParticipants").and_then(Value::as_u64),
            is_private: answer.pointer("/data/isPrivate").and_then(Value::as_bool),
        })
    }

    /// What the servers made otherwise than was asked: `room for 5, not 11`.
    pub fn differences(&self, asked: &NewChallenge) -> Vec<String> {
        let mut differences = Vec::new();
        let mut differ = |made: Option<String>, asked: String| {
            differences.extend(made.filter(|made| *made != asked).map(|made| format!("{made}, not {asked}")));
        };
        differ(self.title.as_ref().map(|title| format!("{title:?}")), format!("{:?}", asked.title));
        differ(self.distance.clone(), asked.distance.to_owned());
        let room = |room: u64| format!("room for {}", grouped(room));
        differ(self.max_participants.map(room), room(asked.max_participants.into()));
        let access = |is_private| if is_private { "private" } else { "public" }.to_owned();
        differ(self.is_private.map(access), access(asked.is_private));
        differences
    }
}

/// A rule of the servers that the request breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenRule {
    /// The body's member; empty where the server does not say.
    pub field: String,
    /// The server's words.
    pub message: String,
}

/// Where each member of the body comes from, and what the servers take.
const FIELDS: [(&str, &str); 7] = [
    ("title", "--title: 1 to 100 characters"),
    ("description", "--description: not empty"),
    ("maxParticipants", "--max-participants: 2 or more"),
    ("startAt", "--start-at: more than 10 minutes ahead, in the server's local time: is --time-zone right?"),
    // Named for the method that checks it.
    (
        "startAtAtLeastTenMinutesLater",
        "--start-at: more than 10 minutes ahead, in the server's local time: is --time-zone right?",
    ),
    ("distance", "--distance"),
    ("password", "--password: not empty"),
];

impl std::fmt::Display for BrokenRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { field, message } = self;
        if field.is_empty() {
            return f.write_str(message);
        }
        write!(f, "{field}: {message}")?;
        match FIELDS.iter().find(|(known, _)| known == field) {
            Some((_, rule)) => write!(f, " ({rule})"),
            None => Ok(()),
        }
    }
}

/// What validation found wrong: a list of objects or of texts, or an object of texts by field.
pub fn broken_rules(answer: &Value) -> Vec<BrokenRule> {
    let rule = |field: &str, said: &Value| BrokenRule {
        field: field.to_owned(),
        message: said.as_str().map_or_else(|| said.to_string(), str::to_owned),
    };
    match answer.pointer("/data/errors") {
        Some(Value::Array(errors)) => errors
            .iter()
            .map(|error| {
                let field = error.pointer("/field").and_then(Value::as_str).unwrap_or_default();
                rule(field, error.pointer("/message").unwrap_or(error))
            })
            .collect(),
        Some(Value::Object(errors)) => errors.iter().map(|(field, said)| rule(field, said)).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn distances_go_by_their_names() {
        assert_eq!(Distance::named("FIVE").map(Distance::length), Ok(Duration::from_secs(3600)));
        assert_eq!(Distance::named("half").map(|distance| distance.name), Ok("HALF"));
        assert_eq!(Distance::named("FIV"), Err("\"FIV\" is not a distance; did you mean \"FIVE\"?".into()));
        assert!(Distance::named("marathon").expect_err("unknown").contains("; valid: M100, M500, ONE"));
        assert!(DISTANCES.is_sorted_by_key(|distance| distance.minutes));
    }

    #[test]
    fn a_password_is_sent_where_there_is_one() {
        let open = NewChallenge {
            title: "t".into(),
            description: "d".into(),
            max_participants: 2,
            start_at: "2026-03-01T10:00:00".into(),
            distance: "FIVE",
            is_private: false,
            password: None,
            is_broadcast: false,
        };
        let private = NewChallenge { is_private: true, password: Some("p\"w".into()), ..open.clone() };
        assert_eq!(
            serde_json::to_value(&open).expect("JSON"),
            json!({"title": "t", "description": "d", "maxParticipants": 2, "startAt": "2026-03-01T10:00:00", "distance": "FIVE",
                   "isPrivate": false, "isBroadcast": false})
        );
        assert_eq!(serde_json::to_value(&private).expect("JSON")["password"], "p\"w");
    }

    #[test]
    fn an_answer_without_what_is_needed_is_none() {
        let mut answer = json!({"data": {"challengeId": 7, "status": "RECRUITING", "startAt": "s", "endAt": "e", "createdAt": null}});
        let created = Created::read(&answer).expect("all is there");
        assert_eq!((created.id, created.created_at), (7, None));
        answer["data"]["endAt"] = json!(3);
        assert_eq!(Created::read(&answer), Err(Missing { place: "/data/endAt", id: Some(7) }));
        for none in [json!(null), json!([1]), json!({"data": {"challengeId": -1}})] {
            assert_eq!(Created::read(&none), Err(Missing { place: "/data/challengeId", id: None }));
        }
    }

    #[test]
    fn what_was_made_otherwise_is_told() {
        let asked = NewChallenge {
            title: "t".into(),
            description: "d".into(),
            max_participants: 11,
            start_at: "2026-03-01T10:00:00".into(),
            distance: "FIVE",
            is_private: true,
            password: Some("p".into()),
            is_broadcast: false,
        };
        let data = json!({"challengeId": 7, "status": "s", "startAt": "s", "endAt": "e"});
        let created = |more: Value| {
            let mut data = data.clone();
            more.as_object().expect("an object").iter().for_each(|(key, value)| data[key] = value.clone());
            Created::read(&json!({ "data": data })).expect("all is there")
        };
        let silent = created(json!({}));
        assert!(silent.differences(&asked).is_empty(), "what is not said is as it was asked for");
        let same = json!({"title": "t", "distance": "FIVE", "maxParticipants": 11, "isPrivate": true});
        assert!(created(same).differences(&asked).is_empty());
        let other = json!({"title": "u", "distance": "TEN", "maxParticipants": 5, "isPrivate": false});
        assert_eq!(
            created(other).differences(&asked),
            ["\"u\", not \"t\"", "TEN, not FIVE", "room for 5, not room for 11", "public, not private"]
        );
    }

    #[test]
    fn broken_rules_are_told_whatever_their_shape() {
        let told = |errors: Value| {
            let rules = broken_rules(&json!({ "data": { "errors": errors } }));
            rules.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(
            told(json!([{"field": "title", "message": "길다"}])),
            ["title: 길다 (--title: 1 to 100 characters)"]
        );
        assert_eq!(told(json!({"colour": "빨강"})), ["colour: 빨강"]);
        assert_eq!(told(json!(["길다", 3, {"code": 1}])), ["길다", "3", "{\"code\":1}"]);
        assert!(told(json!(null)).is_empty());
        assert!(broken_rules(&Value::Null).is_empty());
    }
}
