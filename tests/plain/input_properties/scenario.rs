//! Scenario files: the built-in ones with a few places changed, and any text.

use proptest::prelude::*;
use startline::scenario::Scenario;

use super::{changed, changes};
use crate::checks::input::scenario as check;

/// What scenario files are made of.
const TELLING: [&str; 42] = [
    "\"",
    "'",
    "'''",
    "[",
    "]",
    "[[http]]\n",
    "{",
    "}",
    "{nobody}",
    "{member_id}",
    "{{",
    "=",
    ",",
    ".",
    "#",
    "\n",
    "\\",
    "0",
    "-1",
    "1e400",
    "99999999999999999999",
    "0xff",
    "true",
    "1979-05-27",
    "\"30s\"",
    "\"100h\"",
    "\"\"",
    "/",
    "~",
    "name = \"x\"\n",
    "[websocket]\n",
    "[[websocket.every]]\n",
    "[[websocket.steps]]\n",
    "interval = \"~1s\"\n",
    "take = { x = \"/a\" }\n",
    "[[criteria]]\n",
    "below = 1\n",
    "reply = \"same\"\n",
    "cookies = true\n",
    "달",
    "\u{feff}",
    "\r\n",
];

fn builtin() -> impl Strategy<Value = &'static str> {
    prop::sample::select(Scenario::builtins()).prop_map(|(_, source)| source)
}

proptest! {
    #[test]
    fn a_changed_scenario_is_compiled_or_refused_at_a_place(source in builtin(), changes in changes(&TELLING)) {
        check::source(&changed(source, &changes));
    }

    #[test]
    fn lines_of_scenarios_in_any_order_are_compiled_or_refused_at_a_place(
        lines in prop::collection::vec((builtin(), any::<prop::sample::Index>()), 0..30),
    ) {
        let line = |(source, which): &(&'static str, prop::sample::Index)| {
            let lines: Vec<&str> = source.lines().filter(|line| !line.starts_with('#')).collect();
            lines[which.index(lines.len())]
        };
        check::source(&lines.iter().map(line).collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn any_text_is_compiled_or_refused_at_a_place(text: String) {
        check::source(&text);
    }
}

#[test]
fn the_built_in_scenarios_keep_to_it() {
    for (_, source) in Scenario::builtins() {
        Scenario::compile("built-in.toml", source, &[]).unwrap();
        check::source(source);
    }
}
