//! The rules of the commit protocol as switches, so that tests can show that each is needed.

/// Each rule of the commit protocol; all hold outside of tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProtocolRules {
    /// Definitions of series are synced before the frames that name them are written.
    pub definitions_before_frames: bool,
    /// The leader takes its batch before it syncs definitions.
    pub batch_before_definitions: bool,
    /// Cutting a generation syncs the log that ends.
    pub cut_syncs_the_old_log: bool,
    /// The folder entry of a log is durable before its first frame.
    pub folder_synced_before_first_frame: bool,
    /// A log goes only after every namespace with frames in it has a synced manifest past it.
    pub log_kept_for_every_namespace: bool,
    /// A log goes only after the runs that replace it are listed.
    pub run_listed_before_log_goes: bool,
    /// A run is synced, and its folder too, before a manifest lists it.
    pub run_synced_before_listed: bool,
    /// Recovery cuts torn frames off before it writes.
    pub recovery_cuts_torn_frames: bool,
    /// Recovery syncs what it found before it deletes or acks anything.
    pub recovery_syncs: bool,
    /// Recovery writes anew what was not known to be synced.
    pub recovery_rewrites_unsynced: bool,
    /// Each log is replayed into a generation of its own.
    pub replay_keeps_generations: bool,
    /// A bad frame is corruption only if a valid one behind it claims it was synced.
    pub torn_unless_claimed: bool,
    /// Every duplicate gets a frame of its own.
    pub duplicates_are_logged: bool,
    /// One order-free rule decides between two values at one timestamp.
    pub order_free_winner: bool,
    /// Replay takes many frames at a time; a few otherwise, so that tests see many batches.
    pub replay_in_large_batches: bool,
    /// After a failed write or sync of a frame nothing is acked any more.
    pub failure_poisons: bool,
    /// A series stays while a live run names it.
    pub forgetting_spares_runs: bool,
    /// A series stays while a buffer, and therefore a log, names it.
    pub forgetting_spares_buffers: bool,
    /// Ids of series that left are not given again.
    pub ids_are_never_reused: bool,
    /// Sealed series files go only after the one that replaces them is listed.
    pub series_file_listed_before_sealed_go: bool,
    /// The frame of a delete is the first of a new generation.
    pub delete_begins_generation: bool,
    /// A tombstone is listed before the log with its frame goes.
    pub tombstone_listed_before_log_goes: bool,
    /// Only tombstones of a synced manifest are applied when files are made of files.
    pub tombstone_listed_before_applied: bool,
    /// A tombstone is applied to inputs older than it, and to no others.
    pub tombstone_spares_newer_inputs: bool,
    /// Tombstones are applied to each input before its samples are merged with those of others.
    pub tombstone_applied_before_merging: bool,
    /// A file made of others carries the highest generation of these.
    pub output_has_highest_generation: bool,
    /// A tombstone goes only when no live file is older than it.
    pub tombstone_kept_for_older_files: bool,
    /// Exemplars are in a synced file before the log with their frames goes.
    pub exemplars_saved_before_log_goes: bool,
    /// A delete hides only exemplars of older generations.
    pub delete_spares_newer_exemplars: bool,
    /// The folder of a namespace goes only after the catalog does not list it.
    pub namespace_unlisted_before_folder_goes: bool,
}

impl Default for ProtocolRules {
    fn default() -> Self {
        Self {
            definitions_before_frames: true,
            batch_before_definitions: true,
            cut_syncs_the_old_log: true,
            folder_synced_before_first_frame: true,
            log_kept_for_every_namespace: true,
            run_listed_before_log_goes: true,
            run_synced_before_listed: true,
            recovery_cuts_torn_frames: true,
            recovery_syncs: true,
            recovery_rewrites_unsynced: true,
            replay_keeps_generations: true,
            torn_unless_claimed: true,
            duplicates_are_logged: true,
            order_free_winner: true,
            replay_in_large_batches: true,
            failure_poisons: true,
            forgetting_spares_runs: true,
            forgetting_spares_buffers: true,
            ids_are_never_reused: true,
            series_file_listed_before_sealed_go: true,
            delete_begins_generation: true,
            tombstone_listed_before_log_goes: true,
            tombstone_listed_before_applied: true,
            tombstone_spares_newer_inputs: true,
            tombstone_applied_before_merging: true,
            output_has_highest_generation: true,
            tombstone_kept_for_older_files: true,
            exemplars_saved_before_log_goes: true,
            delete_spares_newer_exemplars: true,
            namespace_unlisted_before_folder_goes: true,
        }
    }
}
