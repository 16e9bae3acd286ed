//! Values that go when whoever set them is gone.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tsdb_cluster::metadata::Announcement;
use tsdb_proto::etcdserverpb::{
    LeaseGrantRequest, LeaseKeepAliveRequest, LeaseRevokeRequest, PutRequest, RangeRequest,
};

use super::client::Client;
use super::error::EtcdError;
use super::rpc::{LEASE_GRANT, LEASE_KEEP_ALIVE, LEASE_REVOKE, PUT, RANGE};
use crate::pause::Pause;

/// Etcd grants none that is shorter, with its usual settings.
const TTL_SECONDS_MIN: u64 = 2;

/// A value that is kept in etcd with a lease.
#[derive(Debug)]
pub(super) struct Announced {
    client: Arc<Client>,
    key: String,
    bytes: Vec<u8>,
    /// Whole seconds, as etcd counts them.
    ttl_seconds: i64,
}

/// A lease that etcd granted.
#[derive(Clone, Copy, Debug)]
struct Lease {
    id: i64,
    ttl: Duration,
}

impl Announced {
    pub(super) fn new(client: Arc<Client>, key: &str, bytes: Vec<u8>, ttl: Duration) -> Self {
        let whole = ttl.as_secs() + u64::from(ttl.subsec_nanos() > 0);
        Self {
            client,
            key: key.to_owned(),
            bytes,
            ttl_seconds: i64::try_from(whole.max(TTL_SECONDS_MIN)).unwrap_or(i64::MAX),
        }
    }

    /// Sets the value, and keeps it until what this answers is dropped.
    pub(super) fn hold(self, runtime: &Handle) -> Announcement {
        let (held, dropped) = oneshot::channel::<()>();
        runtime.spawn(self.keep(dropped));
        Announcement::new(move || drop(held))
    }

    async fn keep(self, mut dropped: oneshot::Receiver<()>) {
        let mut lease: Option<Lease> = None;
        let mut pause = Pause::up_to(Duration::from_secs(5));
        loop {
            let kept = match lease {
                None => self.set().await.map(Some),
                Some(lease) => self.renew(lease).await,
            };
            let wait = match kept {
                Ok(Some(kept)) => {
                    lease = Some(kept);
                    pause.reset();
                    kept.ttl / 3
                }
                // Set anew at once.
                Ok(None) => {
                    tracing::debug!(key = self.key, "the lease of an announcement is gone");
                    lease = None;
                    pause.next()
                }
                // It may live: whether it does is seen when etcd answers.
                Err(error) => {
                    tracing::debug!(key = self.key, %error, "an announcement is not kept");
                    pause.next()
                }
            };
            // Only here, so that no lease is left behind that was being granted.
            if timeout(wait, &mut dropped).await.is_ok() {
                break;
            }
        }
        if let Some(lease) = lease {
            self.revoke(lease).await;
        }
    }

    /// Sets the value with a new lease, whatever is there: the last who announces a key has it.
    async fn set(&self) -> Result<Lease, EtcdError> {
        let grant = LeaseGrantRequest {
            ttl: self.ttl_seconds,
            id: 0,
        };
        let granted = self.client.call(&LEASE_GRANT, grant).await?;
        let lease = Lease {
            id: granted.id,
            ttl: seconds(granted.ttl),
        };
        let set = self.client.call(&PUT, self.put(lease)).await;
        if set.is_err() {
            self.revoke(lease).await;
        }
        set.map(|_| lease)
    }

    fn put(&self, lease: Lease) -> PutRequest {
        PutRequest {
            key: self.key.as_bytes().to_vec(),
            value: self.bytes.clone(),
            lease: lease.id,
        }
    }

    /// Keeps the lease, and sets the value where it is gone; `None` when the lease is.
    async fn renew(&self, lease: Lease) -> Result<Option<Lease>, EtcdError> {
        let keep = LeaseKeepAliveRequest { id: lease.id };
        let kept = self.client.call(&LEASE_KEEP_ALIVE, keep).await?;
        if kept.ttl <= 0 {
            return Ok(None);
        }
        let look = RangeRequest {
            key: self.key.as_bytes().to_vec(),
            ..RangeRequest::default()
        };
        if self.client.call(&RANGE, look).await?.kvs.is_empty() {
            match self.client.call(&PUT, self.put(lease)).await {
                Err(error) if error.is_not_found() => return Ok(None),
                set => set?,
            };
        }
        let ttl = seconds(kept.ttl);
        Ok(Some(Lease { ttl, ..lease }))
    }

    /// Removes the value, unless another set it since.
    async fn revoke(&self, lease: Lease) {
        let revoke = LeaseRevokeRequest { id: lease.id };
        match self.client.call(&LEASE_REVOKE, revoke).await {
            Err(error) if !error.is_not_found() => {
                let key = &self.key;
                tracing::debug!(key, %error, "an announcement goes when its time is over");
            }
            _ => {}
        }
    }
}

fn seconds(seconds: i64) -> Duration {
    Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
}
