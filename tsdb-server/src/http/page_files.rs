//! The files of the page. Written by `cargo xtask ui`.

use super::page::PageFile;

/// Every file of the page, by its path.
#[rustfmt::skip]
pub(super) static FILES: &[PageFile] = &[
    PageFile { path: "assets/icon-DM0nNqGs.svg", content_type: "image/svg+xml", etag: "\"fe4cfc8835d7381b\"", gzip: include_bytes!("../../ui/dist/assets/icon-DM0nNqGs.svg.gz") },
    PageFile { path: "assets/index-C-7i7nk2.css", content_type: "text/css; charset=utf-8", etag: "\"d8583e4d86273e5b\"", gzip: include_bytes!("../../ui/dist/assets/index-C-7i7nk2.css.gz") },
    PageFile { path: "assets/index-D9iXMv7p.js", content_type: "text/javascript; charset=utf-8", etag: "\"0d874fc41860ad95\"", gzip: include_bytes!("../../ui/dist/assets/index-D9iXMv7p.js.gz") },
    PageFile { path: "assets/licences.md", content_type: "text/plain; charset=utf-8", etag: "\"c0e61de71d7b181f\"", gzip: include_bytes!("../../ui/dist/assets/licences.md.gz") },
    PageFile { path: "index.html", content_type: "text/html; charset=utf-8", etag: "\"3f88dbc2c568fccd\"", gzip: include_bytes!("../../ui/dist/index.html.gz") },
];
