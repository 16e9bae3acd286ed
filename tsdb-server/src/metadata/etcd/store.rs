//! A store of metadata in etcd.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tsdb_cluster::metadata::{
    Announcement, Answer, Changes, MetadataError, MetadataStore, Revision, Versioned,
};
use tsdb_proto::etcdserverpb::request_op::Request;
use tsdb_proto::etcdserverpb::{
    DeleteRangeRequest, PutRequest, RangeRequest, RangeResponse, RequestOp, TxnRequest,
};
use tsdb_proto::mvccpb::KeyValue;

use super::announcement::Announced;
use super::client::Client;
use super::compare::{created_at, modified_at};
use super::error::EtcdError;
use super::keys::{end_of_prefix, first_key, next_key};
use super::options::EtcdOptions;
use super::rpc::{RANGE, TXN};
use super::status::EtcdStatus;
use super::watch::Watch;

/// Most keys that are asked for at a time.
const PAGE_KEYS: i64 = 256;
/// So often a list is begun anew when the revision that it reads is compacted away meanwhile.
const LISTS_MAX: usize = 3;

/// Keeps values in etcd. The version of a value is the revision at which etcd last set it. Clones
/// are the same store, which follows what changes until the last of them is dropped.
#[derive(Clone, Debug)]
pub struct EtcdMetadata {
    client: Arc<Client>,
    revision: Revision,
    runtime: Handle,
    _watch: Arc<Task>,
}

/// A task that ends when this is dropped.
#[derive(Debug)]
struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl EtcdMetadata {
    /// Begins to follow what changes, in the runtime it is called in. Does not wait for etcd, and
    /// does not fail when it is away: calls do, until it is back.
    ///
    /// # Errors
    /// When the options do not do: an endpoint is no address, a file cannot be read, nothing is to
    /// be followed.
    ///
    /// # Panics
    /// Outside of a runtime of tokio.
    pub fn connect(options: EtcdOptions) -> Result<Self, EtcdError> {
        let revision = Revision::default();
        let client = Arc::new(Client::new(&options, revision.clone())?);
        let watch = Watch::new(
            Arc::clone(&client),
            revision.clone(),
            options.watched,
            options.keep_alive,
        );
        let runtime = Handle::current();
        let task = runtime.spawn(watch.follow()).abort_handle();
        Ok(Self {
            client,
            revision,
            runtime,
            _watch: Arc::new(Task(task)),
        })
    }

    /// How it stands with etcd.
    #[must_use]
    pub fn status(&self) -> EtcdStatus {
        self.client.reachability.status()
    }

    /// Does `change` if the key has the version `expected`; answers the revision of the change.
    async fn change(
        &self,
        key: &str,
        expected: Option<u64>,
        change: Request,
    ) -> Result<u64, MetadataError> {
        let conflict = || MetadataError::Conflict {
            key: key.to_owned(),
        };
        let compare = match expected.map(i64::try_from) {
            None => created_at(key, 0),
            // Etcd gives no such version, and takes 0 for a key that is not there.
            Some(Err(_) | Ok(0)) => return Err(conflict()),
            Some(Ok(version)) => modified_at(key, version),
        };
        let request = TxnRequest {
            compare: vec![compare],
            success: vec![RequestOp {
                request: Some(change),
            }],
            failure: Vec::new(),
        };
        match self.client.call(&TXN, request).await {
            Ok(answer) if !answer.succeeded => Err(conflict()),
            Ok(answer) => {
                let revision = answer.header.map_or(0, |header| header.revision);
                Ok(version_of(TXN.name, revision)?)
            }
            Err(error) if error.changed_nothing() => Err(error.into()),
            Err(error) => Err(EtcdError::OutcomeUnknown {
                key: key.to_owned(),
                error: Box::new(error),
            }
            .into()),
        }
    }

    async fn find(&self, key: &str) -> Result<Option<Versioned>, EtcdError> {
        let request = RangeRequest {
            key: key.as_bytes().to_vec(),
            ..RangeRequest::default()
        };
        let answer = self.client.call(&RANGE, request).await?;
        answer.kvs.into_iter().next().map(versioned).transpose()
    }

    /// All of a prefix as it was at one revision.
    async fn list_once(&self, prefix: &str) -> Result<Vec<(String, Versioned)>, EtcdError> {
        let mut request = RangeRequest {
            key: first_key(prefix),
            range_end: end_of_prefix(prefix),
            limit: PAGE_KEYS,
            ..RangeRequest::default()
        };
        let mut found = Vec::new();
        loop {
            let page = self.page(&mut request).await?;
            if request.revision == 0 {
                request.revision = page.header.map_or(0, |header| header.revision);
            }
            let last = page.kvs.last().map(|value| value.key.clone());
            for mut value in page.kvs {
                // No other key can be named here.
                if let Ok(key) = String::from_utf8(std::mem::take(&mut value.key)) {
                    found.push((key, versioned(value)?));
                }
            }
            match last {
                Some(last) if page.more => request.key = next_key(last),
                _ => return Ok(found),
            }
        }
    }

    /// The next keys: fewer, where so many are more than what is read of one answer.
    async fn page(&self, request: &mut RangeRequest) -> Result<RangeResponse, EtcdError> {
        loop {
            match self.client.call(&RANGE, request.clone()).await {
                Err(EtcdError::TooLarge { .. }) if request.limit > 1 => request.limit /= 4,
                answer => return answer,
            }
            request.limit = request.limit.max(1);
        }
    }
}

/// A number of etcd's, which has a sign that it does not use.
fn version_of(call: &'static str, revision: i64) -> Result<u64, EtcdError> {
    u64::try_from(revision).map_err(|_| EtcdError::Nonsense {
        call,
        what: "a revision is below zero",
    })
}

fn versioned(value: KeyValue) -> Result<Versioned, EtcdError> {
    Ok(Versioned {
        version: version_of(RANGE.name, value.mod_revision)?,
        bytes: value.value.into(),
    })
}

impl From<EtcdError> for MetadataError {
    fn from(error: EtcdError) -> Self {
        Self::store(error)
    }
}

impl MetadataStore for EtcdMetadata {
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Versioned>> {
        async move { Ok(self.find(key).await?) }.boxed()
    }

    fn list<'a>(&'a self, prefix: &'a str) -> Answer<'a, Vec<(String, Versioned)>> {
        async move {
            let mut lists = 1;
            loop {
                match self.list_once(prefix).await {
                    Err(error) if error.is_compacted() && lists < LISTS_MAX => lists += 1,
                    listed => return Ok(listed?),
                }
            }
        }
        .boxed()
    }

    fn set<'a>(&'a self, key: &'a str, expected: Option<u64>, bytes: Vec<u8>) -> Answer<'a, u64> {
        let put = Request::RequestPut(PutRequest {
            key: key.as_bytes().to_vec(),
            value: bytes,
            lease: 0,
        });
        self.change(key, expected, put).boxed()
    }

    fn remove<'a>(&'a self, key: &'a str, expected: u64) -> Answer<'a, ()> {
        let delete = Request::RequestDeleteRange(DeleteRangeRequest {
            key: key.as_bytes().to_vec(),
            range_end: Vec::new(),
        });
        async move { self.change(key, Some(expected), delete).await.map(drop) }.boxed()
    }

    fn changes(&self) -> Changes {
        self.revision.changes()
    }

    fn announce(&self, key: &str, bytes: Vec<u8>, ttl: Duration) -> Announcement {
        Announced::new(Arc::clone(&self.client), key, bytes, ttl).hold(&self.runtime)
    }
}
