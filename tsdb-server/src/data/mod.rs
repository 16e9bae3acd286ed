//! The series of a namespace, wherever they are: in the server's own database, or in a cluster.

mod cluster_data;
mod cluster_namespace;
mod namespace_data;
mod series_source;

pub(crate) use cluster_data::ClusterData;
pub(crate) use cluster_namespace::ClusterNamespace;
pub(crate) use namespace_data::NamespaceData;
pub(crate) use series_source::SeriesSource;
