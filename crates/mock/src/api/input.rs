//! Request bodies, parsed and validated: refuses what Jackson or the application's validation would
//! refuse.
//!
//! Takes bytes and the wall time. Invariant: a [`NewChallenge`] that comes through has every rule
//! of *create* behind it.

use serde::Deserialize;
use serde_json::{Value, json};

use super::reply::FieldError;
use crate::server_clock::parse_local_time;
use crate::world::{About, Distance};

const TITLE_CHARS_MAX: usize = 100;
const START_AHEAD_MIN_MS: u64 = 10 * 60_000;

/// The body of *create challenge* as sent. Unknown members are ignored, as Spring Boot does.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct NewChallenge {
    title: Option<String>,
    description: Option<String>,
    max_participants: Option<i64>,
    start_at: Option<String>,
    distance: Option<String>,
    is_private: Option<bool>,
    password: Option<String>,
    is_broadcast: Option<bool>,
}

/// The body of *join* as sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct JoinBody {
    pub(super) password: Option<String>,
}

/// Why a body of *create* is not accepted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotAccepted {
    /// Not JSON, or values of the wrong type: Jackson's refusal.
    Unreadable,
    /// Values out of bounds: the application's refusal.
    Invalid(Vec<FieldError>),
}

impl NewChallenge {
    /// Reads and validates a body.
    pub(super) fn read(body: &[u8], wall_ms: u64, zone: &jiff::tz::TimeZone) -> Result<About, NotAccepted> {
        let new: Self = serde_json::from_slice(body).map_err(|_| NotAccepted::Unreadable)?;
        // An unknown constant or an unparsable time fails in Jackson already.
        let distance = match &new.distance {
            Some(name) => Some(Distance::from_name(name).ok_or(NotAccepted::Unreadable)?),
            None => None,
        };
        let start_ms = match &new.start_at {
            Some(text) => Some(parse_local_time(text, zone).ok_or(NotAccepted::Unreadable)?),
            None => None,
        };
        let errors = new.broken_rules(distance, start_ms, wall_ms);
        match (distance, start_ms) {
            (Some(distance), Some(start_ms)) if errors.is_empty() => Ok(new.into_about(distance, start_ms)),
            _ => Err(NotAccepted::Invalid(errors)),
        }
    }

    fn broken_rules(
        &self,
        distance: Option<Distance>,
        start_ms: Option<u64>,
        wall_ms: u64,
    ) -> Vec<FieldError> {
        let title = self.title.as_deref().unwrap_or_default();
        let has_text = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.trim().is_empty());
        let is_private = self.is_private.unwrap_or(false);
        let max = self.max_participants;
        let starts_well = start_ms.is_none_or(|start_ms| start_ms >= wall_ms + START_AHEAD_MIN_MS);
        let rules = [
            ("title", has_text(&self.title), json!(self.title), "제목은 필수입니다."),
            (
                "title",
                title.chars().count() <= TITLE_CHARS_MAX,
                json!(self.title),
                "제목은 100자 이하여야 합니다.",
            ),
            ("description", has_text(&self.description), json!(self.description), "설명은 필수입니다."),
            (
                "maxParticipants",
                max.is_some_and(|max| (2..=i64::from(i32::MAX)).contains(&max)),
                json!(max),
                "최대 참가 인원은 2명 이상이어야 합니다.",
            ),
            ("startAt", start_ms.is_some(), Value::Null, "시작 시간은 필수입니다."),
            // Named for the method that checks it, whose answer is what is rejected.
            (
                "startAtAtLeastTenMinutesLater",
                starts_well,
                json!(false),
                "시작 시간은 현재로부터 10분 이후여야 합니다.",
            ),
            ("distance", distance.is_some(), Value::Null, "거리는 필수입니다."),
            (
                "password",
                !is_private || has_text(&self.password),
                json!(self.password),
                "비공개 챌린지는 비밀번호가 필요합니다.",
            ),
        ];
        let broken = rules.into_iter().filter(|(_, holds, ..)| !holds);
        let error = |(field, _, rejected_value, message): (&'static str, _, _, &str)| FieldError {
            field,
            rejected_value,
            message: message.to_owned(),
        };
        broken.map(error).collect()
    }

    fn into_about(self, distance: Distance, start_ms: u64) -> About {
        About {
            title: self.title.unwrap_or_default(),
            description: self.description.unwrap_or_default(),
            participants_max: self.max_participants.and_then(|max| u32::try_from(max).ok()).unwrap_or(2),
            start_ms,
            distance,
            password: self.password,
            is_private: self.is_private.unwrap_or(false),
            is_broadcast: self.is_broadcast.unwrap_or(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2023-11-14T22:13:20.500 in UTC.
    const NOW_MS: u64 = 1_700_000_000_500;

    fn good() -> Value {
        json!({
            "title": "t", "description": "d", "maxParticipants": 6000,
            "startAt": "2023-11-14T22:23:21", "distance": "FIVE", "isPrivate": false, "isBroadcast": true,
        })
    }

    fn read(body: &Value) -> Result<About, NotAccepted> {
        let body = serde_json::to_vec(body).unwrap();
        NewChallenge::read(&body, NOW_MS, &jiff::tz::TimeZone::UTC)
    }

    fn with(field: &str, value: Value) -> Result<About, NotAccepted> {
        let mut body = good();
        body[field] = value;
        read(&body)
    }

    #[track_caller]
    fn assert_invalid(result: Result<About, NotAccepted>, field: &str) {
        match result {
            Err(NotAccepted::Invalid(errors)) => {
                assert_eq!(errors.iter().map(|error| error.field).collect::<Vec<_>>(), [field]);
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_good_body_is_accepted() {
        let about = read(&good()).unwrap();
        assert_eq!((about.participants_max, about.distance), (6000, Distance::Five));
        assert!(about.is_broadcast && !about.is_private);
    }

    #[test]
    fn ten_minutes_ahead_cut_to_the_second_is_too_soon() {
        assert_invalid(with("startAt", json!("2023-11-14T22:23:20")), "startAtAtLeastTenMinutesLater");
        assert_invalid(with("startAt", Value::Null), "startAt");
        assert!(with("startAt", json!("2024-11-14T22:13:20")).is_ok(), "there is no upper bound");
    }

    #[test]
    fn each_rule_is_checked() {
        assert_invalid(with("title", json!("가".repeat(101))), "title");
        assert!(with("title", json!("가".repeat(100))).is_ok());
        assert_invalid(with("title", json!(" ")), "title");
        assert_invalid(with("description", Value::Null), "description");
        assert_invalid(with("maxParticipants", json!(1)), "maxParticipants");
        assert_invalid(with("maxParticipants", Value::Null), "maxParticipants");
        assert_invalid(with("isPrivate", json!(true)), "password");
        assert_invalid(with("distance", Value::Null), "distance");
    }

    #[test]
    fn wrong_types_and_constants_are_unreadable() {
        for (field, value) in [
            ("distance", json!("FORTY")),
            ("startAt", json!("tomorrow")),
            ("maxParticipants", json!("many")),
            ("isPrivate", json!(3)),
        ] {
            assert_eq!(with(field, value), Err(NotAccepted::Unreadable), "{field}");
        }
        assert_eq!(NewChallenge::read(b"{", NOW_MS, &jiff::tz::TimeZone::UTC), Err(NotAccepted::Unreadable));
    }
}
