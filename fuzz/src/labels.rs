//! Label sets: canonical bytes, and labels in any order.

use std::collections::BTreeMap;

use tsdb_core::model::{Labels, LabelsBuilder, LabelsError};

use crate::Input;

/// What is accepted is canonical: the same labels give the same bytes again.
pub(crate) fn from_bytes(input: &[u8]) {
    let Ok(labels) = Labels::from_bytes(input.into()) else {
        return;
    };
    assert_eq!(labels.as_bytes(), input);
    assert_eq!(labels.iter().count(), labels.len());
    let again = Labels::from_pairs(labels.iter().map(|label| (label.name, label.value)));
    assert_eq!(again.as_ref(), Ok(&labels));
    for label in labels.iter() {
        assert_eq!(labels.get(label.name), Some(label.value));
    }
    assert!(!labels.to_string().is_empty());
}

/// Labels in any order come out sorted, without empty values; duplicates are refused.
pub(crate) fn builder(input: &[u8]) {
    let mut input = Input::new(input);
    let mut builder = LabelsBuilder::new();
    let mut pairs = Vec::new();
    while !input.is_empty() && pairs.len() < 64 {
        let (name, value) = (input.text(4), input.text(3));
        builder.push(&name, &value);
        pairs.push((name, value));
    }
    let kept = || pairs.iter().filter(|(_, value)| !value.is_empty());
    let model: BTreeMap<&str, &str> = kept()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    match builder.finish() {
        Ok(labels) => {
            assert!(
                labels
                    .iter()
                    .map(|label| (label.name, label.value))
                    .eq(model)
            );
            assert_eq!(Labels::from_bytes(labels.as_bytes().into()), Ok(labels));
        }
        Err(LabelsError::DuplicateName { .. }) => assert!(model.len() < kept().count()),
        Err(LabelsError::EmptyName) => assert!(pairs.iter().any(|(name, _)| name.is_empty())),
        Err(error) => panic!("{error}"),
    }
}
