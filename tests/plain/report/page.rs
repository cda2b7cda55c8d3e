//! report.html as text: what is in it, how large it is, in both languages, and what it is made with.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use startline::lang::Lang;
use startline::report::{MoveResult, page};

use super::languages::english_word;
use super::pages::{HOSTILE, empty, hostile, long, ordinary, watched};

/// A page's bytes at most, for any run.
const BYTES_MAX: usize = 1_000_000;

#[test]
fn the_library_is_the_one_that_its_readme_names() {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("third_party/uplot");
    let readme = fs::read_to_string(place.join("README.md")).expect("a README");
    for name in ["uPlot.iife.min.js", "uPlot.min.css", "LICENSE"] {
        let bytes = fs::read(place.join(name)).expect("a vendored file");
        let sum = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &bytes);
        let sum = sum.as_ref().iter().fold(String::new(), |mut sum, byte| {
            write!(sum, "{byte:02x}").expect("a String takes all");
            sum
        });
        assert!(readme.contains(&format!("{sum}  {name}")), "{name} is not as published: {sum}");
    }
    let script = fs::read_to_string(place.join("uPlot.iife.min.js")).expect("text");
    assert!(script.contains("(v1.6.32)") && readme.contains("| version | 1.6.32 |"));
}

#[test]
fn a_page_names_the_troubles_and_what_to_do() {
    let recorded = ordinary();
    let page = page::html(&recorded, Lang::En);
    assert!(!recorded.result.troubles.is_empty(), "an ordinary bad run has one");
    for trouble in &recorded.result.troubles {
        let title = trouble.title(Lang::En);
        assert!(page.contains(&format!("{}: {title}", trouble.name)), "{title} in {page}");
    }
}

#[test]
fn a_page_has_every_part_of_a_run() {
    let page = page::html(&ordinary(), Lang::En);
    for part in [
        "<html lang=\"en\">",
        "First error: ",
        "http-502",
        "17.4 s after the start",
        "09:30:17.4 UTC",
        "Sessions open then",
        "Stable: 5,998 sessions",
        "id=\"criteria\"",
        "Throughput /s",
        "id=\"c-sessions\"",
        "id=\"c-arrivals\"",
        "id=\"c-errors\"",
        "id=\"c-step-4\"",
        "id=\"c-messages\"",
        "id=\"c-lag\"",
        "id=\"c-cpu\"",
        "id=\"c-memory\"",
        "id=\"d-0\"",
        "502 Bad Gateway",
        "CHALLENGE_NOT_READY",
        "adds up",
        "35,970,006",
        "wss://a.example/ws/1",
        "Stalls of this machine: 1",
        "startline run --plan /var/tests/startline-20260131-093000/plan.toml",
        "href=\"summary.json\"",
        "schema version 1",
    ] {
        assert!(page.contains(part), "{part} is not in the page");
    }
}

#[test]
fn servers_are_drawn_over_time_and_moves_say_when() {
    let mut recorded = ordinary();
    let urls: Vec<String> = recorded.result.servers.iter().map(|(url, _)| url.to_owned()).collect();
    let home = Some(urls[1].clone());
    recorded.result.routing.moves = vec![MoveResult { home, server: urls[0].clone(), sessions: 1_312 }];
    let page = page::html(&recorded, Lang::En);
    for part in ["Moves: members who came to another server", "1,312", "09:31:00.0–09:32:00.0", "By hash"] {
        assert!(page.contains(part), "{part}");
    }
    let data = figures(&page);
    let chart = |id: &str| {
        let charts = data["charts"].as_array().expect("charts");
        charts.iter().find(|chart| chart["id"] == id).unwrap_or_else(|| panic!("no {id}")).clone()
    };
    let names = |id: &str| -> Vec<String> {
        let own = chart(id)["series"].as_array().expect("series").clone();
        own.iter().map(|row| row["name"].as_str().expect("a name").to_owned()).collect()
    };
    let mut opened = names("c-servers-opened");
    opened.sort_unstable();
    assert_eq!(opened, urls);
    let by_hash = urls.iter().map(|url| format!("{url}, by hash"));
    assert!(
        by_hash.clone().all(|name| names("c-servers-open").contains(&name)),
        "{:?}",
        names("c-servers-open")
    );
    assert_eq!(names("c-servers-failed"), [urls[1].as_str()]);
    assert_eq!(names("c-servers-misrouted"), [urls[0].as_str()]);
    // On the run's own time axis, and open sessions end with the accounts.
    let open = &chart("c-servers-open")["series"][0]["v"];
    assert_eq!(open.as_array().map(Vec::len), data["t"].as_array().map(Vec::len));
    recorded.timeline.points.last_mut().expect("a point").phase = "ramp-down".into();
    let data = figures(&page::html(&recorded, Lang::En));
    let charts = data["charts"].as_array().expect("charts").iter();
    let mut own = charts.filter(|chart| chart["id"] == "c-servers-open");
    let open = own.next().expect("it is there")["series"][0]["v"].as_array().expect("figures").clone();
    assert!(open.last().expect("one").is_null() && !open[open.len() - 2].is_null());
    // One server alone is the run's own figure.
    recorded.servers.truncate(1);
    assert!(!page::html(&recorded, Lang::En).contains("c-servers-open"));
    recorded.result.routing.expected_servers = Some(2);
    assert!(page::html(&recorded, Lang::En).contains("c-servers-open"));
}

fn figures(page: &str) -> serde_json::Value {
    let json = page.split("<script id=\"data\" type=\"application/json\">").nth(1).expect("figures");
    serde_json::from_str(json.split("</script>").next().expect("an end")).expect("JSON")
}

#[test]
fn a_page_has_the_servers_side_below_the_clients() {
    let page = page::html(&watched(), Lang::En);
    let places =
        ["id=\"c-memory\"", "id=\"c-watch-0\"", "#not-measured", "id=\"servers\"", "id=\"checklist\""];
    let places: Vec<usize> = places.iter().map(|part| page.find(part).expect(part)).collect();
    assert!(places.is_sorted(), "{places:?}");
    for part in [
        "What the servers&#39; figures did then",
        "Within 30 s of it",
        "max(hikaricp_connections_pending)",
        "\"limits\":[{\"v\":",
        "\"restarted\",\"09:31:35.0 UTC · restarted: ws1:8080",
        "ZRANGE took 120 ms",
        "give --watch FILE with a block that says where it is",
        "Environment variables of each server",
        "type=\"checkbox\"",
    ] {
        assert!(
            page.contains(part) || page.contains(&part.replace("&#39;", "'")),
            "{part} is not in the page"
        );
    }
    let data = figures(&page);
    assert_eq!(data["events"].as_array().map(Vec::len), Some(3), "a slow command is no line");
    let charts = data["charts"].as_array().expect("charts").iter();
    let charts: Vec<_> = charts.filter(|chart| chart["t"].is_array()).collect();
    let lines: usize = charts.iter().map(|chart| chart["series"].as_array().map_or(0, Vec::len)).sum();
    // A figure that is judged in several ways is one line.
    let watch = watched().result.watch.expect("watched");
    let read = watch.items.iter().filter(|item| item.place.is_some());
    let drawn: BTreeSet<_> =
        read.map(|item| (&item.source, &item.expression, item.judge == "growth")).collect();
    assert_eq!(lines, drawn.len());
    for chart in charts {
        let rows = chart["series"].as_array().expect("series");
        assert!(rows.len() <= 8 && page.contains(&format!("id={}", chart["id"])));
        assert!(
            rows.iter().all(|row| row["v"].as_array().map(Vec::len) == chart["t"].as_array().map(Vec::len))
        );
    }
}

#[test]
fn a_run_that_watched_nothing_has_no_servers_side() {
    let page = page::html(&ordinary(), Lang::En);
    for part in ["id=\"servers\"", "id=\"checklist\"", "#not-measured", "c-watch-"] {
        assert!(!page.contains(part), "{part}");
    }
}

/// Each line of the checklist, and its mark, in a run.
fn marks(recorded: &startline::report::recorded::Recorded) -> Vec<(String, String)> {
    let page = page::html(recorded, Lang::En);
    let list = page.split("id=\"checklist\"").nth(1).expect("a checklist");
    let list = list.split("</section>").next().expect("an end");
    let rows = list.split("<th scope=\"row\"").skip(1);
    let text = |html: &str| {
        let pieces = html.split('<').map(|piece| piece.split_once('>').map_or(piece, |(_, text)| text));
        pieces.collect::<String>().trim().to_owned()
    };
    let row = |row: &str| {
        let mut cells = row.split("<td");
        let mut next = || text(&format!("<t{}", cells.next().unwrap_or_default()));
        (next(), next())
    };
    rows.map(row).collect()
}

#[test]
fn a_checklist_is_marked_by_what_was_measured() {
    let mut recorded = watched();
    let mark = |recorded: &_, line: &str| {
        let found = marks(recorded).into_iter().find(|(own, _)| own.starts_with(line));
        found.unwrap_or_else(|| panic!("no line {line}")).1
    };
    for (line, expected) in [
        ("The challenge is READY", "failed"),
        ("The test members are there", "met"),
        ("Redis answers", "met"),
        ("Grafana is there", "by hand"),
        ("Environment variables", "by hand"),
        ("No request waits for a pool", "failed"),
        ("Delay of Pub/Sub", "warning"),
        ("No 499 and no 502", "not measured"),
        ("Redis memory", "met"),
        ("A report is written", "met"),
    ] {
        assert_eq!(mark(&recorded, line), expected, "{line}");
    }
    recorded.result.errors.details.clear();
    recorded.result.sessions.established = 0;
    assert_eq!(mark(&recorded, "The challenge is READY"), "not measured");
    let items = &mut recorded.result.watch.as_mut().expect("watched").items;
    items.iter_mut().for_each(|item| item.readings = 0);
    assert_eq!(mark(&recorded, "Redis answers"), "failed");
    items_without_place(&mut recorded);
    assert_eq!(mark(&recorded, "Redis answers"), "not measured");
}

fn items_without_place(recorded: &mut startline::report::recorded::Recorded) {
    let items = &mut recorded.result.watch.as_mut().expect("watched").items;
    items.iter_mut().for_each(|item| item.place = None);
}

#[test]
fn heartbeats_have_the_scenario_s_names_and_are_not_named_where_there_are_none() {
    let mut recorded = ordinary();
    let page = page::html(&recorded, Lang::En);
    assert!(
        page.contains("sessions started and heartbeats due (ping).") && page.contains("Failed heartbeats")
    );
    assert!(page.contains("<h3>Heartbeat <code"));
    recorded.result.every.0[0].0 = "note".into();
    let page = page::html(&recorded, Lang::En);
    assert!(page.contains("<h3>Periodic message <code"), "it awaits no reply");
    assert!(page.contains("sessions started failed (") && !page.contains("Failed heartbeats"));
}

#[test]
fn a_page_loads_nothing() {
    let page = page::html(&watched(), Lang::En);
    let style_and_script = page.split("<body>").next().expect("a head").len();
    for word in
        ["src=", "@import", "url(", "<link", "<iframe", "fetch(", "XMLHttpRequest", "sendBeacon", "import("]
    {
        assert!(!page.contains(word), "{word} in a page of {style_and_script} bytes of head");
    }
    assert!(page.contains("default-src &#39;none&#39;") || page.contains("default-src 'none'"));
}

#[test]
fn a_page_is_small_for_a_run_of_any_length() {
    for lang in Lang::ALL {
        let page = page::html(&long(), lang);
        assert!(page.len() < BYTES_MAX, "{} bytes", page.len());
        assert!(page.len() > 600_000, "{} bytes: the figures are missing", page.len());
        assert!(page.contains("\"88 other kinds\"") || page.contains("\"그 외 88종\""), "{lang:?}");
    }
}

#[test]
fn a_run_without_anything_has_a_page() {
    for lang in Lang::ALL {
        let page = page::html(&empty(), lang);
        assert!(page.contains("</html>") && !page.contains("NaN"), "{lang:?}");
    }
    assert!(page::html(&empty(), Lang::En).contains("The run had not ended when this page was written"));
    assert!(!page::html(&ordinary(), Lang::En).contains("The run had not ended"));
}

/// Tags are ours alone: as many, of whatever name, as in the page of harmless names.
#[test]
fn hostile_text_makes_no_element() {
    let page = page::html(&hostile(), Lang::En);
    for text in HOSTILE {
        assert!(!page.contains(text), "{text:?} stands in the page as it came");
    }
    let scripts = |page: &str| page.matches("<script").count();
    assert_eq!(scripts(&page), 3);
    assert_eq!(page.matches("</script").count(), 3);
    assert!(!page.contains("<img") && !page.contains("<!--"));
    assert!(!page.contains(['\u{202e}', '\u{2066}', '\u{2028}', '\u{2029}']));
    assert!(page.contains("&lt;script&gt;window.hacked = 1&lt;/script&gt;"));
}

/// Words of a Korean page that are the same in every language.
const NAMES: [&str; 21] = [
    "Redis",
    "Kafka",
    "Grafana",
    "Prometheus",
    "Pub",
    "Sub",
    "JavaScript",
    "JMeter",
    "Linux",
    "HdrHistogram",
    "HTTP",
    "windows",
    "CPU",
    "UTC",
    "Esc",
    "Xeon",
    "p50",
    "max",
    "PING",
    "cores",
    // What is announced, as steps are named.
    "entered",
];

#[test]
fn a_korean_page_has_no_english_word() {
    for recorded in [ordinary(), watched(), empty()] {
        let page = page::html(&recorded, Lang::Ko);
        assert!(page.contains("<html lang=\"ko\">"));
        let text = text_of(&page).replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
        let known = |word: &str| NAMES.contains(&word.trim_matches(|c: char| !c.is_ascii_alphanumeric()));
        let left =
            |line: &str| line.split_whitespace().filter(|word| !known(word)).collect::<Vec<_>>().join(" ");
        let found: Vec<String> = text.lines().map(left).filter(|line| english_word(line).is_some()).collect();
        assert!(found.is_empty(), "{found:#?}");
    }
}

/// The words that a reader sees, one piece of text a line; code and names of others are left out.
fn text_of(page: &str) -> String {
    let mut text = String::new();
    let mut rest = page.split("<body>").nth(1).expect("a body");
    let skipped = ["<code", "<bdi", "<script", "<pre", "<p class=\"brand\"", "<footer"];
    while let Some(at) = rest.find('<') {
        text.push_str(&rest[..at]);
        text.push('\n');
        rest = &rest[at..];
        let tag: String = rest[1..].chars().take_while(|c| c.is_ascii_alphanumeric()).collect();
        let end = match skipped.iter().any(|skipped| rest.starts_with(skipped)) {
            true => rest.find(&format!("</{tag}>")).expect("its end"),
            false => rest.find('>').expect("its end"),
        };
        rest = &rest[end + 1..];
    }
    text
}
