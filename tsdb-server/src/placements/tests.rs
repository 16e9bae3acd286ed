use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{
    Change, Context, Instance, Placement, PlacementAdd, PlacementError, PlacementInit,
    PlacementRemove, PlacementReplace, PlacementSet, Placements, Service, ShardState, Versioned,
};
use tsdb_cluster::metadata::MemoryMetadata;

fn context(service: Service) -> Context {
    Context {
        service,
        zone: "embedded".to_owned(),
        force: false,
    }
}

fn instance(id: &str, group: &str) -> Instance {
    Instance {
        id: id.to_owned(),
        isolation_group: group.to_owned(),
        zone: "embedded".to_owned(),
        weight: 100,
        endpoint: format!("{id}:9000"),
        hostname: id.to_owned(),
        port: 9000,
        ..Instance::default()
    }
}

pub(super) fn init(instances: Vec<Instance>, shards: i32, replicas: i32) -> Change {
    Change::Init(PlacementInit {
        instances,
        num_shards: shards,
        replication_factor: replicas,
        ..PlacementInit::default()
    })
}

struct Fixture {
    placements: Placements,
    context: Context,
}

impl Fixture {
    fn new(service: Service) -> Self {
        Self {
            placements: Placements::new(Arc::new(MemoryMetadata::default())),
            context: context(service),
        }
    }

    async fn change(&self, change: Change) -> Result<Versioned, PlacementError> {
        self.placements
            .change(&self.context, "env", change, false)
            .await
    }

    async fn get(&self) -> Option<Versioned> {
        self.placements
            .get(&self.context, "env")
            .await
            .expect("a look")
    }
}

#[tokio::test]
async fn one_node_has_all_shards_at_once() {
    let node = Fixture::new(Service::Database);
    let missing = node.change(Change::Add(PlacementAdd::default())).await;
    assert!(
        matches!(missing, Err(PlacementError::NotFound)),
        "{missing:?}"
    );
    let made = node
        .change(init(vec![instance("a", "g")], 64, 1))
        .await
        .expect("new");
    assert_eq!(made.version, 1);
    let shards = &made.placement.instances["a"].shards;
    assert!(shards.iter().map(|shard| shard.id).eq(0..64));
    assert!(
        shards
            .iter()
            .all(|shard| shard.state == ShardState::Available)
    );
    assert_eq!(made.placement.check(), Ok(()));
    assert_eq!(
        node.get().await.as_ref(),
        Some(&made),
        "what is kept is what was answered"
    );
    let again = node.change(init(vec![instance("a", "g")], 64, 1)).await;
    assert!(matches!(again, Err(PlacementError::Exists)), "{again:?}");

    let add = |id: &str| {
        Change::Add(PlacementAdd {
            instances: vec![instance(id, "g")],
            ..PlacementAdd::default()
        })
    };
    let second = node.change(add("b")).await;
    assert!(
        matches!(second, Err(PlacementError::OneNode(_))),
        "{second:?}"
    );
    let twice = node
        .change(add("a"))
        .await
        .expect_err("it is there")
        .to_string();
    assert!(
        twice.contains("instance a is in the placement already"),
        "{twice}"
    );
    let remove = |id: &str| {
        Change::Remove(PlacementRemove {
            instance_ids: vec![id.to_owned()],
            ..PlacementRemove::default()
        })
    };
    let last = node
        .change(remove("a"))
        .await
        .expect_err("the last")
        .to_string();
    assert!(last.contains("DELETE the placement"), "{last}");
    let none = node.change(remove("x")).await;
    assert!(
        matches!(none, Err(PlacementError::NoInstance(_))),
        "{none:?}"
    );
    assert_eq!(node.get().await, Some(made), "nothing of that changed it");
}

#[tokio::test]
async fn a_node_is_named_anew_and_never_replaced_by_another_unless_forced() {
    let node = Fixture::new(Service::Database);
    node.change(init(vec![instance("a", "g")], 4, 1))
        .await
        .expect("new");
    let replace = |candidate: Instance, force: bool| {
        Change::Replace(PlacementReplace {
            leaving_instance_ids: vec!["a".to_owned()],
            candidates: vec![candidate],
            force,
            ..PlacementReplace::default()
        })
    };
    let far = node.change(replace(instance("b", "g"), false)).await;
    assert!(matches!(far, Err(PlacementError::OneNode(_))), "{far:?}");
    let same = Instance {
        id: "c".to_owned(),
        ..instance("a", "g")
    };
    let named = node
        .change(replace(same, false))
        .await
        .expect("the same machine");
    assert_eq!(named.placement.instances["c"].shards.len(), 4);
    assert_eq!(named.version, 2);
    let forced = Change::Replace(PlacementReplace {
        leaving_instance_ids: vec!["c".to_owned()],
        candidates: vec![instance("b", "g")],
        force: true,
        ..PlacementReplace::default()
    });
    let forced = node.change(forced).await.expect("forced");
    assert_eq!(forced.placement.instances.keys().collect::<Vec<_>>(), ["b"]);
}

#[tokio::test]
async fn what_cannot_be_a_placement_is_refused_with_the_reason() {
    let node = Fixture::new(Service::Database);
    let other_zone = Instance {
        zone: "east".to_owned(),
        ..instance("a", "g")
    };
    for (change, what) in [
        (init(vec![], 64, 1), "no valid instance"),
        (init(vec![instance("", "g")], 64, 1), "has no id"),
        (init(vec![other_zone], 64, 1), "zone \"east\""),
        (
            init(vec![instance("a", "g"), instance("a", "h")], 64, 1),
            "named twice",
        ),
        (
            init(vec![instance("a", "g")], 0, 1),
            "numShards must be positive, not 0",
        ),
        (
            init(vec![instance("a", "g")], -1, 1),
            "numShards must be positive, not -1",
        ),
        (
            init(vec![instance("a", "g")], 64, 0),
            "replicationFactor must be positive",
        ),
        (
            init(vec![instance("a", "g")], i32::MAX, 1),
            "the limit is 16384",
        ),
        (init(vec![instance("a", "g")], 64, 3), "replicationFactor 3"),
        (
            init(vec![instance("a", "g"), instance("b", "h")], 64, 1),
            "2 instances of m3db",
        ),
    ] {
        let error = node.change(change).await.expect_err(what).to_string();
        assert!(error.contains(what), "{error}");
    }
    assert_eq!(node.get().await, None);
}

#[tokio::test]
async fn a_placement_is_set_by_its_version_and_checked() {
    let node = Fixture::new(Service::Database);
    let made = node
        .change(init(vec![instance("a", "g")], 4, 1))
        .await
        .expect("new");
    let set = |placement: Placement, version: i32, force: bool| {
        Change::Set(PlacementSet {
            placement,
            version,
            confirm: true,
            force,
        })
    };
    let mut wanted = made.placement.clone();
    wanted.instances.get_mut("a").expect("a").endpoint = "10.0.0.9:9000".to_owned();
    let stale = node.change(set(wanted.clone(), 7, false)).await;
    assert!(
        matches!(
            stale,
            Err(PlacementError::Stale {
                expected: 7,
                present: 1
            })
        ),
        "{stale:?}"
    );
    let done = node
        .change(set(wanted.clone(), 1, false))
        .await
        .expect("its version");
    assert_eq!((done.version, &done.placement), (2, &wanted));
    wanted.instances.get_mut("a").expect("a").shards.pop();
    let broken = node
        .change(set(wanted.clone(), 0, false))
        .await
        .expect_err("3 of 4 shards");
    assert!(
        broken
            .to_string()
            .contains("there are 3 shards, not the 4 of numShards"),
        "{broken}"
    );
    let busy = &mut wanted.instances.get_mut("a").expect("a").shards[0];
    busy.state = ShardState::Initializing;
    node.change(set(wanted, 0, true)).await.expect("forced");
    let add = |force| {
        Change::Replace(PlacementReplace {
            leaving_instance_ids: vec!["a".to_owned()],
            candidates: vec![instance("a", "g")],
            force,
            ..PlacementReplace::default()
        })
    };
    let busy = node
        .change(add(false))
        .await
        .expect_err("shards on their way");
    assert!(
        busy.to_string()
            .contains("instances do not have all shards available: [a]"),
        "{busy}"
    );
    node.change(add(true)).await.expect("forced");
}

#[tokio::test]
async fn aggregators_are_mirrored_in_sets_across_isolation_groups() {
    let aggregator = Fixture::new(Service::Aggregator);
    let four = || {
        vec![
            instance("a", "g"),
            instance("b", "g"),
            instance("c", "h"),
            instance("d", "h"),
        ]
    };
    let alone = aggregator
        .change(init(vec![instance("a", "g"), instance("b", "g")], 64, 2))
        .await;
    let alone = alone.expect_err("one group").to_string();
    assert!(alone.contains("finds no partners"), "{alone}");
    let made = aggregator.change(init(four(), 64, 2)).await.expect("new");
    let placement = &made.placement;
    assert!(placement.is_mirrored && placement.is_sharded);
    assert_eq!((placement.max_shard_set_id, placement.check()), (2, Ok(())));
    let mut sets: BTreeMap<u32, Vec<&Instance>> = BTreeMap::new();
    for one in placement.instances.values() {
        sets.entry(one.shard_set_id).or_default().push(one);
    }
    assert_eq!(sets.keys().collect::<Vec<_>>(), [&1, &2]);
    for set in sets.values() {
        let groups: BTreeSet<_> = set.iter().map(|one| &one.isolation_group).collect();
        assert_eq!((set.len(), groups.len()), (2, 2));
        assert_eq!(set[0].shards, set[1].shards);
        assert_eq!(set[0].shards.len(), 32);
    }
    let half = Change::Remove(PlacementRemove {
        instance_ids: vec!["a".to_owned()],
        ..PlacementRemove::default()
    });
    let half = aggregator
        .change(half)
        .await
        .expect_err("half a set")
        .to_string();
    assert!(half.contains("too few instances"), "{half}");
    let more = Change::Add(PlacementAdd {
        instances: vec![instance("e", "g"), instance("f", "h")],
        ..PlacementAdd::default()
    });
    let more = aggregator.change(more).await.expect("a set").placement;
    assert_eq!((more.max_shard_set_id, more.check()), (3, Ok(())));
    let set_of = |id: &str| more.instances[id].shard_set_id;
    assert_eq!((set_of("e"), set_of("f")), (3, 3));
    for (id, one) in &placement.instances {
        assert_eq!(set_of(id), one.shard_set_id, "sets stay");
    }
}

#[tokio::test]
async fn coordinators_have_no_shards_and_environments_are_apart() {
    let coordinator = Fixture::new(Service::Coordinator);
    let made = coordinator
        .change(init(vec![instance("a", "g"), instance("b", "g")], 0, 0))
        .await;
    let made = made.expect("new");
    assert!(!made.placement.is_sharded);
    assert_eq!(made.placement.replica_factor, 1);
    let context = &coordinator.context;
    let other = coordinator
        .placements
        .get(context, "other")
        .await
        .expect("a look");
    assert_eq!(other, None);
    let remove = |id: &str| {
        Change::Remove(PlacementRemove {
            instance_ids: vec![id.to_owned()],
            ..PlacementRemove::default()
        })
    };
    coordinator.change(remove("a")).await.expect("one of two");
    let dry = coordinator
        .placements
        .change(context, "env", remove("b"), true)
        .await;
    assert_eq!(dry.expect("it could be").version, 3);
    assert_eq!(coordinator.get().await.expect("one").version, 2);
    coordinator
        .placements
        .remove(context, "env", true)
        .await
        .expect("it could be");
    coordinator
        .placements
        .remove(context, "env", false)
        .await
        .expect("it is there");
    let gone = coordinator.placements.remove(context, "env", false).await;
    assert!(matches!(gone, Err(PlacementError::NotFound)), "{gone:?}");
}

#[test]
fn a_placement_is_printed_as_jsonpb_prints_it() {
    let change = init(vec![instance("h1", "a")], 1, 1);
    let placement = context(Service::Database).apply(change, None).expect("new");
    let expected = r#"{"instances":{"h1":{"id":"h1","isolationGroup":"a","zone":"embedded","weight":100,"endpoint":"h1:9000","shards":[{"id":0,"state":"AVAILABLE","sourceId":"","cutoverNanos":"0","cutoffNanos":"0","redirectToShardId":null}],"shardSetId":0,"hostname":"h1","port":9000,"metadata":{"debugPort":0},"subclusterId":0}},"replicaFactor":1,"numShards":1,"isSharded":true,"cutoverTime":"0","isMirrored":false,"maxShardSetId":0,"isSubclustered":false,"instancesPerSubcluster":0}"#;
    assert_eq!(serde_json::to_string(&placement).expect("JSON"), expected);
}
