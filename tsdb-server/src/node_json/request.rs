//! What the methods of a node are asked.

use tsdb_core::model::TimeRange;

use super::fields::{Fields, Value};
use super::{BodyError, Query, TimeUnit, UnknownFields};

/// What `/write` and `/writetagged` are asked.
#[derive(Clone, Debug, PartialEq)]
pub struct WriteRequest {
    /// Name of the namespace.
    pub namespace: String,
    /// The series' id; empty when none was given.
    pub id: String,
    /// Names and values of its tags, in order; `None` when it has none.
    pub tags: Option<Vec<(String, String)>>,
    /// Time of the sample in milliseconds.
    pub timestamp: i64,
    /// Its value.
    pub value: f64,
}

/// What `/fetch` is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct FetchRequest {
    /// Name of the namespace.
    pub namespace: String,
    /// The series' id.
    pub id: String,
    /// When; `None` when the range holds no time.
    pub range: Option<TimeRange>,
    /// The unit of the answer's times.
    pub result_unit: TimeUnit,
}

/// What `/query` is asked.
#[derive(Clone, Debug)]
pub struct QueryRequest {
    /// Name of the namespace.
    pub namespace: String,
    /// Which series.
    pub query: Query,
    /// When; `None` when the range holds no time.
    pub range: Option<TimeRange>,
    /// Most series wanted.
    pub limit: Option<usize>,
    /// Whether the series are wanted without samples.
    pub no_data: bool,
    /// The unit of the answer's times.
    pub result_unit: TimeUnit,
}

/// What `/aggregate` is asked.
#[derive(Clone, Debug)]
pub struct AggregateRequest {
    /// Name of the namespace.
    pub namespace: String,
    /// Which series.
    pub query: Query,
    /// When; `None` when the range holds no time.
    pub range: Option<TimeRange>,
    /// Most names, or names and values, wanted.
    pub limit: Option<usize>,
    /// Names that are wanted alone; all when it is empty.
    pub names: Vec<String>,
    /// Whether values are wanted as well.
    pub values: bool,
    /// Whether an answer that a limit cuts short is an error.
    pub require_exhaustive: bool,
}

/// A range that ends before it starts is a slip.
fn range(fields: &Fields<'_>) -> Result<Option<TimeRange>, BodyError> {
    let unit = TimeUnit::of_field(fields, "rangeType")?;
    let (start, end) = (fields.integer("rangeStart")?, fields.integer("rangeEnd")?);
    if end < start {
        let reason = format!("{end} is before rangeStart, which is {start}");
        return Err(BodyError::new(fields.at("rangeEnd"), reason));
    }
    Ok(unit.range(start, end))
}

/// The body of `/write`.
///
/// # Errors
/// When it is none.
pub fn parse_write(body: &[u8], unknown: UnknownFields) -> Result<WriteRequest, BodyError> {
    let body = Value::of_body(body, unknown)?;
    let fields = body.fields(&["nameSpace", "id", "datapoint"])?;
    let id = fields.text("id")?;
    if id.is_empty() {
        return Err(BodyError::missing("id"));
    }
    write(&fields, id, None)
}

/// The body of `/writetagged`.
///
/// # Errors
/// When it is none.
pub fn parse_write_tagged(body: &[u8], unknown: UnknownFields) -> Result<WriteRequest, BodyError> {
    let body = Value::of_body(body, unknown)?;
    let fields = body.fields(&["nameSpace", "id", "tags", "datapoint"])?;
    let list = fields.required("tags")?.list()?;
    let mut tags = Vec::with_capacity(list.len().min(64));
    for tag in list {
        let fields = tag.fields(&["name", "value"])?;
        let (name, value) = (fields.text("name")?, fields.text("value")?);
        if value.is_empty() {
            return Err(BodyError::new(
                fields.at("value"),
                "a tag without a value is none: leave it out",
            ));
        }
        tags.push((name, value));
    }
    let id = fields.text("id")?;
    write(&fields, id, Some(tags))
}

fn write(
    fields: &Fields<'_>,
    id: String,
    tags: Option<Vec<(String, String)>>,
) -> Result<WriteRequest, BodyError> {
    let datapoint = fields.required("datapoint")?;
    let datapoint = datapoint.fields(&["timestamp", "value", "annotation", "timestampTimeType"])?;
    let unit = TimeUnit::of_field(&datapoint, "timestampTimeType")?;
    if !datapoint.text("annotation")?.is_empty() {
        return Err(BodyError::new(
            datapoint.at("annotation"),
            "annotations of samples are not kept: leave it out",
        ));
    }
    Ok(WriteRequest {
        namespace: fields.text("nameSpace")?,
        id,
        tags,
        timestamp: unit.to_ms(datapoint.required("timestamp")?.integer()?),
        value: datapoint.required("value")?.float()?,
    })
}

/// The body of `/fetch`.
///
/// # Errors
/// When it is none.
pub fn parse_fetch(body: &[u8], unknown: UnknownFields) -> Result<FetchRequest, BodyError> {
    let body = Value::of_body(body, unknown)?;
    let fields = body.fields(&[
        "rangeStart",
        "rangeEnd",
        "nameSpace",
        "id",
        "rangeType",
        "resultTimeType",
        "source",
    ])?;
    Ok(FetchRequest {
        namespace: fields.text("nameSpace")?,
        id: fields.required("id")?.text()?,
        range: range(&fields)?,
        result_unit: TimeUnit::of_field(&fields, "resultTimeType")?,
    })
}

/// The body of `/query`.
///
/// # Errors
/// When it is none.
pub fn parse_query(body: &[u8], unknown: UnknownFields) -> Result<QueryRequest, BodyError> {
    let body = Value::of_body(body, unknown)?;
    let fields = body.fields(&[
        "query",
        "rangeStart",
        "rangeEnd",
        "nameSpace",
        "limit",
        "noData",
        "rangeType",
        "resultTimeType",
        "source",
    ])?;
    Ok(QueryRequest {
        namespace: fields.text("nameSpace")?,
        query: Query::of_value(&fields.required("query")?)?,
        range: range(&fields)?,
        limit: fields.limit("limit")?,
        no_data: fields.boolean("noData")?,
        result_unit: TimeUnit::of_field(&fields, "resultTimeType")?,
    })
}

/// The body of `/aggregate`.
///
/// # Errors
/// When it is none.
pub fn parse_aggregate(body: &[u8], unknown: UnknownFields) -> Result<AggregateRequest, BodyError> {
    let body = Value::of_body(body, unknown)?;
    // docsLimit and requireNoWait bound what M3's index does, which is not done here.
    let fields = body.fields(&[
        "query",
        "rangeStart",
        "rangeEnd",
        "nameSpace",
        "limit",
        "seriesLimit",
        "docsLimit",
        "tagNameFilter",
        "aggregateQueryType",
        "rangeType",
        "requireExhaustive",
        "requireNoWait",
        "source",
    ])?;
    let names = fields.get("tagNameFilter");
    let names = names.map_or(Ok(Vec::new()), |names| names.list())?;
    let values = match fields.text("aggregateQueryType")?.as_str() {
        "" | "AGGREGATE_BY_TAG_NAME_VALUE" => true,
        "AGGREGATE_BY_TAG_NAME" => false,
        other => {
            let reason = format!(
                "{other:?} is neither AGGREGATE_BY_TAG_NAME nor AGGREGATE_BY_TAG_NAME_VALUE"
            );
            return Err(BodyError::new(fields.at("aggregateQueryType"), reason));
        }
    };
    let query = fields.get("query");
    Ok(AggregateRequest {
        namespace: fields.text("nameSpace")?,
        query: query.map_or(Ok(Query::All), |query| Query::of_value(&query))?,
        range: range(&fields)?,
        limit: fields.limit("seriesLimit")?.or(fields.limit("limit")?),
        names: names
            .iter()
            .map(Value::text)
            .collect::<Result<Vec<_>, _>>()?,
        values,
        require_exhaustive: fields.boolean("requireExhaustive")?,
    })
}

/// The body of `/truncate`: the namespace, which M3 wants in base64.
///
/// # Errors
/// When it is none.
pub fn parse_truncate(body: &[u8], unknown: UnknownFields) -> Result<String, BodyError> {
    let body = Value::of_body(body, unknown)?;
    body.fields(&["nameSpace"])?.required("nameSpace")?.text()
}
