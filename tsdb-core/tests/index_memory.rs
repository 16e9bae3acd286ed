//! What the index says it holds is what the allocator gave it. Alone in its process, so that
//! nothing else allocates meanwhile.
#![cfg(test)]

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tsdb_core::index::MemIndex;
use tsdb_core::model::Labels;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Series `number` of a fleet of targets with 100 series each.
fn labels(number: usize, unique: bool) -> Labels {
    let (target, kind) = (number / 100, number % 100);
    let pod = if unique { number } else { target };
    Labels::from_pairs([
        ("__name__", format!("metric_{}", kind / 10)),
        (
            "instance",
            format!("10.0.{}.{}:9100", target / 256, target % 256),
        ),
        ("job", format!("service-{}", target % 7)),
        ("le", format!("{}", kind % 10)),
        ("pod", format!("app-{pod:08x}")),
    ])
    .unwrap()
}

#[test]
fn the_index_accounts_for_what_it_allocates() {
    const SERIES: usize = 80_000;
    // As scrapes arrive; shuffled, so that lists become arrays and bit sets; a value each.
    for (step, unique) in [(1, false), (7_919, false), (1, true)] {
        let series: Vec<_> = (0..SERIES)
            .map(|slot| labels(slot * step % SERIES, unique))
            .collect();
        let region = Region::new(ALLOCATOR);
        let mut index = MemIndex::new();
        for (slot, labels) in (0..).zip(&series) {
            index.add(slot, labels);
            if slot % 9_973 == 0 || slot as usize == SERIES - 1 {
                let change = region.change();
                let held = change.bytes_allocated - change.bytes_deallocated;
                let said = index.heap_bytes();
                assert!(
                    said.abs_diff(held) <= held / 50,
                    "{said} bytes are said to be held and {held} are, after {slot} series, \
                     step {step}"
                );
            }
        }
        accounts(|| index.retain(|slot| slot % 3 != 0).0);
        let mut snapshot = Vec::new();
        index.write_snapshot(&mut snapshot);
        accounts(|| MemIndex::read_snapshot(&snapshot).unwrap());
    }
}

/// Whether an index made in another way accounts for what it allocates.
fn accounts(make: impl FnOnce() -> MemIndex) {
    let region = Region::new(ALLOCATOR);
    let index = make();
    let change = region.change();
    let held = change.bytes_allocated - change.bytes_deallocated;
    let said = index.heap_bytes();
    assert!(
        said.abs_diff(held) <= held / 50,
        "{said} bytes are said to be held and {held} are"
    );
}
