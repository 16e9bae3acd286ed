//! What was measured of a cluster, and what was wished for.

/// CPU of some samples at a server that is alone, at a coordinator, and at all nodes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cost {
    pub(super) samples: u64,
    pub(super) cpu_ns: u64,
}

impl Cost {
    /// Nanoseconds a sample.
    pub(super) fn per_sample(self) -> f64 {
        self.cpu_ns as f64 / self.samples as f64
    }
}

/// Everything measured; CPU of samples of known series.
#[derive(Debug, Clone, Default)]
pub(super) struct Figures {
    pub(super) alone: Cost,
    pub(super) coordinator: Cost,
    pub(super) nodes: Cost,
    /// Bytes that a coordinator sent its nodes, a sample written.
    pub(super) bytes_per_sample: f64,
    /// Bytes that came to a coordinator for a read of everything, by bytes of the pages read.
    pub(super) bytes_per_page_byte: f64,
    /// The slowest request while a node was killed, and how often one had to be sent again.
    pub(super) slowest_ms: u64,
    pub(super) retries: u64,
    /// Samples written while a node was away, and how long after its start it was equal.
    pub(super) missed: u64,
    pub(super) equal_after_ms: u64,
    /// Memory of the coordinator before and after an hour with a dead node.
    pub(super) rss_before: u64,
    pub(super) rss_after: u64,
}

/// One line of the table.
struct Line {
    what: &'static str,
    measured: String,
    wished: &'static str,
    is_met: bool,
}

impl Figures {
    /// What a write at three nodes costs, by what three servers that are alone would.
    fn overhead(&self) -> f64 {
        let (alone, coordinator) = (self.alone.per_sample(), self.coordinator.per_sample());
        (self.nodes.per_sample() + coordinator) / (3.0 * alone + coordinator)
    }

    fn growth(&self) -> f64 {
        self.rss_after as f64 / self.rss_before as f64
    }

    fn lines(&self) -> Vec<Line> {
        let coordinator = self.coordinator.per_sample();
        let line = |what, measured, wished, is_met| Line {
            what,
            measured,
            wished,
            is_met,
        };
        let mib = |bytes: u64| bytes >> 20;
        vec![
            line(
                "CPU of one server, alone, ns a sample",
                format!("{:.0}", self.alone.per_sample()),
                "",
                true,
            ),
            line(
                "CPU of the coordinator, ns a sample",
                format!("{coordinator:.0}"),
                "<= 300",
                coordinator <= 300.0,
            ),
            line(
                "CPU of all three nodes, ns a sample",
                format!("{:.0}", self.nodes.per_sample()),
                "",
                true,
            ),
            line(
                "(nodes + coordinator) / (3 x alone + coordinator)",
                format!("{:.2}", self.overhead()),
                "<= 1.3",
                self.overhead() <= 1.3,
            ),
            line(
                "bytes between servers, a sample written",
                format!("{:.2}", self.bytes_per_sample),
                "<= 6",
                self.bytes_per_sample <= 6.0,
            ),
            line(
                "bytes between servers, a byte of the pages read",
                format!("{:.2}", self.bytes_per_page_byte),
                "<= 1.2",
                self.bytes_per_page_byte <= 1.2,
            ),
            line(
                "slowest write while a node is killed, ms; sent again",
                format!("{}; {}", self.slowest_ms, self.retries),
                "<= 10000; 0",
                self.slowest_ms <= 10_000 && self.retries == 0,
            ),
            line(
                "samples missed; seconds until they are there",
                format!("{}; {:.1}", self.missed, self.equal_after_ms as f64 / 1e3),
                "<= 60",
                self.equal_after_ms <= 60_000,
            ),
            line(
                "coordinator with a dead node for an hour, MiB",
                format!("{} -> {}", mib(self.rss_before), mib(self.rss_after)),
                "flat",
                self.growth() <= 1.1,
            ),
        ]
    }

    /// A table, in Markdown.
    pub(super) fn report(&self) -> String {
        let mut text =
            String::from("| figure | measured | wished for | |\n| --- | ---: | ---: | --- |\n");
        for line in self.lines() {
            let met = match (line.wished.is_empty(), line.is_met) {
                (true, _) => "",
                (false, true) => "met",
                (false, false) => "missed",
            };
            text += &format!(
                "| {} | {} | {} | {met} |\n",
                line.what, line.measured, line.wished
            );
        }
        text
    }
}
