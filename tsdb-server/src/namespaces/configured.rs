//! Namespaces that the command line and the file of settings ask for.

use tsdb_core::NamespaceOptions;

use crate::config::{Config, NamespaceSetting, Retention, TenantSetting};

/// What the settings say of namespaces.
#[derive(Clone, Debug, Default)]
pub(crate) struct Configured {
    /// Those of the file, the unaggregated one first.
    pub(crate) namespaces: Vec<NamespaceSetting>,
    /// Those who share the server, each with a namespace.
    pub(crate) tenants: Vec<TenantSetting>,
    /// The retention of the namespace that plain requests use.
    pub(crate) retention: Option<Retention>,
}

impl Configured {
    pub(crate) fn of(config: &Config) -> Self {
        Self {
            namespaces: config.namespaces.clone(),
            tenants: config.tenants.clone(),
            retention: config.retention,
        }
    }

    /// Names of all namespaces that are asked for.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let of_file = self.namespaces.iter().map(|namespace| &*namespace.name);
        of_file.chain(self.tenants.iter().map(|tenant| &*tenant.namespace))
    }

    /// The namespace that plain requests are to use, if the file says so.
    pub(super) fn plain(&self) -> Option<&str> {
        let mut all = self.namespaces.iter();
        let unaggregated = all.find(|namespace| !namespace.aggregated)?;
        Some(&unaggregated.name)
    }

    pub(super) fn find(&self, name: &str) -> Option<&NamespaceSetting> {
        self.namespaces
            .iter()
            .find(|namespace| namespace.name == name)
    }

    fn tenant(&self, namespace: &str) -> Option<&TenantSetting> {
        let mut all = self.tenants.iter();
        all.find(|tenant| tenant.namespace == namespace)
    }

    /// The retention that is asked for a namespace, which is the plain one or not.
    pub(super) fn retention(&self, name: &str, is_plain: bool) -> Option<Retention> {
        let of_file = self.find(name).and_then(|namespace| namespace.retention);
        let of_tenant = self.tenant(name).and_then(|tenant| tenant.retention);
        let by_flag = self.retention.filter(|_| is_plain);
        by_flag.or(of_file.or(of_tenant).map(Retention::For))
    }

    /// Options with the bounds that a tenant has; no request changes those.
    pub(super) fn bounded(&self, name: &str, options: NamespaceOptions) -> NamespaceOptions {
        match self.tenant(name) {
            None => options,
            Some(tenant) => NamespaceOptions {
                series_max: tenant.max_series,
                memory_max: tenant.max_memory,
                ..options
            },
        }
    }
}
