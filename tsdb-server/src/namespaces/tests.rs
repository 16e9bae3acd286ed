use std::sync::Arc;
use std::time::Duration;

use tsdb_core::WriteBatch;
use tsdb_core::vfs::FaultVfs;

use super::{Configured, NamespaceOptions, NamespaceUpdate, Registry, RegistryError};
use crate::config::{NamespaceSetting, Origin, Place, Retention, TenantSetting};
use crate::jsonpb::parse;
use crate::metadata::EmbeddedMetadata;
use crate::metadata::tests::store_over;
use crate::store::Store;
use tsdb_cluster::metadata::{MemoryMetadata, MetadataStore, namespaces_key};

const HOUR: i64 = 3600 * 1_000_000_000;

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3600)
}

fn options(text: &str) -> NamespaceOptions {
    let options: NamespaceOptions = parse(text.as_bytes()).expect("options");
    options.completed()
}

/// A registry over a database on `disk`, with the settings of `configured`.
fn open(disk: &FaultVfs, configured: Configured) -> (Registry, Store) {
    let store = store_over(disk);
    let metadata = Arc::new(EmbeddedMetadata::new(store.clone()));
    let registry = Registry::new(store.clone(), metadata, configured);
    let settling = registry.clone();
    let prepare = move |db: &tsdb_core::Db| {
        let kept = db.document(settling.key());
        settling.settle(db, kept.as_ref().map(|kept| &*kept.bytes))
    };
    store.open(prepare).expect("a database");
    (registry, store)
}

fn setting(name: &str, aggregated: bool, retention: Option<Duration>) -> NamespaceSetting {
    NamespaceSetting {
        name: name.to_owned(),
        aggregated,
        retention,
        resolution: aggregated.then_some(Duration::from_secs(60)),
        origin: Origin::File(Place::default()),
    }
}

fn of_file(namespaces: Vec<NamespaceSetting>) -> Configured {
    Configured {
        namespaces,
        ..Configured::default()
    }
}

fn retention(store: &Store, name: &str) -> Option<Duration> {
    let opened = store.current().expect("open");
    opened.find(name).expect("a namespace").options().retention
}

/// Stores a sample of now by the namespace that plain requests use.
fn write_plainly(store: &Store) {
    let opened = store.current().expect("open");
    let mut batch = WriteBatch::new();
    let now_ms = tsdb_core::Clock::now_ms(&tsdb_core::SystemClock::new());
    let labels = tsdb_core::Labels::from_pairs([("__name__", "up")]).expect("labels");
    batch.push(&labels, tsdb_core::Sample::new(now_ms, 1.0));
    opened.namespace.write(&batch).expect("a write");
}

fn names(view: &super::View) -> Vec<&str> {
    view.entries.keys().map(String::as_str).collect()
}

#[test]
fn options_are_printed_as_jsonpb_prints_them() {
    let options = NamespaceOptions::of(12 * HOUR, HOUR / 2).unaggregated();
    let expected = r#"{"bootstrapEnabled":true,"flushEnabled":true,"writesToCommitLog":true,"cleanupEnabled":true,"repairEnabled":false,"retentionOptions":{"retentionPeriodNanos":"43200000000000","blockSizeNanos":"1800000000000","bufferFutureNanos":"120000000000","bufferPastNanos":"600000000000","blockDataExpiry":true,"blockDataExpiryAfterNotAccessPeriodNanos":"300000000000","futureRetentionPeriodNanos":"0"},"snapshotEnabled":true,"indexOptions":{"enabled":true,"blockSizeNanos":"1800000000000"},"schemaOptions":null,"coldWritesEnabled":false,"runtimeOptions":null,"cacheBlocksOnRetrieve":false,"aggregationOptions":{"aggregations":[{"aggregated":false,"attributes":null}]},"stagingState":{"status":"INITIALIZING"},"extendedOptions":null}"#;
    let text = serde_json::to_string(&options).expect("JSON");
    assert_eq!(text, expected);
    assert_eq!(parse(expected.as_bytes()), Ok(options));
}

#[test]
fn the_same_options_are_read_in_every_spelling() {
    let expected = options(
        r#"{"retentionOptions":{"retentionPeriodNanos":"172800000000000","blockSizeNanos":"7200000000000","bufferFutureNanos":"600000000000","bufferPastNanos":"600000000000","blockDataExpiry":true,"blockDataExpiryAfterNotAccessPeriodNanos":"300000000000"},"indexOptions":{"enabled":true,"blockSizeNanos":"7200000000000"},"aggregationOptions":{"aggregations":[{"aggregated":true,"attributes":{"resolutionNanos":"300000000000","downsampleOptions":{"all":true}}}]}}"#,
    );
    for text in [
        // M3's documentation, with its days and its other spelling.
        r#"{"bootstrapEnabled":true,"flushEnabled":true,"writesToCommitLog":true,"cleanupEnabled":true,"snapshotEnabled":true,"repairEnabled":false,"retentionOptions":{"retentionPeriodDuration":"2d","blockSizeDuration":"2h","bufferFutureDuration":"10m","bufferPastDuration":"10m","blockDataExpiry":true,"blockDataExpiryAfterNotAccessedPeriodDuration":"5m"},"indexOptions":{"enabled":true,"blockSizeDuration":"2h"},"aggregationOptions":{"aggregations":[{"aggregated":true,"attributes":{"resolutionDuration":"5m"}}]}}"#,
        // Go's own JSON of the message: numbers, and nothing that is zero.
        r#"{"bootstrapEnabled":true,"flushEnabled":true,"retentionOptions":{"retentionPeriodNanos":172800000000000,"blockSizeNanos":7200000000000,"bufferFutureNanos":600000000000,"bufferPastNanos":600000000000,"blockDataExpiry":true,"blockDataExpiryAfterNotAccessPeriodNanos":300000000000},"indexOptions":{"enabled":true,"blockSizeNanos":7200000000000},"aggregationOptions":{"aggregations":[{"aggregated":true,"attributes":{"resolutionNanos":300000000000}}]}}"#,
        r#"{"bootstrap_enabled":true,"retention_options":{"retention_period_duration":"48h0m0s","block_size_nanos":7200000000000,"buffer_future_duration":"10m0s","buffer_past_duration":"600s"},"index_options":{},"aggregation_options":{"aggregations":[{"aggregated":true,"attributes":{"resolution_duration":"5m","downsample_options":{}}}]},"runtimeOptions":null}"#,
    ] {
        assert_eq!(options(text), expected, "{text}");
        assert_eq!(options(text).check(), Ok(()));
    }
}

#[test]
fn options_that_cannot_be_are_refused_by_their_rule() {
    for (text, rule) in [
        ("{}", "retention options must be set"),
        (
            r#"{"retentionOptions":{"blockSizeDuration":"0s"}}"#,
            "block size must be positive",
        ),
        (
            r#"{"retentionOptions":{"retentionPeriodDuration":"1h"}}"#,
            "retention period must not be smaller",
        ),
        (
            r#"{"retentionOptions":{"bufferPastDuration":"2h"}}"#,
            "buffer past must be smaller",
        ),
        (
            r#"{"retentionOptions":{"bufferFutureDuration":"-1s"}}"#,
            "buffer future must be non-negative",
        ),
        (
            r#"{"retentionOptions":{},"indexOptions":{"blockSizeDuration":"4h"}}"#,
            "index and retention block size must match",
        ),
        (
            r#"{"retentionOptions":{},"aggregationOptions":{"aggregations":[{"aggregated":true}]}}"#,
            "must set attributes",
        ),
        (
            r#"{"retentionOptions":{},"aggregationOptions":{"aggregations":[{"aggregated":true,"attributes":{}}]}}"#,
            "resolutionNanos must be positive",
        ),
        (
            r#"{"retentionOptions":{},"schemaOptions":{"history":{}}}"#,
            "schemaOptions",
        ),
    ] {
        let error = options(text).check().expect_err(text);
        assert!(error.contains(rule), "{error}");
    }
}

#[test]
fn an_update_may_change_four_things_and_names_any_other() {
    let body = r#"{"name":"n","options":{"retentionOptions":{"retentionPeriodDuration":"96h"},"runtimeOptions":{"writeIndexingPerCPUConcurrency":16},"aggregationOptions":{"aggregations":[{"aggregated":true,"attributes":{"resolutionDuration":"5m"}}]},"extendedOptions":{"type":"t","options":{"value":"bar"}},"repairEnabled":false}}"#;
    let update = NamespaceUpdate::parse(body.as_bytes()).expect("an update");
    let mut changed = NamespaceOptions::of(48 * HOUR, 2 * HOUR);
    update.apply(&mut changed);
    let text = serde_json::to_string(&changed).expect("JSON");
    for part in [
        r#""retentionPeriodNanos":"345600000000000","blockSizeNanos":"7200000000000""#,
        r#""runtimeOptions":{"writeIndexingPerCPUConcurrency":16,"flushIndexingPerCPUConcurrency":null}"#,
        r#"{"aggregated":true,"attributes":{"resolutionNanos":"300000000000","downsampleOptions":{"all":true}}}"#,
        r#""extendedOptions":{"type":"t","options":{"value":"bar"}}"#,
    ] {
        assert!(text.contains(part), "{text} has no {part}");
    }
    let nothing = NamespaceUpdate::parse(br#"{"name":"n","options":{"retentionOptions":{}}}"#);
    let before = changed.clone();
    nothing.expect("an update").apply(&mut changed);
    assert_eq!(changed, before);
    for (body, what) in [
        (
            r#"{"options":{"retentionOptions":{}}}"#,
            "must specify namespace name",
        ),
        (r#"{"name":"n"}"#, "update options cannot be empty"),
        (
            r#"{"name":"n","options":{"flushEnabled":false}}"#,
            "update options cannot be empty",
        ),
        (
            r#"{"name":"n","options":{"flush_enabled":true}}"#,
            "flushEnabled: namespace option field is immutable",
        ),
        (
            r#"{"name":"n","options":{"retentionOptions":{"blockSizeNanos":"1"}}}"#,
            "retentionOptions.blockSizeNanos: namespace option field is immutable",
        ),
        (
            r#"{"name":"n","options":{"nothing":1}}"#,
            "unknown field `nothing`",
        ),
    ] {
        let error = NamespaceUpdate::parse(body.as_bytes())
            .expect_err(body)
            .to_string();
        assert!(error.contains(what), "{error}");
    }
}

#[tokio::test]
async fn a_namespace_is_added_changed_and_removed_at_once_and_found_again() {
    let disk = FaultVfs::new(1);
    let (registry, store) = open(&disk, Configured::default());
    assert_eq!(names(&registry.list().await.expect("a list")), ["default"]);
    let aggregated = NamespaceOptions::of(40 * 24 * HOUR, 24 * HOUR).aggregated(HOUR / 60);
    let add = vec![("long".to_owned(), aggregated)];
    registry.add(add.clone(), false).await.expect("a new one");
    let again = registry.add(add, false).await.expect_err("it is there");
    assert!(matches!(again, RegistryError::Exists(_)), "{again}");
    assert_eq!(retention(&store, "long"), Some(hours(40 * 24)));
    assert_eq!(&*registry.unaggregated(), "default");
    let policy = |resolution, retention| {
        let found = registry.by_storage_policy(Duration::from_secs(resolution), hours(retention));
        found.map(|name| name.to_string())
    };
    assert_eq!(policy(60, 40 * 24).as_deref(), Some("long"));
    assert_eq!(policy(30, 40 * 24), None);
    assert_eq!(policy(60, 48), None);

    let body = r#"{"name":"long","options":{"retentionOptions":{"retentionPeriodDuration":"2d"}}}"#;
    let update = NamespaceUpdate::parse(body.as_bytes()).expect("an update");
    registry
        .update(update.clone(), false)
        .await
        .expect("a change");
    assert_eq!(retention(&store, "long"), Some(hours(48)));
    assert_eq!(policy(60, 48).as_deref(), Some("long"));
    registry.mark_ready("long", false).await.expect("ready");
    store.close().expect("a clean end");

    let (registry, store) = open(&disk, Configured::default());
    let text = serde_json::to_string(&registry.view().entries["long"].options).expect("JSON");
    assert!(
        text.contains(r#""stagingState":{"status":"READY"}"#),
        "{text}"
    );
    assert_eq!(retention(&store, "long"), Some(hours(48)));
    registry.remove("long", false).await.expect("it is there");
    let gone = registry.remove("long", false).await.expect_err("gone");
    assert!(matches!(gone, RegistryError::NotFound(_)), "{gone}");
    let gone = registry.update(update, false).await.expect_err("gone");
    assert!(matches!(gone, RegistryError::NotFound(_)), "{gone}");
    assert!(store.current().expect("open").find("long").is_err());
    store.close().expect("a clean end");
}

#[tokio::test]
async fn a_dry_run_answers_what_would_be_and_leaves_all_as_it_is() {
    let (registry, store) = open(&FaultVfs::new(1), Configured::default());
    let add = vec![("a".to_owned(), NamespaceOptions::of(48 * HOUR, 2 * HOUR))];
    let view = registry.add(add.clone(), true).await.expect("it could be");
    assert_eq!(names(&view), ["a", "default"]);
    assert!(store.current().expect("open").find("a").is_err());
    registry.add(add, false).await.expect("a new one");
    registry.remove("a", true).await.expect("it could be");
    let body = r#"{"name":"a","options":{"retentionOptions":{"retentionPeriodDuration":"3h"}}}"#;
    let update = NamespaceUpdate::parse(body.as_bytes()).expect("an update");
    let view = registry.update(update, true).await.expect("it could be");
    assert_eq!(view.entries["a"].options.retention().period(), hours(3));
    assert_eq!(retention(&store, "a"), Some(hours(48)));
    let view = registry.list().await.expect("a list");
    assert_eq!(view.entries["a"].options.retention().period(), hours(48));
}

#[tokio::test]
async fn plain_requests_use_what_is_unaggregated_and_never_leave_samples_behind() {
    let unaggregated = || NamespaceOptions::of(48 * HOUR, 2 * HOUR).unaggregated();
    let disk = FaultVfs::new(1);
    let (registry, store) = open(&disk, Configured::default());
    let add = |name: &str| vec![(name.to_owned(), unaggregated())];
    registry.add(add("metrics"), false).await.expect("new");
    // Nobody used `default`, which steps back.
    assert_eq!(&*registry.unaggregated(), "metrics");
    assert_eq!(names(&registry.view()), ["metrics"]);
    registry.add(add("more"), false).await.expect("new");
    assert_eq!(&*registry.unaggregated(), "metrics");
    write_plainly(&store);
    store.close().expect("a clean end");

    let (registry, store) = open(&disk, Configured::default());
    assert_eq!(&*registry.unaggregated(), "metrics");
    assert_eq!(store.current().expect("open").namespace.name(), "metrics");
    registry
        .remove("metrics", false)
        .await
        .expect("it is there");
    assert_eq!(&*registry.unaggregated(), "default");
    assert_eq!(store.current().expect("open").namespace.name(), "default");
    write_plainly(&store);
    registry.add(add("late"), false).await.expect("new");
    // `default` has samples by now.
    assert_eq!(&*registry.unaggregated(), "default");
    assert_eq!(names(&registry.view()), ["default", "late", "more"]);
}

#[tokio::test]
async fn the_default_namespace_loses_its_samples_and_falls_back_to_the_settings() {
    let configured = Configured {
        retention: Some(Retention::For(hours(72))),
        ..Configured::default()
    };
    let (registry, store) = open(&FaultVfs::new(1), configured);
    assert_eq!(retention(&store, "default"), Some(hours(72)));
    let add = vec![(
        "default".to_owned(),
        NamespaceOptions::of(12 * HOUR, HOUR / 2),
    )];
    registry
        .add(add.clone(), false)
        .await
        .expect("it sets the options of default");
    assert_eq!(retention(&store, "default"), Some(hours(12)));
    write_plainly(&store);
    registry
        .remove("default", false)
        .await
        .expect("it is there");
    assert_eq!(retention(&store, "default"), Some(hours(72)));
    let opened = store.current().expect("open");
    let names = opened
        .namespace
        .label_names(tsdb_core::TimeRange::ALL, &[], 10);
    assert!(
        names.expect("names").values.is_empty(),
        "its samples are gone"
    );
    registry
        .add(add, false)
        .await
        .expect("it can be added again");
}

#[tokio::test]
async fn what_a_request_set_goes_before_the_settings_of_the_next_start() {
    let disk = FaultVfs::new(1);
    let file = || {
        of_file(vec![
            setting("raw", false, Some(hours(48))),
            setting("rolled", true, Some(hours(480))),
        ])
    };
    let (registry, store) = open(&disk, file());
    assert_eq!(&*registry.unaggregated(), "raw");
    assert_eq!(retention(&store, "rolled"), Some(hours(480)));
    let minute = Duration::from_secs(60);
    let rolled = registry.by_storage_policy(minute, hours(480));
    assert_eq!(rolled.as_deref(), Some("rolled"), "by the file alone");
    let body = r#"{"name":"raw","options":{"retentionOptions":{"retentionPeriodDuration":"30d"}}}"#;
    let update = NamespaceUpdate::parse(body.as_bytes()).expect("an update");
    registry
        .update(update, false)
        .await
        .expect("one of the file can be changed");
    store.close().expect("a clean end");

    let (_, store) = open(&disk, file());
    assert_eq!(
        retention(&store, "raw"),
        Some(hours(720)),
        "the file would delete 28 days"
    );
    assert_eq!(retention(&store, "rolled"), Some(hours(480)));
}

#[tokio::test]
async fn bounds_of_a_tenant_stay_whatever_requests_say() {
    let tenant = TenantSetting {
        name: "a".to_owned(),
        namespace: "of_a".to_owned(),
        retention: Some(hours(240)),
        max_series: Some(7),
        max_memory: Some(8 << 20),
        max_samples_per_second: None,
        origin: Origin::File(Place::default()),
    };
    let configured = Configured {
        tenants: vec![tenant],
        ..Configured::default()
    };
    let (registry, store) = open(&FaultVfs::new(1), configured);
    assert_eq!(retention(&store, "of_a"), Some(hours(240)));
    let bounds = || {
        let opened = store.current().expect("open");
        let options = opened.find("of_a").expect("a namespace").options();
        (options.series_max, options.memory_max)
    };
    assert_eq!(bounds(), (Some(7), Some(8 << 20)));
    assert_eq!(names(&registry.view()), ["default", "of_a"]);
    let add = vec![("of_a".to_owned(), NamespaceOptions::of(48 * HOUR, HOUR))];
    registry.add(add, false).await.expect("it sets the options");
    assert_eq!(retention(&store, "of_a"), Some(hours(48)));
    assert_eq!(bounds(), (Some(7), Some(8 << 20)));
    assert_eq!(
        &*registry.unaggregated(),
        "default",
        "a tenant has a namespace of its own"
    );
}

#[tokio::test]
async fn resolution_and_retention_name_one_namespace() {
    let (registry, _store) = open(&FaultVfs::new(1), Configured::default());
    let aggregated = || NamespaceOptions::of(48 * HOUR, 2 * HOUR).aggregated(HOUR);
    let add = |name: &str| registry.add(vec![(name.to_owned(), aggregated())], false);
    add("a").await.expect("new");
    let error = add("b").await.expect_err("the same policy").to_string();
    assert!(
        error.contains("must be unique") && error.contains("1h0m0s"),
        "{error}"
    );
    for name in [
        "",
        "a/b",
        ".a",
        "wal",
        "A",
        "Default",
        "snapshots",
        &"n".repeat(201),
    ] {
        let options = NamespaceOptions::of(48 * HOUR, 2 * HOUR);
        let refused = registry.add(vec![(name.to_owned(), options)], false).await;
        match refused {
            Err(RegistryError::Invalid(_)) => {}
            Err(RegistryError::Store(error)) if name == "snapshots" => {
                assert!(error.to_string().contains("holds snapshots"), "{error}");
            }
            other => panic!("{name:?}: {other:?}"),
        }
    }
    let view = registry.list().await.expect("a list");
    assert_eq!(names(&view), ["a", "default"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_that_add_one_name_at_a_time_one_wins() {
    let (registry, _store) = open(&FaultVfs::new(1), Configured::default());
    let add = |hours: i64| {
        let registry = registry.clone();
        let new = vec![("n".to_owned(), NamespaceOptions::of(hours * HOUR, HOUR))];
        tokio::spawn(async move { registry.add(new, false).await.map(drop) })
    };
    let all: Vec<_> = (1..9).map(add).collect();
    let mut won = 0;
    for one in all {
        match one.await.expect("no panic") {
            Ok(()) => won += 1,
            Err(RegistryError::Exists(name)) => assert_eq!(name, "n"),
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(won, 1);
}

#[tokio::test]
async fn changes_of_others_are_followed() {
    let store = store_over(&FaultVfs::new(1));
    let metadata = Arc::new(MemoryMetadata::default());
    let registry = Registry::new(store.clone(), metadata.clone(), Configured::default());
    let settling = registry.clone();
    store
        .open(move |db| settling.settle(db, None))
        .expect("a database");
    let following = tokio::spawn(registry.clone().follow());
    let mut seen = registry.shared_view();
    let text =
        r#"{"namespaces":{"far":{"retentionOptions":{"retentionPeriodNanos":"7200000000000"}}}}"#;
    let key = namespaces_key("default_env");
    metadata.set(&key, None, text.into()).await.expect("new");
    seen.wait_for(|view| view.entries.contains_key("far"))
        .await
        .expect("alive");
    assert_eq!(retention(&store, "far"), Some(hours(2)));
    following.abort();
}

#[test]
fn what_is_kept_and_cannot_be_read_stops_the_start() {
    let store = store_over(&FaultVfs::new(1));
    let metadata = Arc::new(MemoryMetadata::default());
    let registry = Registry::new(store.clone(), metadata, Configured::default());
    let error = store.open(move |db| registry.settle(db, Some(b"{\"x\":1}")));
    let error = error.expect_err("it cannot be read").to_string();
    assert!(
        error.contains("registry of namespaces") && error.contains("`x`"),
        "{error}"
    );
}
