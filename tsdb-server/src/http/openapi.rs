//! `/api/v1/openapi`: the API as OpenAPI describes one, and as a page for browsers. The page asks
//! nobody else for anything.

use std::fmt::Write;

use axum::Json;
use axum::response::{Html, IntoResponse, Response};
use http::header::ACCEPT;
use http::{HeaderMap, Method};
use serde_json::{Map, Value, json};

use super::routes::{Access, Route, api_routes};

/// JSON, or a page for who accepts one.
pub(super) async fn openapi(headers: HeaderMap) -> Response {
    let accepts = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    match accepts.is_some_and(|types| types.contains("text/html")) {
        true => Html(page()).into_response(),
        false => Json(description()).into_response(),
    }
}

/// The parts of a path in braces.
fn path_parameters(path: &str) -> impl Iterator<Item = &str> {
    let parts = path.split('/');
    parts.filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn access(route: &Route) -> &'static str {
    match route.access {
        Access::Probe => "probe",
        Access::Read | Access::Inspect => "read",
        Access::Write => "write",
        Access::Admin => "admin",
    }
}

fn parameters(route: &Route) -> Vec<Value> {
    let of_path = path_parameters(route.path).map(
        |name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}),
    );
    let of_query = route.parameters.iter().map(|name| {
        let schema = match name.ends_with("[]") || *name == "tag" {
            true => json!({"type": "array", "items": {"type": "string"}}),
            false => json!({"type": "string"}),
        };
        json!({"name": name, "in": "query", "required": false, "schema": schema})
    });
    of_path.chain(of_query).collect()
}

fn description() -> Value {
    let mut paths = Map::new();
    for route in api_routes() {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        for method in route.methods {
            let operation = json!({
                "summary": route.purpose,
                "tags": [access(route)],
                "parameters": parameters(route),
                "responses": {"default": {"description": "see docs/server.md"}},
            });
            if let Some(path) = path.as_object_mut() {
                path.insert(method.as_str().to_ascii_lowercase(), operation);
            }
        }
    }
    json!({
        "openapi": "3.0.3",
        "info": {"title": "tsdb-server", "version": env!("CARGO_PKG_VERSION")},
        "paths": paths,
    })
}

fn page() -> String {
    let mut page = String::from(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>tsdb-server</title></head><body>\n\
         <h1>tsdb-server</h1>\n<table>\n<tr><th>methods</th><th>path</th><th>what it does</th><th>parameters</th><th>access</th></tr>\n",
    );
    for route in api_routes() {
        let methods: Vec<&str> = route.methods.iter().map(Method::as_str).collect();
        // Writing to a string cannot fail. The tables have nothing that HTML would read otherwise.
        let _written = writeln!(
            page,
            "<tr><td>{}</td><td><code>{}</code></td><td>{}</td><td>{}</td><td>{}</td></tr>",
            methods.join(", "),
            route.path,
            route.purpose,
            route.parameters.join(", "),
            access(route)
        );
    }
    page.push_str("</table>\n</body></html>\n");
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_described_with_its_methods_and_parameters() {
        let description = description();
        for route in api_routes() {
            for method in route.methods {
                let method = method.as_str().to_ascii_lowercase();
                let operation = &description["paths"][route.path][method];
                assert_eq!(operation["summary"], route.purpose);
                let in_path = path_parameters(route.path).count();
                let all = operation["parameters"].as_array().map(Vec::len);
                assert_eq!(
                    all,
                    Some(in_path + route.parameters.len()),
                    "{}",
                    route.path
                );
            }
        }
        let values = &description["paths"]["/api/v1/label/{name}/values"]["get"];
        assert_eq!(values["parameters"][0]["in"], "path");
    }

    #[test]
    fn the_page_is_plain_html_that_asks_nobody_else() {
        let page = page();
        for route in api_routes() {
            assert!(page.contains(&format!("<code>{}</code>", route.path)));
            assert!(!route.purpose.contains(['<', '>', '&']));
        }
        assert!(!page.contains("src=") && !page.contains("href=") && !page.contains("://"));
    }
}
