use std::collections::BTreeSet;
use std::sync::Arc;

use tsdb_cluster::coordinator::TopologyView;
use tsdb_cluster::metadata::{MemoryMetadata, MetadataStore, placement_key};
use tsdb_cluster::topology::Seals;
use tsdb_cluster::{Incarnation, NodeId};

use super::tests::init;
use super::{
    Change, ClusterPlacement, Context, Instance, Placement, PlacementAdd, PlacementError,
    PlacementRemove, PlacementReplace, PlacementSet, Placements, Service, ShardState, Versioned,
};

struct Fixture {
    view: TopologyView,
    placements: Placements,
}

fn context() -> Context {
    Context {
        service: Service::Database,
        zone: "embedded".to_owned(),
        force: false,
    }
}

fn instance(at: u32) -> Instance {
    Instance {
        id: format!("n{at}"),
        isolation_group: format!("g{}", at % 3),
        weight: 100,
        endpoint: format!("10.0.0.{at}:9000"),
        hostname: format!("host-{at}"),
        port: 9000,
        ..Instance::default()
    }
}

impl Fixture {
    fn new() -> Self {
        let metadata: Arc<dyn MetadataStore> = Arc::new(MemoryMetadata::default());
        let view = TopologyView::new(Arc::clone(&metadata), &placement_key("env", "m3db"));
        let placement = ClusterPlacement::new(view.clone());
        Self {
            placements: Placements::of_cluster(metadata, "env", placement),
            view,
        }
    }

    /// Of three nodes, twelve shards and three replicas, all come up.
    async fn three_nodes() -> Self {
        let fixture = Self::new();
        let instances = (0..3).map(instance).collect();
        let made = fixture
            .change(init(instances, 12, 3))
            .await
            .expect("a placement");
        let states = states(&made.placement);
        assert_eq!(states, BTreeSet::from(["INITIALIZING"]));
        for at in 0..3_u32 {
            fixture.bind(&format!("n{at}"), u128::from(at)).await;
        }
        fixture
    }

    async fn change(&self, change: Change) -> Result<Versioned, PlacementError> {
        self.placements
            .change(&context(), "env", change, false)
            .await
    }

    async fn get(&self) -> Versioned {
        let found = self.placements.get(&context(), "env").await;
        found.expect("metadata").expect("a placement")
    }

    async fn bind(&self, id: &str, incarnation: u128) {
        let known = self.view.refresh().await.expect("a placement");
        let bound = known
            .topology
            .bind(&NodeId::new(id), Incarnation(incarnation));
        let put = self
            .view
            .put(Some(known.version), bound.expect("a node"))
            .await;
        put.expect("nobody else changes it");
    }

    /// All that is ready is sealed by everybody and opened, and what was given is copied.
    async fn finish(&self) {
        for _ in 0..3 {
            let known = self.view.refresh().await.expect("a placement");
            let seals: Vec<Seals> = known
                .topology
                .ready()
                .map(|id| seals(&known.topology, id))
                .collect();
            let mut after = known.topology.open(&seals).expect("enough sealed");
            let given: Vec<_> = after.in_change().collect();
            for (id, node) in after.nodes().clone() {
                let Some(incarnation) = node.incarnation else {
                    continue;
                };
                for shard in &given {
                    if let Ok(copied) = after.copied(&id, incarnation, &[*shard]) {
                        after = copied;
                    }
                }
            }
            let put = self.view.put(Some(known.version), after).await;
            put.expect("nobody else changes it");
        }
    }
}

fn seals(topology: &tsdb_cluster::topology::Topology, id: u32) -> Seals {
    let shard = topology.shard(id).expect("a shard");
    let mut seals = Seals::new(id, shard.epoch());
    for slot in shard.slots() {
        seals.sealed(slot.answering().clone());
    }
    seals
}

fn states(placement: &Placement) -> BTreeSet<&'static str> {
    let shards = placement
        .instances
        .values()
        .flat_map(|instance| &instance.shards);
    let text = |state| match state {
        ShardState::Initializing => "INITIALIZING",
        ShardState::Available => "AVAILABLE",
        ShardState::Leaving => "LEAVING",
    };
    shards.map(|shard| text(shard.state)).collect()
}

#[tokio::test]
async fn a_placement_of_several_nodes_is_made_and_comes_up() {
    let fixture = Fixture::three_nodes().await;
    let found = fixture.get().await;
    let placement = &found.placement;
    assert_eq!(states(placement), BTreeSet::from(["AVAILABLE"]));
    assert_eq!((placement.num_shards, placement.replica_factor), (12, 3));
    assert!(placement.is_sharded && placement.check().is_ok());
    let first = &placement.instances["n0"];
    assert_eq!((first.zone.as_str(), first.shards.len()), ("embedded", 12));
    assert_eq!(first.endpoint, "10.0.0.0:9000");
    assert!(matches!(
        fixture.change(init(vec![instance(0)], 12, 1)).await,
        Err(PlacementError::Exists)
    ));
}

#[tokio::test]
async fn instances_are_added_and_give_back_what_is_undone() {
    let fixture = Fixture::three_nodes().await;
    let before = fixture.get().await.placement;
    let instances = (3..6).map(instance).collect();
    let add = Change::Add(PlacementAdd {
        instances,
        ..PlacementAdd::default()
    });
    let shown = fixture
        .placements
        .change(&context(), "env", add.clone(), true)
        .await;
    assert_eq!(fixture.get().await.placement, before, "it was only shown");
    let added = fixture.change(add).await.expect("several at once");
    assert_eq!(shown.expect("a preview").placement, added.placement);
    let all = BTreeSet::from(["AVAILABLE", "INITIALIZING", "LEAVING"]);
    assert_eq!(states(&added.placement), all);
    let newcomer = &added.placement.instances["n4"].shards;
    assert_eq!(newcomer.len(), 6, "its share");
    assert!(newcomer.iter().all(|shard| !shard.source_id.is_empty()));
    for at in 3..6_u32 {
        fixture.bind(&format!("n{at}"), u128::from(at)).await;
    }
    fixture.finish().await;
    let now = fixture.get().await.placement;
    assert_eq!(states(&now), BTreeSet::from(["AVAILABLE"]));
    // One that never comes up costs nothing, and can be taken back at any time.
    let late = Change::Add(PlacementAdd {
        instances: vec![instance(6)],
        ..PlacementAdd::default()
    });
    let waits = fixture.change(late).await.expect("a newcomer").placement;
    assert!(waits.instances.contains_key("n6"));
    fixture.finish().await;
    let undone = fixture.change(Change::Abort).await.expect("undone");
    assert_eq!(undone.placement, now);
    now.check().expect("sound");
}

#[tokio::test]
async fn an_instance_is_replaced_and_another_removed() {
    let fixture = Fixture::three_nodes().await;
    let replace = Change::Replace(PlacementReplace {
        leaving_instance_ids: vec!["n1".to_owned()],
        candidates: vec![instance(4)],
        ..PlacementReplace::default()
    });
    fixture.change(replace).await.expect("of the same group");
    fixture.bind("n4", 4).await;
    fixture.finish().await;
    let now = fixture.get().await.placement;
    let ids: Vec<&str> = now.instances.keys().map(String::as_str).collect();
    assert_eq!(ids, ["n0", "n2", "n4"]);
    let remove = |id: &str| {
        Change::Remove(PlacementRemove {
            instance_ids: vec![id.to_owned()],
            force: false,
        })
    };
    let error = fixture
        .change(remove("n0"))
        .await
        .expect_err("too few groups");
    assert!(error.to_string().contains("isolation groups"), "{error}");
    let missing = fixture.change(remove("n9")).await;
    assert!(matches!(missing, Err(PlacementError::NoInstance(id)) if id == "n9"));
}

#[tokio::test]
async fn what_cannot_be_is_refused_clearly() {
    let fixture = Fixture::new();
    let none = fixture.change(Change::Abort).await;
    assert!(matches!(none, Err(PlacementError::NotFound)));
    for (change, text) in [
        (
            init(vec![instance(0), instance(3)], 12, 2),
            "isolation groups",
        ),
        (init(vec![instance(0)], 0, 1), "numShards must be positive"),
        (
            init(vec![instance(0)], 12, -1),
            "replicationFactor must be positive",
        ),
        (init(vec![instance(0), instance(0)], 12, 1), "named twice"),
    ] {
        let error = fixture.change(change).await.expect_err(text);
        assert!(error.to_string().contains(text), "{error}");
    }
    let other = fixture.placements.get(&context(), "elsewhere").await;
    let error = other.expect_err("another environment").to_string();
    assert!(error.contains("environment \"env\""), "{error}");
}

#[tokio::test]
async fn a_placement_that_is_said_whole_moves_by_epochs_and_minds_the_version() {
    let fixture = Fixture::three_nodes().await;
    let found = fixture.get().await;
    let set = |version| {
        Change::Set(PlacementSet {
            placement: found.placement.clone(),
            version,
            confirm: true,
            force: false,
        })
    };
    let stale = fixture.change(set(1_000_000)).await;
    assert!(
        matches!(stale, Err(PlacementError::Stale { .. })),
        "{stale:?}"
    );
    let version = i32::try_from(found.version).expect("small");
    let same = fixture.change(set(version)).await.expect("what is there");
    assert_eq!(same.placement, found.placement);
    fixture
        .placements
        .remove(&context(), "env", true)
        .await
        .expect("only asked");
    fixture
        .placements
        .remove(&context(), "env", false)
        .await
        .expect("removed");
    let gone = fixture
        .placements
        .get(&context(), "env")
        .await
        .expect("metadata");
    assert!(gone.is_none());
}
