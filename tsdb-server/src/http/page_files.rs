//! The files of the page. Written by `cargo xtask ui`.

use super::page::PageFile;

/// Every file of the page, by its path.
#[rustfmt::skip]
pub(super) static FILES: &[PageFile] = &[
    PageFile { path: "assets/icon-DM0nNqGs.svg", content_type: "image/svg+xml", etag: "\"fe4cfc8835d7381b\"", gzip: include_bytes!("../../ui/dist/assets/icon-DM0nNqGs.svg.gz") },
    PageFile { path: "assets/index-C6rtTYcD.css", content_type: "text/css; charset=utf-8", etag: "\"02daf8988f80cbfd\"", gzip: include_bytes!("../../ui/dist/assets/index-C6rtTYcD.css.gz") },
    PageFile { path: "assets/index-DriG3H6i.js", content_type: "text/javascript; charset=utf-8", etag: "\"680e9e51eb5c0f18\"", gzip: include_bytes!("../../ui/dist/assets/index-DriG3H6i.js.gz") },
    PageFile { path: "assets/licences.md", content_type: "text/plain; charset=utf-8", etag: "\"c0e61de71d7b181f\"", gzip: include_bytes!("../../ui/dist/assets/licences.md.gz") },
    PageFile { path: "index.html", content_type: "text/html; charset=utf-8", etag: "\"df5fa97282af1bf8\"", gzip: include_bytes!("../../ui/dist/index.html.gz") },
];
