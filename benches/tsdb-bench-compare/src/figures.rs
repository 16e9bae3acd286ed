//! What was measured of one server under one load, and what follows from it.

use serde_json::{Value, json};

use crate::disk::DiskBytes;
use crate::read_back::Comparison;
use crate::sender::Sent;

/// CPU and time of one part of a load.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Part {
    pub(crate) samples: u64,
    pub(crate) cpu_ns: u64,
    /// Time during which requests were sent.
    pub(crate) sending_ms: u64,
}

/// A start over what was there, and what came back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Restart {
    /// From its execution until it said that it is ready and the last sample could be read, in
    /// milliseconds.
    pub(crate) ready_ms: u64,
    /// Whether the last acked sample was there.
    pub(crate) last_sample: bool,
    /// Memory right after.
    pub(crate) rss_bytes: u64,
    /// Samples of all series.
    pub(crate) stored: u64,
    /// Samples of some series.
    pub(crate) compared: Comparison,
}

impl Restart {
    fn json(&self) -> Value {
        json!({
            "ready_ms": self.ready_ms,
            "last_sample_there": self.last_sample,
            "rss_bytes": self.rss_bytes,
            "stored_samples": self.stored,
            "compared": self.compared.json(),
        })
    }
}

/// Everything measured of one server under one load.
#[derive(Debug, Clone)]
pub(crate) struct Figures {
    pub(crate) version: String,
    pub(crate) active_series: u64,
    pub(crate) all_series: u64,
    pub(crate) sent: Sent,
    /// The first scrape, every sample of which makes a series.
    pub(crate) creation: Part,
    /// All further scrapes.
    pub(crate) known: Part,
    pub(crate) rss_empty: u64,
    pub(crate) rss_loaded: u64,
    pub(crate) rss_peak: u64,
    /// Right after the last ack.
    pub(crate) disk_loaded: DiskBytes,
    pub(crate) after_kill: Restart,
    pub(crate) disk_settled: DiskBytes,
    pub(crate) settling_cpu_ns: u64,
    pub(crate) after_stop: Restart,
}

impl Figures {
    /// CPU of the whole load a sample, in nanoseconds.
    pub(crate) fn cpu_ns(&self) -> f64 {
        let cpu_ns = self.creation.cpu_ns + self.known.cpu_ns;
        ratio(cpu_ns, self.creation.samples + self.known.samples)
    }

    /// CPU a sample once every series is known, in nanoseconds.
    pub(crate) fn known_cpu_ns(&self) -> f64 {
        ratio(self.known.cpu_ns, self.known.samples)
    }

    /// CPU of a series' creation with its first sample, in nanoseconds.
    pub(crate) fn new_series_cpu_ns(&self) -> f64 {
        ratio(self.creation.cpu_ns, self.creation.samples)
    }

    /// CPU of settling a sample, in nanoseconds.
    pub(crate) fn settling_cpu_ns(&self) -> f64 {
        ratio(self.settling_cpu_ns, self.after_stop.stored)
    }

    /// Samples a second once every series is known.
    pub(crate) fn rate(&self) -> f64 {
        ratio(self.known.samples * 1_000, self.known.sending_ms)
    }

    /// Memory an active series at the end of the load, in bytes.
    pub(crate) fn rss_per_series(&self) -> f64 {
        ratio(self.rss_loaded, self.active_series)
    }

    /// Most memory at any time an active series, in bytes.
    pub(crate) fn peak_per_series(&self) -> f64 {
        ratio(self.rss_peak, self.active_series)
    }

    /// Bytes of all files a sample at rest, as their lengths say.
    pub(crate) fn disk_per_sample(&self) -> f64 {
        ratio(self.disk_settled.apparent, self.after_stop.stored)
    }

    /// Bytes of all files a sample at rest, as the file system gave them.
    pub(crate) fn allocated_per_sample(&self) -> f64 {
        ratio(self.disk_settled.allocated, self.after_stop.stored)
    }

    /// Acked samples that are not there after kill -9.
    pub(crate) fn lost(&self) -> u64 {
        self.sent.acked.saturating_sub(self.after_kill.stored)
    }

    /// Acked samples that are not there after kill -9, or not after the clean stop behind it.
    pub(crate) fn lost_ever(&self) -> u64 {
        let after_stop = self.sent.acked.saturating_sub(self.after_stop.stored);
        self.lost().max(after_stop)
    }

    /// Of the samples compared, how many have other bits, in percent.
    pub(crate) fn changed_percent(&self) -> f64 {
        let compared = self.after_stop.compared;
        100.0 * ratio(compared.changed, compared.found)
    }

    pub(crate) fn json(&self) -> Value {
        let part = |part: Part| {
            json!({
                "samples": part.samples,
                "cpu_ns": part.cpu_ns,
                "sending_ms": part.sending_ms,
            })
        };
        let disk = |disk: DiskBytes| json!({ "apparent_bytes": disk.apparent, "allocated_bytes": disk.allocated });
        json!({
            "version": self.version,
            "active_series": self.active_series,
            "all_series": self.all_series,
            "acked_samples": self.sent.acked,
            "refused_samples": self.sent.refused,
            "refusal": self.sent.refusal,
            "retries": self.sent.retries,
            "creation": part(self.creation),
            "known": part(self.known),
            "rss_empty_bytes": self.rss_empty,
            "rss_loaded_bytes": self.rss_loaded,
            "rss_peak_bytes": self.rss_peak,
            "disk_loaded": disk(self.disk_loaded),
            "after_kill": self.after_kill.json(),
            "disk_settled": disk(self.disk_settled),
            "settling_cpu_ns": self.settling_cpu_ns,
            "after_stop": self.after_stop.json(),
        })
    }
}

/// A quotient; not a number when there is nothing to divide by.
fn ratio(of: u64, by: u64) -> f64 {
    match by {
        0 => f64::NAN,
        by => of as f64 / by as f64,
    }
}
