//! `/api/v1/labels` and `/api/v1/label/{name}/values`.

use axum::extract::{Path, State};
use axum::response::Response;
use tsdb_core::model::{Matcher, Texts, TimeRange};

use super::app::App;
use super::envelope::{ApiError, success, warnings};
use super::form::Form;
use super::matching::optional_matcher_sets;
use super::reads::Reads;
use super::scope::Scope;
use super::series::MAX_RESULTS;
use crate::data::NamespaceData;
use crate::store::StoreError;

/// A sorted list, and whether more were there.
type Found = Result<(Texts, bool), StoreError>;

pub(super) async fn names(
    State(app): State<App>,
    scope: Scope,
    form: Form,
) -> Result<Response, ApiError> {
    let hidden = |reads: &Reads, name: &str| reads.hides(name);
    lists(
        &app,
        scope,
        &form,
        hidden,
        |namespace, range, set, limit| {
            namespace
                .label_names(range, set, limit)
                .map(|found| (found.values, found.truncated))
        },
    )
    .await
}

pub(super) async fn values(
    State(app): State<App>,
    scope: Scope,
    Path(escaped): Path<String>,
    form: Form,
) -> Result<Response, ApiError> {
    let name = unescape_name(&escaped);
    if name.is_empty() {
        return Err(ApiError::bad_data(format!("invalid label name: {name:?}")));
    }
    let is_hidden = scope.reads().hides(&name);
    let hidden = move |_: &Reads, _: &str| is_hidden;
    lists(
        &app,
        scope,
        &form,
        hidden,
        move |namespace, range, set, limit| {
            namespace
                .label_values(&name, range, set, limit)
                .map(|found| (found.values, found.truncated))
        },
    )
    .await
}

/// Answers with the union of what `find` finds for each set of matchers.
async fn lists(
    app: &App,
    scope: Scope,
    form: &Form,
    is_hidden: impl Fn(&Reads, &str) -> bool + Send + 'static,
    find: impl Fn(&NamespaceData, TimeRange, &[Matcher], usize) -> Found + Send + 'static,
) -> Result<Response, ApiError> {
    let asked = form.limit()?;
    let limit = scope.reads().list_limit(asked);
    let range = form.range()?;
    scope.reads().check_range(range)?;
    let sets = scope.reads().restrict(optional_matcher_sets(form)?);
    let admission = app.store.queries().admit(scope.sender()).await?;
    let store = app.store.clone();
    let work = move || -> Result<Response, ApiError> {
        let namespace = scope.data(&store.current()?)?;
        let (mut all, mut truncated) = (Texts::new(), false);
        if let Some(range) = range {
            for set in &sets {
                let limit = limit.unwrap_or(MAX_RESULTS);
                let (values, more) = find(&namespace, range, set, limit)?;
                truncated |= more;
                if all.is_empty() {
                    all = values;
                } else {
                    let (union, more) = all.union(&values, limit);
                    all = union;
                    truncated |= more;
                }
            }
        }
        let limited = scope.reads().check_cut(asked, truncated)?;
        let all = all.iter().filter(|text| !is_hidden(scope.reads(), text));
        let all: Vec<&str> = all.collect();
        let told = namespace.marks().tell();
        let warnings = warnings(&told, truncated);
        Ok(limited.tell(success(&all, &warnings), &told))
    };
    app.store.queries().run(&admission, work).await?
}

/// Undoes Prometheus' escaping of names that are not legacy names: `U__a_2e_b` is `a.b`.
/// What is not escaped, or not properly, stands for itself.
fn unescape_name(name: &str) -> String {
    name.strip_prefix("U__")
        .and_then(unescape)
        .unwrap_or_else(|| name.to_owned())
}

fn unescape(escaped: &str) -> Option<String> {
    let mut name = String::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some(underscore) = rest.find('_') {
        let (plain, tail) = rest.split_at(underscore);
        name.push_str(plain);
        let tail = tail.get(1..)?;
        let end = tail.find('_')?;
        let (code, after) = tail.split_at(end);
        if code.is_empty() {
            name.push('_');
        } else if code.len() < 6 && code.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            name.push(char::from_u32(u32::from_str_radix(code, 16).ok()?)?);
        } else {
            return None;
        }
        rest = after.get(1..)?;
    }
    name.push_str(rest);
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::unescape_name;

    #[test]
    fn names_are_unescaped() {
        let cases = [
            ("job", "job"),
            ("U__a_2e_b", "a.b"),
            ("U__a__b", "a_b"),
            ("U__", ""),
            ("U___e9_t_E9_", "\u{e9}t\u{e9}"),
            ("U___1F600_", "\u{1f600}"),
            ("U__a_2e", "U__a_2e"),
            ("U__a_", "U__a_"),
            ("U__a_zz_", "U__a_zz_"),
            ("U__a_d800_", "U__a_d800_"),
            ("U__a_0000002e_", "U__a_0000002e_"),
            ("U__a_\u{e9}_", "U__a_\u{e9}_"),
        ];
        for (escaped, name) in cases {
            assert_eq!(unescape_name(escaped), name, "{escaped}");
        }
    }
}
