//! What makes an index on disk large.

use super::list::take_list;
use super::name::take_name;
use super::{IndexError, IndexReader};
use crate::index::cardinality::{Cardinality, Top, counted, counted_pair};
use crate::model::METRIC_NAME;

impl IndexReader {
    /// What makes the index large: `top` entries in each list, and for `label`, if given, its
    /// values. Reads the names and terms once; takes memory for the names and the entries.
    ///
    /// # Errors
    /// When the disk fails or a part is damaged.
    pub fn cardinality(&self, top: usize, label: Option<&str>) -> Result<Cardinality, IndexError> {
        let (mut metrics, mut of_label) = (Top::new(top), Top::new(top));
        let (mut names, mut pairs) = (Top::new(top), Top::new(top));
        let counts = (self.footer.terms.items, self.rows());
        // Names are looked at once more while their terms are read, one after the other.
        let mut owners = Vec::new();
        self.names().scan(0, u32::MAX, |number, key, reader| {
            let name = take_name(reader, number, counts)?;
            let text = std::str::from_utf8(key).map_err(|_| reader.error("a name not in UTF-8"))?;
            names.put(u64::from(name.values), text.to_owned());
            owners.push((name.first_term, text.to_owned()));
            Ok(true)
        })?;
        let mut owner = 0;
        self.terms().scan(0, u32::MAX, |number, key, reader| {
            while owners
                .get(owner + 1)
                .is_some_and(|(first, _)| *first <= number)
            {
                owner += 1;
            }
            let name = owners.get(owner).map_or("", |(_, name)| name);
            let (is_metric, is_label) = (name == METRIC_NAME, Some(name) == label);
            let series = u64::from(take_list(reader, self.rows())?.len());
            let may_take = pairs.may_take(series)
                || is_metric && metrics.may_take(series)
                || is_label && of_label.may_take(series);
            if may_take {
                let value = super::disk_terms::value_text(key, reader)?.to_owned();
                if is_metric {
                    metrics.put(series, value.clone());
                }
                if is_label {
                    of_label.put(series, value.clone());
                }
                pairs.put(series, (name.to_owned(), value));
            }
            Ok(true)
        })?;
        Ok(Cardinality {
            series: u64::from(self.rows()),
            label_names: u64::from(self.footer.names.items),
            label_pairs: u64::from(self.footer.terms.items),
            metrics: metrics.into_sorted(counted),
            values_of_names: names.into_sorted(counted),
            pairs: pairs.into_sorted(counted_pair),
            series_of_values: of_label.into_sorted(counted),
        })
    }
}
