//! Puts a [`RemoteWrite`] around a service.

use tower_layer::Layer;

use super::RemoteWrite;
use crate::inflight::InflightBytes;
use crate::limits::Limits;

/// Makes [`RemoteWrite`] services that share one budget of bytes in flight.
#[derive(Clone, Debug)]
pub struct RemoteWriteLayer {
    limits: Limits,
    inflight: InflightBytes,
}

impl RemoteWriteLayer {
    /// With a budget of its own of [`Limits::max_inflight_bytes`].
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let inflight = InflightBytes::new(limits.max_inflight_bytes);
        Self { limits, inflight }
    }

    /// With a budget shared with other services, instead of its own.
    #[must_use]
    pub fn share(mut self, inflight: InflightBytes) -> Self {
        self.inflight = inflight;
        self
    }

    /// The budget of bytes in flight.
    #[must_use]
    pub fn inflight(&self) -> &InflightBytes {
        &self.inflight
    }
}

impl<S> Layer<S> for RemoteWriteLayer {
    type Service = RemoteWrite<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RemoteWrite::new(inner, self.limits.clone(), self.inflight.clone())
    }
}
