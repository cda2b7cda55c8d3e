//! nginx's `stub_status` page.
//!
//! Pure. Invariant: a page is read whole or not at all.

/// What is on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StubStatus {
    /// Open connections, waiting ones included.
    pub active: u64,
    /// Connections accepted since nginx started.
    pub accepts: u64,
    /// Connections handled: fewer if a limit, such as worker_connections, was reached.
    pub handled: u64,
    /// Requests since nginx started.
    pub requests: u64,
    /// Connections whose request is being read.
    pub reading: u64,
    /// Connections that are answered: a proxied WebSocket is one as long as it is open.
    pub writing: u64,
    /// Idle connections.
    pub waiting: u64,
}

/// What can be asked of the page.
pub const FIGURES: [&str; 8] =
    ["active", "accepts", "handled", "dropped", "requests", "reading", "writing", "waiting"];

impl StubStatus {
    /// Reads the page.
    pub fn read(page: &str) -> Option<Self> {
        let after = |label: &str| {
            let (_, rest) = page.split_once(label)?;
            rest.split_whitespace().next()?.parse().ok()
        };
        let (_, totals) = page.split_once("server accepts handled requests")?;
        let mut totals = totals.split_whitespace().map(|total| total.parse().ok());
        Some(Self {
            active: after("Active connections:")?,
            accepts: totals.next()??,
            handled: totals.next()??,
            requests: totals.next()??,
            reading: after("Reading:")?,
            writing: after("Writing:")?,
            waiting: after("Waiting:")?,
        })
    }

    /// A figure as it is on the page; a total since nginx started, for those that are rates.
    pub fn figure(&self, name: &str) -> Option<f64> {
        let figure = match name {
            "active" => self.active,
            "accepts" => self.accepts,
            "handled" => self.handled,
            "dropped" => self.accepts.saturating_sub(self.handled),
            "requests" => self.requests,
            "reading" => self.reading,
            "writing" => self.writing,
            "waiting" => self.waiting,
            _ => return None,
        };
        Some(figure as f64)
    }
}

/// Whether a figure is a total, of which the rate counts.
pub fn is_rate(name: &str) -> bool {
    matches!(name, "accepts" | "handled" | "requests")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "Active connections: 291 \nserver accepts handled requests\n 16630948 16630900 31070465 \n\
                        Reading: 6 Writing: 179 Waiting: 106 \n";

    #[test]
    fn the_page_is_read_as_nginx_documents_it() {
        let status = StubStatus::read(PAGE).expect("a page");
        let figures: Vec<f64> = FIGURES.iter().filter_map(|name| status.figure(name)).collect();
        assert_eq!(figures, [291.0, 16_630_948.0, 16_630_900.0, 48.0, 31_070_465.0, 6.0, 179.0, 106.0]);
        assert_eq!(status.figure("x"), None);
    }

    #[test]
    fn any_other_page_is_not_read() {
        for page in ["", "<html>", "Active connections: 291", &PAGE.replace("16630900", "x"), &PAGE[..100]] {
            assert_eq!(StubStatus::read(page), None, "{page}");
        }
    }
}
