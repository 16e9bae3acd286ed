//! Addresses that nobody set, where somebody said on which host they are to be.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use clap::ArgMatches;

use super::flags::Decided;
use super::load::{Loaded, Origin};

/// Flags of addresses, those of M3's nodes last, and the ports that M3's nodes have for them.
const PORTS: [(&str, u16); 6] = [
    ("listen", 7201),
    ("metrics_listen", 7203),
    ("rpc_listen", 9000),
    ("node_listen", 9002),
    ("cluster_listen", 9003),
    ("debug_listen", 9004),
];

/// An address that nobody set, by its flag, and who wants it.
pub(super) type Hosted = (&'static str, String, Decided);

/// The addresses that `--default-host` gives, and, where it says nothing, those that a file's
/// section for a node stands for: M3 opens them to all, here they are for this machine alone.
pub(super) fn hosted(
    matches: &ArgMatches,
    loaded: &Loaded,
    is_set: impl Fn(&str) -> bool,
) -> Vec<Hosted> {
    let given = matches.get_one::<IpAddr>("default_host").copied();
    let by_file = |id: &str| loaded.flags.iter().find(|(flag, _)| flag == id);
    // What the file says was parsed as a flag before, so it is an address.
    let host = given.or_else(|| by_file("default_host")?.1.text.parse().ok());
    let (host, decided, ports) = match (host, loaded.node) {
        (Some(host), _) => (host, Decided::DefaultHost, &PORTS[..]),
        (None, Some(place)) => {
            let decided = Decided::Key("db".to_owned(), Origin::File(place));
            let loopback = IpAddr::from(Ipv4Addr::LOCALHOST);
            (loopback, decided, PORTS.split_at(2).1)
        }
        (None, None) => return Vec::new(),
    };
    let open = ports.iter();
    let open = open.filter(|(id, _)| !is_set(id) && by_file(id).is_none());
    open.map(|(id, port)| {
        (
            *id,
            SocketAddr::new(host, *port).to_string(),
            decided.clone(),
        )
    })
    .collect()
}
