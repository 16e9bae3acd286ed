//! The files of the page. Written by `cargo xtask ui`.

use super::page::PageFile;

/// Every file of the page, by its path.
#[rustfmt::skip]
pub(super) static FILES: &[PageFile] = &[
    PageFile { path: "assets/icon-DM0nNqGs.svg", content_type: "image/svg+xml", etag: "\"fe4cfc8835d7381b\"", gzip: include_bytes!("../../ui/dist/assets/icon-DM0nNqGs.svg.gz") },
    PageFile { path: "assets/index-BdZSV8J2.js", content_type: "text/javascript; charset=utf-8", etag: "\"50a9911ddf503508\"", gzip: include_bytes!("../../ui/dist/assets/index-BdZSV8J2.js.gz") },
    PageFile { path: "assets/index-D3jal4PV.css", content_type: "text/css; charset=utf-8", etag: "\"899910541745022d\"", gzip: include_bytes!("../../ui/dist/assets/index-D3jal4PV.css.gz") },
    PageFile { path: "assets/licences.md", content_type: "text/plain; charset=utf-8", etag: "\"c0e61de71d7b181f\"", gzip: include_bytes!("../../ui/dist/assets/licences.md.gz") },
    PageFile { path: "index.html", content_type: "text/html; charset=utf-8", etag: "\"ab143a2488902178\"", gzip: include_bytes!("../../ui/dist/index.html.gz") },
];
