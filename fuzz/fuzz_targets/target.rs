//! libFuzzer's door to all targets: `TSDB_FUZZ_TARGET` names the one to play.
#![no_main]

use std::sync::LazyLock;

use tsdb_fuzz::{Target, find};

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("TSDB_FUZZ_TARGET").expect("TSDB_FUZZ_TARGET names a target");
    find(&name).unwrap_or_else(|| panic!("no target named `{name}`"))
});

libfuzzer_sys::fuzz_target!(|input: &[u8]| (TARGET.run)(input));
