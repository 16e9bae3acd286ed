//! Reading a Db whole.

use tsdb_core::{Db, TimeRange};

use super::{Place, Universe};

/// Every sample, by place, in order.
pub(crate) type Contents = Vec<(Place, u64)>;

/// Reads all of the named namespaces; those that are not there are empty.
pub(crate) fn read_all(
    db: &Db,
    namespaces: &[&str],
    universe: &Universe,
) -> Result<Contents, String> {
    let mut contents = Vec::new();
    for (number, name) in namespaces.iter().enumerate() {
        let Some(namespace) = db.find(name) else {
            continue;
        };
        let found = namespace.select(TimeRange::ALL, &[]);
        for series in found.map_err(|error| super::chain(&error))? {
            let series = series.map_err(|error| super::chain(&error))?;
            let rank = universe
                .rank(series.labels())
                .ok_or_else(|| format!("series {} was never written", series.labels()))?;
            for sample in series.all_samples() {
                let (time, code) = super::coded(sample)?;
                contents.push(((number, rank, time), code));
            }
        }
    }
    if contents.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
        return Err("series or samples out of order".to_owned());
    }
    Ok(contents)
}
