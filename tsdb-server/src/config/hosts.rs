//! Addresses that nobody set, where somebody said on which host they are to be.

use std::net::{IpAddr, SocketAddr};

use clap::ArgMatches;

use super::load::Loaded;

/// Flags of addresses, and the ports that M3's nodes have for them.
const PORTS: [(&str, u16); 5] = [
    ("listen", 7201),
    ("metrics_listen", 7203),
    ("node_listen", 9002),
    ("cluster_listen", 9003),
    ("debug_listen", 9004),
];

/// The flags of addresses that `--default-host` sets, as neither `is_set` nor the file does.
pub(super) fn hosted(
    matches: &ArgMatches,
    loaded: &Loaded,
    is_set: impl Fn(&str) -> bool,
) -> Vec<(&'static str, String)> {
    let given = matches.get_one::<IpAddr>("default_host").copied();
    let by_file = |id: &str| loaded.flags.iter().find(|(flag, _)| flag == id);
    // What the file says was parsed as a flag before, so it is an address.
    let host = given.or_else(|| by_file("default_host")?.1.text.parse().ok());
    let Some(host) = host else {
        return Vec::new();
    };
    let open = PORTS.into_iter();
    let open = open.filter(|(id, _)| !is_set(id) && by_file(id).is_none());
    open.map(|(id, port)| (id, SocketAddr::new(host, port).to_string()))
        .collect()
}
