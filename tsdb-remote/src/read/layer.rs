//! Puts a [`RemoteRead`] around a service.

use tower_layer::Layer;

use super::RemoteRead;
use super::gate::Gate;
use crate::inflight::InflightBytes;
use crate::limits::Limits;

/// Makes [`RemoteRead`] services that share one queue and one budget of bytes in flight.
#[derive(Clone, Debug)]
pub struct RemoteReadLayer {
    limits: Limits,
    inflight: InflightBytes,
    answers: InflightBytes,
    gate: Gate,
}

impl RemoteReadLayer {
    /// With a queue and a budget of its own.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let inflight = InflightBytes::new(limits.max_inflight_bytes);
        let answers =
            InflightBytes::named("read_max_inflight_bytes", limits.read_max_inflight_bytes);
        let gate = Gate::new(limits.read_concurrency, limits.read_queue);
        Self {
            limits,
            inflight,
            answers,
            gate,
        }
    }

    /// With a budget of bytes for requests shared with other services, instead of its own.
    #[must_use]
    pub fn share(mut self, inflight: InflightBytes) -> Self {
        self.inflight = inflight;
        self
    }
}

impl<S> Layer<S> for RemoteReadLayer {
    type Service = RemoteRead<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RemoteRead::new(
            inner,
            self.limits.clone(),
            self.inflight.clone(),
            self.answers.clone(),
            self.gate.clone(),
        )
    }
}
