use super::support::{all_up, alone, finished, id, node, opened};
use crate::topology::{Topology, TopologyError};

fn in_change() -> Topology {
    let first = Topology::init(alone(&["a", "b", "c"]), 4, 3).expect("enough nodes");
    let first = all_up(first);
    let added = first.add(alone(&["d"]), false).expect("a new one");
    opened(&all_up(added))
}

#[test]
fn the_largest_one_is_far_below_what_a_store_takes_for_one_value() {
    let nodes = |from: usize, to: usize| {
        let name = |number| format!("storage-node-{number:03}.example.com");
        let named = (from..to).map(move |number| node(&name(number), &format!("g{number}"), 100));
        named.collect::<Vec<_>>()
    };
    let topology = Topology::init(nodes(0, 96), 4096, 3).expect("enough nodes");
    let topology = all_up(topology).add(nodes(96, 160), false).expect("new");
    let text = serde_json::to_vec(&all_up(topology)).expect("JSON");
    assert!(text.len() < 400_000, "{}", text.len());
}

#[test]
fn it_is_written_so() {
    let mut topology = Topology::init(vec![node("a", "g", 1)], 1, 1).expect("a node");
    topology = topology.bind(&id("a"), crate::Incarnation(10)).expect("a");
    topology = topology.add(vec![node("b", "h", 3)], false).expect("new");
    let text = serde_json::to_string(&topology).expect("JSON");
    let node = |name: &str, group: &str, weight: u32, more: &str| {
        format!(
            "{{\"endpoint\":\"{name}:9000\",\"isolationGroup\":\"{group}\",\"zone\":\"embedded\",\
             \"weight\":{weight},\"hostname\":\"{name}\",\"port\":9000{more}}}"
        )
    };
    let folder = "\"incarnation\":\"0000000000000000000000000000000a\"";
    let (a, b) = (
        node("a", "g", 1, &format!(",{folder}")),
        node("b", "h", 3, ""),
    );
    let expected = format!(
        "{{\"replicas\":1,\"nodes\":{{\"a\":{a},\"b\":{b}}},\
         \"members\":[{{\"node\":\"a\",{folder}}},{{\"node\":\"b\"}}],\
         \"shards\":[{{\"epoch\":2,\"slots\":[0],\"next\":[[0,1]]}}]}}"
    );
    assert_eq!(text, expected);
}

#[test]
fn no_flipped_bit_makes_a_panic_or_a_topology_that_cannot_be() {
    let text = serde_json::to_vec(&in_change()).expect("JSON");
    let mut read = 0;
    for at in 0..text.len() {
        for bit in 0..8 {
            let mut damaged = text.clone();
            damaged[at] ^= 1 << bit;
            if let Ok(topology) = serde_json::from_slice::<Topology>(&damaged) {
                let again = serde_json::to_vec(&topology).expect("JSON");
                let again: Topology = serde_json::from_slice(&again).expect("JSON");
                assert_eq!(again, topology);
                drop(topology.abort_all());
                read += 1;
            }
        }
    }
    assert!(read > 0, "names may be any");
}

fn read(change: impl FnOnce(&mut serde_json::Value)) -> String {
    let mut value = serde_json::to_value(in_change()).expect("JSON");
    change(&mut value);
    let error = serde_json::from_value::<Topology>(value);
    error.expect_err("not a topology").to_string()
}

#[test]
fn what_cannot_be_is_refused_with_a_reason() {
    let change = |path: &'static str, to: serde_json::Value| {
        read(move |value| *value.pointer_mut(path).expect(path) = to)
    };
    let json = |text: &str| serde_json::from_str(text).expect("JSON");
    for (path, to, reason) in [
        (
            "/replicas",
            "0",
            "replicationFactor is 0: it must be from 1 to 255",
        ),
        (
            "/replicas",
            "2",
            "shard 0 is not as a shard can be: it has 3 slots, not 2",
        ),
        ("/shards", "[]", "numShards is 0: it must be from 1 to 5461"),
        ("/shards/1/epoch", "0", "its epoch is 0"),
        ("/shards/1/slots", "[0,1,9]", "names member 9, there are 4"),
        ("/shards/1/slots", "[0,1,1]", "b is in two slots"),
        (
            "/shards/1/slots",
            "[0,1,[2,2]]",
            "slot 2 is handed over to who has it",
        ),
        ("/members/2/node", r#""x""#, "instance x not found"),
        ("/members/2", r#"{"node":"c"}"#, "who never came up"),
        ("/nodes/a/leaves", "1", "unknown field"),
    ] {
        let error = match path {
            "/nodes/a/leaves" => read(|value| value["nodes"]["a"]["leaves"] = json(to)),
            _ => change(path, json(to)),
        };
        assert!(error.contains(reason), "{path} {to}: {error}");
    }
}

#[test]
fn a_next_epoch_that_no_step_leads_to_is_refused() {
    let topology = finished(Topology::init(alone(&["a", "b", "c"]), 1, 2).expect("nodes"));
    let mut value = serde_json::to_value(&topology).expect("JSON");
    let mut with_next = |next: &str| {
        value["shards"][0]["next"] = serde_json::from_str(next).expect("JSON");
        serde_json::from_value::<Topology>(value.clone()).map_err(|error| error.to_string())
    };
    let refused = TopologyError::BrokenShard {
        shard: 0,
        what: "slot 0 cannot become what it is to be".to_owned(),
    };
    assert_eq!(with_next("[1,0]"), Err(refused.to_string()));
    assert!(with_next("[0,1]").is_ok(), "the same again may be opened");
    assert!(with_next("[0]").is_err());
}
