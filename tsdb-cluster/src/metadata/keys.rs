//! Keys, as M3 lays them out in etcd.

/// Of the placement of a service in an environment.
pub fn placement_key(environment: &str, service: &str) -> String {
    match service {
        // Where M3's aggregators look for it.
        "m3aggregator" => format!("/placement/{environment}/{service}"),
        _ => format!("_sd.placement/{environment}/{service}"),
    }
}

/// Of the registry of namespaces of an environment.
pub fn namespaces_key(environment: &str) -> String {
    format!("_kv/{environment}/m3db.node.namespaces")
}
