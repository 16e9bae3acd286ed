//! `label_replace` and `label_join`.

use super::context::{Evaluation, Sink, Union};
use super::series::with;
use super::steps::Steps;
use crate::error::QueryError;
use crate::plan::{LabelChange, VectorNode};
use tsdb_core::Labels;

impl Evaluation<'_> {
    /// Changes labels; series that become the same are made one.
    pub(super) fn change_labels(
        &self,
        change: &LabelChange,
        node: &VectorNode,
        steps: Steps,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let (LabelChange::Replace { target, .. } | LabelChange::Join { target, .. }) = change;
        let names_metric = target == "__name__";
        let mut union = Union::new(&self.budget);
        self.stream(node, steps, &mut |series| {
            if let Some(value) = value_of(change, &series.labels) {
                series.labels = with(&series.labels, [(target.as_str(), value.as_str())])?;
                series.drop_name &= !names_metric;
            }
            union.add(series)
        })?;
        union.into_held().series.iter_mut().try_for_each(sink)
    }
}

/// What the label becomes; `None` where it stays.
fn value_of(change: &LabelChange, labels: &Labels) -> Option<String> {
    match change {
        LabelChange::Replace {
            replacement,
            source,
            regex,
            ..
        } => {
            let captures = regex.captures(labels.get(source).unwrap_or_default())?;
            let mut value = String::new();
            captures.expand(replacement, &mut value);
            Some(value)
        }
        LabelChange::Join {
            separator, sources, ..
        } => {
            let values = sources
                .iter()
                .map(|name| labels.get(name).unwrap_or_default());
            Some(values.collect::<Vec<_>>().join(separator))
        }
    }
}
