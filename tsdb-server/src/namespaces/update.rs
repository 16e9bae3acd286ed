//! A change of a namespace's options.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::options::{AggregationOptions, ExtendedOptions, NamespaceOptions, RuntimeOptions};
use crate::jsonpb::{JsonError, from_value, parse};

/// What an update may say: M3 lets nothing else be changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NamespaceUpdate {
    /// Which namespace.
    pub name: String,
    /// A new retention.
    pub retention_period_nanos: Option<i64>,
    /// New bounds of work; those that are not named stay.
    pub runtime: Option<RuntimeOptions>,
    /// New kinds of samples.
    pub aggregation: Option<AggregationOptions>,
    /// New options of an extension.
    pub extended: Option<ExtendedOptions>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Request {
    name: String,
    options: Map<String, Value>,
}

fn invalid(what: impl std::fmt::Display) -> JsonError {
    JsonError(format!("unable to validate update request: {what}"))
}

impl NamespaceUpdate {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// When it is no JSON, names what options do not have, or would change what cannot be changed.
    pub fn parse(body: &[u8]) -> Result<Self, JsonError> {
        let Request { name, options } = parse(body)?;
        if name.is_empty() {
            return Err(invalid("must specify namespace name"));
        }
        // Names and types of all fields, those that may not be changed among them.
        let whole: NamespaceOptions = from_value(Value::Object(options.clone()))
            .map_err(|JsonError(what)| JsonError(format!("options.{what}")))?;
        let mut update = Self {
            name,
            ..Self::default()
        };
        let mut is_empty = true;
        for (key, value) in &options {
            match camel_case(key).as_str() {
                "runtimeOptions" => update.runtime.clone_from(&whole.runtime_options),
                "aggregationOptions" => update.aggregation.clone_from(&whole.aggregation_options),
                "extendedOptions" => update.extended.clone_from(&whole.extended_options),
                "retentionOptions" => {
                    if says_retention_alone(value)? {
                        let period = whole.retention().retention_period_nanos;
                        update.retention_period_nanos = Some(period).filter(|period| *period != 0);
                    }
                }
                _ if is_zero(value) => continue,
                field => {
                    return Err(invalid(format!(
                        "{field}: namespace option field is immutable"
                    )));
                }
            }
            is_empty = false;
        }
        match is_empty {
            true => Err(invalid("update options cannot be empty")),
            false => Ok(update),
        }
    }

    /// Changes options as this says.
    pub fn apply(&self, options: &mut NamespaceOptions) {
        let mut retention = options.retention();
        if let Some(period) = self.retention_period_nanos {
            retention.retention_period_nanos = period;
        }
        options.retention_options = Some(retention);
        if let Some(new) = &self.runtime {
            let said = options.runtime_options.get_or_insert_default();
            let (writes, flushes) = (
                new.write_indexing_per_cpu_concurrency,
                new.flush_indexing_per_cpu_concurrency,
            );
            said.write_indexing_per_cpu_concurrency =
                writes.or(said.write_indexing_per_cpu_concurrency);
            said.flush_indexing_per_cpu_concurrency =
                flushes.or(said.flush_indexing_per_cpu_concurrency);
        }
        if self.aggregation.is_some() {
            options.aggregation_options.clone_from(&self.aggregation);
        }
        if self.extended.is_some() {
            options.extended_options.clone_from(&self.extended);
        }
        *options = options.clone().completed();
    }
}

/// Whether retention options say how long samples are kept; an error if they say anything else.
fn says_retention_alone(value: &Value) -> Result<bool, JsonError> {
    let mut says = false;
    for (key, value) in value.as_object().into_iter().flatten() {
        match camel_case(key).as_str() {
            "retentionPeriodNanos" | "retentionPeriodDuration" => says = true,
            _ if is_zero(value) => {}
            field => {
                let what = format!("retentionOptions.{field}: namespace option field is immutable");
                return Err(invalid(what));
            }
        }
    }
    Ok(says)
}

/// Whether a value is what protobuf takes for one that is left out.
fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(value) => value.as_f64() == Some(0.0),
        Value::String(value) => value.is_empty() || value == "0",
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
    }
}

/// `retention_options` as `retentionOptions`.
fn camel_case(key: &str) -> String {
    let mut words = key.split('_');
    let mut name = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut chars = word.chars();
        name.extend(chars.next().map(|first| first.to_ascii_uppercase()));
        name.push_str(chars.as_str());
    }
    name
}
