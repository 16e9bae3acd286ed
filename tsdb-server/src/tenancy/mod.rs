//! Who shares the server: tenants, and how fast each may write.

mod rate_limit;
mod tenants;

pub(crate) use rate_limit::{RateLimit, TooFast};
pub(crate) use tenants::{TenantError, Tenants};
