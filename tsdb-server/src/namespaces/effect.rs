//! What of M3's options holds in this database, and what is only kept.

use std::time::Duration;

use super::options::{NamespaceOptions, RetentionOptions};

/// Windows shorter than this make many small files, and longer ones hold compaction up: a block
/// size outside of them is kept and shown, and windows stay as they are.
const WINDOWS: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(60)..=Duration::from_secs(24 * 3600);

fn duration_of(nanos: i64) -> Duration {
    // The database counts milliseconds.
    Duration::from_millis(u64::try_from(nanos / 1_000_000).unwrap_or(0))
}

fn nanos_of(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

impl RetentionOptions {
    /// How long samples are kept.
    pub(crate) fn period(&self) -> Duration {
        duration_of(self.retention_period_nanos)
    }

    /// The length of windows, if the block size can be that.
    fn window(&self) -> Option<Duration> {
        Some(duration_of(self.block_size_nanos)).filter(|window| WINDOWS.contains(window))
    }
}

impl NamespaceOptions {
    /// The options that the database gets, which has `present` ones.
    pub(crate) fn in_database(
        &self,
        present: tsdb_core::NamespaceOptions,
    ) -> tsdb_core::NamespaceOptions {
        let retention = self.retention();
        tsdb_core::NamespaceOptions {
            retention: Some(retention.period()),
            window: retention
                .window()
                .unwrap_or(present.window)
                .min(retention.period()),
            ..present
        }
    }

    /// M3's options for what the database has. Samples that are kept for ever are kept for the
    /// longest time that M3 can say, 292 years.
    pub(crate) fn of_database(present: tsdb_core::NamespaceOptions) -> Self {
        let retention = present.retention.map_or(i64::MAX, nanos_of);
        Self::of(retention, nanos_of(present.window))
    }

    /// What of these options is kept and shown but does nothing here, each with the reason.
    pub(crate) fn without_effect(&self) -> Vec<&'static str> {
        let retention = self.retention();
        let index = self.index_options.clone().unwrap_or_default();
        let always = "what is acknowledged is on the disk, whatever they say";
        let said = [
            (
                !self.bootstrap_enabled,
                "bootstrapEnabled: data is always loaded at the start",
            ),
            (
                !self.flush_enabled || !self.writes_to_commit_log || !self.snapshot_enabled,
                always,
            ),
            (
                !self.cleanup_enabled,
                "cleanupEnabled: expired data is always removed",
            ),
            (
                self.repair_enabled,
                "repairEnabled: there is one replica, nothing to compare",
            ),
            (
                !index.enabled,
                "indexOptions.enabled: everything is indexed",
            ),
            (
                retention.window().is_none(),
                "blockSizeNanos: windows of the database are between a minute and a day",
            ),
            (
                retention.future_retention_period_nanos != 0,
                "futureRetentionPeriodNanos: --max-future says how far ahead samples are taken",
            ),
            (
                self.runtime_options.is_some(),
                "runtimeOptions: writes are indexed before their ack",
            ),
            (
                self.extended_options.is_some(),
                "extendedOptions: there are no extensions",
            ),
        ];
        let said = said.into_iter().filter(|(is_said, _)| *is_said);
        said.map(|(_, what)| what).collect()
    }
}
