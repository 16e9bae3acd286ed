//! The series of a namespace, wherever they are: in the server's own database, or in a cluster.

mod cluster_data;
mod cluster_namespace;
mod marks;
mod namespace_data;
mod series_source;
mod writing;

pub(crate) use cluster_data::ClusterData;
pub(crate) use marks::Marks;
pub(crate) use namespace_data::NamespaceData;
pub(crate) use series_source::SeriesSource;
pub(crate) use writing::{Writing, whole};
