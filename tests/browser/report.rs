//! report.html in a browser: silent, alone, readable in every size, moved by mouse and keyboard.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use startline::lang::Lang;
use startline::report::page;
use startline::report::recorded::Recorded;
use tempfile::TempDir;

use super::chromium::Browser;
use super::pages::{empty, hostile, long, ordinary, watched};

/// Widths that pages are looked at in: a phone, a tablet, a laptop, a large screen.
const WIDTHS: [u32; 4] = [360, 768, 1280, 1920];

/// A browser and a place for pages.
struct Shown {
    browser: Browser,
    place: TempDir,
}

impl Shown {
    #[track_caller]
    fn start() -> Self {
        let mut browser = Browser::start();
        browser.view(1280, 900, "light", "");
        Self { browser, place: tempfile::tempdir().expect("a directory") }
    }

    fn open(&mut self, recorded: &Recorded, lang: Lang) -> PathBuf {
        let file = self.place.path().join("report.html");
        fs::write(&file, page::html(recorded, lang)).expect("a file");
        self.browser.open(&file);
        file
    }

    /// The middle of an element's width, at this share of it, and of its height.
    fn point(&mut self, selector: &str, share: f64) -> (f64, f64) {
        let script = format!(
            "(() => {{ const e = document.querySelector('{selector}'); e.scrollIntoView({{ block: 'center' }}); \
             const r = e.getBoundingClientRect(); return [r.x + r.width * {share}, r.y + r.height / 2]; }})()"
        );
        let point = self.browser.eval(&script);
        (point[0].as_f64().expect("a number"), point[1].as_f64().expect("a number"))
    }

    /// What a chart's legend shows: its names and figures.
    fn legend(&mut self, id: &str) -> String {
        let script = format!("document.querySelector('#{id} .u-legend').innerText");
        self.browser.eval(&script).as_str().expect("text").to_owned()
    }

    fn number(&mut self, script: &str) -> f64 {
        self.browser.eval(script).as_f64().unwrap_or_else(|| panic!("{script} is no number"))
    }
}

#[test]
fn a_page_is_silent_and_asks_for_nothing() {
    let mut shown = Shown::start();
    for (name, recorded, charts) in [
        ("ordinary", ordinary(), 19),
        ("watched", watched(), 25),
        ("hostile", hostile(), 19),
        ("long", long(), 16),
        ("empty", empty(), 0),
    ] {
        for lang in Lang::ALL {
            let file = shown.open(&recorded, lang);
            assert_eq!(shown.browser.complaints(), Vec::<String>::new(), "{name}");
            assert_eq!(shown.browser.requests(), [format!("file://{}", file.display())], "{name}");
            let drawn = shown.number("document.querySelectorAll('.plot canvas').length");
            let places = shown.number("document.querySelectorAll('.plot').length");
            assert_eq!(drawn, places, "{name}");
            assert!(drawn >= f64::from(charts), "{name}: {drawn} charts");
            assert_eq!(shown.browser.eval("typeof window.hacked"), "undefined", "{name}");
        }
    }
}

#[test]
fn hovering_shows_figures_in_every_chart_of_time() {
    let mut shown = Shown::start();
    shown.open(&ordinary(), Lang::En);
    assert!(!shown.legend("c-sessions").contains("5,900"), "{}", shown.legend("c-sessions"));
    let (x, y) = shown.point("#c-sessions .u-over", 0.75);
    shown.browser.mouse("mouseMoved", x, y);
    shown.browser.settle();
    let sessions = shown.legend("c-sessions");
    for part in ["open", "5,900", "started", "5,990", "planned", "6,000", "09:33:00 UTC", "3:00"] {
        assert!(sessions.contains(part), "{part} is not in {sessions:?}");
    }
    let messages = shown.legend("c-messages");
    assert!(messages.contains("09:33:00 UTC") && messages.contains("CONNECTED"), "{messages:?}");
    let moved = "[...document.querySelectorAll('.charts:not(.small) .u-cursor-x')].map(e => e.getBoundingClientRect().x - e.parentElement.getBoundingClientRect().x)";
    let moved: Vec<f64> = serde_json::from_value(shown.browser.eval(moved)).expect("numbers");
    assert!(moved.len() > 10 && moved.iter().all(|x| *x > 50.0 && (x - moved[0]).abs() < 2.0), "{moved:?}");
    assert_eq!(shown.browser.complaints(), Vec::<String>::new());
}

#[test]
fn the_servers_charts_are_on_the_clients_time() {
    let mut shown = Shown::start();
    shown.open(&watched(), Lang::En);
    let (x, y) = shown.point("#c-sessions .u-over", 0.75);
    shown.browser.mouse("mouseMoved", x, y);
    shown.browser.settle();
    let servers = shown.legend("c-watch-0");
    assert!(servers.contains("09:33:01 UTC") && servers.contains("server-cpu"), "{servers:?}");
    let at = "[...document.querySelectorAll('#timelines .u-cursor-x')].map(e => e.getBoundingClientRect().x - e.parentElement.getBoundingClientRect().x)";
    let at: Vec<f64> = serde_json::from_value(shown.browser.eval(at)).expect("numbers");
    assert!(at.len() > 15 && at.iter().all(|x| *x > 50.0 && (x - at[0]).abs() < 4.0), "{at:?}");
    let events = "document.querySelectorAll('#c-watch-0 .happened:not([hidden])').length";
    assert_eq!(shown.number(events), 3.0);
    let text = shown.browser.eval("document.querySelector('#c-watch-0 .happened').title");
    assert!(text.as_str().is_some_and(|text| text.contains("restarted: ws1:8080")), "{text}");
    assert_eq!(shown.browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_distribution_says_what_is_under_the_mouse() {
    let mut shown = Shown::start();
    shown.open(&ordinary(), Lang::En);
    let (x, y) = shown.point("#d-0 .u-over", 0.2);
    shown.browser.mouse("mouseMoved", x, y);
    shown.browser.settle();
    let legend = shown.legend("d-0");
    for part in ["from scheduled time", "from actual send", "% (", "at or below"] {
        assert!(legend.contains(part), "{part} is not in {legend:?}");
    }
}

#[test]
fn the_keyboard_moves_the_cursor_and_toggles_series() {
    let mut shown = Shown::start();
    shown.open(&ordinary(), Lang::En);
    shown.browser.eval("document.querySelector('#c-sessions .u-over').focus()");
    shown.browser.key("End");
    let end = shown.legend("c-sessions");
    assert!(end.contains("09:34:00 UTC"), "{end:?}");
    shown.browser.key("ArrowLeft");
    let before = shown.legend("c-messages");
    assert!(before.contains("09:33:59 UTC"), "{before:?}");
    shown.browser.eval("document.querySelector('#c-sessions .u-series:nth-child(2) th').focus()");
    shown.browser.key("Enter");
    let off = shown.number("document.querySelectorAll('#c-sessions .u-legend .u-off').length");
    assert_eq!(off, 1.0);
    assert_eq!(shown.browser.complaints(), Vec::<String>::new());
}

#[test]
fn dragging_zooms_every_chart_and_the_button_resets_them() {
    let mut shown = Shown::start();
    shown.open(&ordinary(), Lang::En);
    let (from, y) = shown.point("#c-sessions .u-over", 0.5);
    let (to, _) = shown.point("#c-sessions .u-over", 0.75);
    shown.browser.mouse("mouseMoved", from, y);
    shown.browser.mouse("mousePressed", from, y);
    shown.browser.mouse("mouseMoved", to, y);
    shown.browser.mouse("mouseReleased", to, y);
    shown.browser.settle();
    assert_eq!(shown.browser.eval("document.getElementById('zoom').hidden"), false);
    let (x, y) = shown.point("#c-memory .u-over", 0.5);
    shown.browser.mouse("mouseMoved", x, y);
    shown.browser.settle();
    let legend = shown.legend("c-memory");
    // The middle of what is left: 150 s of 240.
    assert!(legend.contains("2:30") || legend.contains("2:29") || legend.contains("2:31"), "{legend:?}");
    shown.browser.eval("document.getElementById('zoom').click()");
    shown.browser.settle();
    assert_eq!(shown.browser.eval("document.getElementById('zoom').hidden"), true);
    assert_eq!(shown.browser.complaints(), Vec::<String>::new());
}

#[test]
fn the_clock_can_be_the_reader_s_own() {
    let mut shown = Shown::start();
    let zone = serde_json::json!({ "timezoneId": "Asia/Seoul" });
    shown.browser.call("Emulation.setTimezoneOverride", zone);
    shown.open(&ordinary(), Lang::En);
    for clock in ["09:34:00 UTC", "18:34:00 UTC+09:00"] {
        shown.browser.eval("document.querySelector('#c-sessions .u-over').focus()");
        shown.browser.key("End");
        let legend = shown.legend("c-sessions");
        assert!(legend.contains(clock), "{clock} is not in {legend:?}");
        shown.browser.eval("document.getElementById('local').click()");
        shown.browser.key("Home");
    }
    assert_eq!(shown.browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_logarithmic_axis_can_be_switched() {
    let mut shown = Shown::start();
    shown.open(&ordinary(), Lang::En);
    let pressed = "document.querySelector('#c-step-0').closest('figure').querySelector('.log').getAttribute('aria-pressed')";
    let before = shown.browser.eval(pressed);
    shown.browser.eval("document.querySelector('#c-step-0').closest('figure').querySelector('.log').click()");
    shown.browser.settle();
    assert_ne!(shown.browser.eval(pressed), before);
    assert_eq!(shown.number("document.querySelectorAll('#c-step-0 canvas').length"), 1.0);
    assert_eq!(shown.browser.complaints(), Vec::<String>::new());
}

/// Pictures of each are left under target/tmp/report, to be looked at.
#[test]
fn nothing_scrolls_sideways_in_any_size() {
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report");
    fs::create_dir_all(&pictures).expect("a directory");
    let mut shown = Shown::start();
    for (name, recorded) in [("watched", watched()), ("hostile", hostile()), ("empty", empty())] {
        for lang in Lang::ALL {
            shown.open(&recorded, lang);
            for (width, scheme) in WIDTHS.into_iter().flat_map(|width| [(width, "light"), (width, "dark")]) {
                if scheme == "dark" && name != "ordinary" {
                    continue;
                }
                shown.browser.view(width, 900, scheme, "");
                let page = shown.number("document.documentElement.scrollWidth");
                assert!(page <= f64::from(width), "{name} in {width}: {page} wide");
                let wide = "[...document.querySelectorAll('.plot > .uplot, .card, .scroll')].filter(e => e.getBoundingClientRect().right > innerWidth).length";
                assert_eq!(shown.number(wide), 0.0, "{name} in {width}");
                if name == "ordinary" {
                    let picture = format!("{}-{width}-{scheme}.png", lang.tag());
                    fs::write(pictures.join(picture), shown.browser.screenshot()).expect("a file");
                }
            }
            shown.browser.view(1280, 900, "light", "");
        }
    }
    assert_eq!(shown.browser.complaints(), Vec::<String>::new());
}

#[test]
fn dark_is_dark_and_paper_is_light_and_complete() {
    let mut shown = Shown::start();
    shown.open(&ordinary(), Lang::En);
    let back = "getComputedStyle(document.body).backgroundColor";
    let middle = |rgb: &Value| {
        let parts = rgb.as_str().expect("a colour").split(|c: char| !c.is_ascii_digit());
        parts.filter_map(|part| part.parse::<u32>().ok()).take(3).sum::<u32>() / 3
    };
    assert!(middle(&shown.browser.eval(back)) > 230);
    shown.browser.view(1280, 900, "dark", "");
    assert!(middle(&shown.browser.eval(back)) < 40);
    shown.browser.view(688, 900, "dark", "print");
    assert_eq!(middle(&shown.browser.eval(back)), 255);
    assert_eq!(shown.browser.eval("getComputedStyle(document.querySelector('nav')).display"), "none");
    let shown_charts = "[...document.querySelectorAll('.plot canvas')].filter(e => e.getBoundingClientRect().width > 200).length";
    let charts = shown.number(shown_charts);
    assert_eq!(charts, shown.number("document.querySelectorAll('.plot').length"));
    let wide = "[...document.querySelectorAll('table')].filter(e => e.getBoundingClientRect().right > 688)\
                .map(e => e.querySelector('caption').textContent).join('; ')";
    assert_eq!(shown.browser.eval(wide), "", "tables that are cut on paper");
    assert!(shown.number("document.documentElement.scrollWidth") <= 688.0);
    assert_eq!(shown.browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_page_without_script_has_every_table() {
    let mut shown = Shown::start();
    shown.browser.disable_scripts();
    let file = shown.place.path().join("report.html");
    fs::write(&file, page::html(&ordinary(), Lang::En)).expect("a file");
    shown.browser.open(&file);
    let text = shown.browser.eval("document.body.innerText");
    let text = text.as_str().expect("text");
    for part in ["Charts need JavaScript", "First error", "Throughput /s", "502 Bad Gateway", "adds up"] {
        assert!(text.contains(part), "{part} is not in the page");
    }
}

#[test]
fn headings_and_tables_are_in_order() {
    let mut shown = Shown::start();
    shown.open(&ordinary(), Lang::Ko);
    let levels = "[...document.querySelectorAll('h1, h2, h3')].map(e => +e.tagName[1])";
    let levels: Vec<i64> = serde_json::from_value(shown.browser.eval(levels)).expect("numbers");
    assert_eq!(levels.iter().filter(|level| **level == 1).count(), 1);
    assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{levels:?}");
    let nameless = "[...document.querySelectorAll('table')].filter(e => !e.closest('.uplot') && (!e.caption?.textContent || !e.querySelector('th[scope=col]'))).length";
    assert_eq!(shown.number(nameless), 0.0);
    assert_eq!(shown.browser.eval("document.documentElement.lang"), "ko");
    let twice = "(() => { const ids = [...document.querySelectorAll('[id]')].map(e => e.id); return ids.length - new Set(ids).size; })()";
    assert_eq!(shown.number(twice), 0.0);
}
