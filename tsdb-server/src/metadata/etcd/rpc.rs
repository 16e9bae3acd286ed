//! The calls of etcd that are made here.

use std::marker::PhantomData;

use tsdb_proto::etcdserverpb::{
    AuthenticateRequest, AuthenticateResponse, LeaseGrantRequest, LeaseGrantResponse,
    LeaseKeepAliveRequest, LeaseKeepAliveResponse, LeaseRevokeRequest, LeaseRevokeResponse,
    PutRequest, PutResponse, RangeRequest, RangeResponse, StatusRequest, StatusResponse,
    TxnRequest, TxnResponse,
};

/// A call with one question and one answer.
#[derive(Debug)]
pub(super) struct Rpc<Q, A> {
    /// What errors call it.
    pub(super) name: &'static str,
    pub(super) path: &'static str,
    /// Whether doing it twice is as good as once.
    pub(super) is_repeatable: bool,
    messages: PhantomData<fn(Q) -> A>,
}

impl<Q, A> Rpc<Q, A> {
    const fn once(name: &'static str, path: &'static str) -> Self {
        Self {
            name,
            path,
            is_repeatable: false,
            messages: PhantomData,
        }
    }

    const fn repeatable(name: &'static str, path: &'static str) -> Self {
        Self {
            is_repeatable: true,
            ..Self::once(name, path)
        }
    }
}

pub(super) const RANGE: Rpc<RangeRequest, RangeResponse> =
    Rpc::repeatable("a read", "/etcdserverpb.KV/Range");
/// Not repeatable: the second would not find what it compares with.
pub(super) const TXN: Rpc<TxnRequest, TxnResponse> =
    Rpc::once("a transaction", "/etcdserverpb.KV/Txn");
pub(super) const PUT: Rpc<PutRequest, PutResponse> =
    Rpc::repeatable("a write", "/etcdserverpb.KV/Put");
/// A lease that nobody heard of ends by itself.
pub(super) const LEASE_GRANT: Rpc<LeaseGrantRequest, LeaseGrantResponse> =
    Rpc::repeatable("a lease", "/etcdserverpb.Lease/LeaseGrant");
pub(super) const LEASE_REVOKE: Rpc<LeaseRevokeRequest, LeaseRevokeResponse> =
    Rpc::repeatable("the end of a lease", "/etcdserverpb.Lease/LeaseRevoke");
/// A stream to etcd, of which one question and one answer are used: what fails is seen at once.
pub(super) const LEASE_KEEP_ALIVE: Rpc<LeaseKeepAliveRequest, LeaseKeepAliveResponse> =
    Rpc::repeatable("keeping a lease", "/etcdserverpb.Lease/LeaseKeepAlive");
pub(super) const AUTHENTICATE: Rpc<AuthenticateRequest, AuthenticateResponse> =
    Rpc::repeatable("a name and password", "/etcdserverpb.Auth/Authenticate");
pub(super) const STATUS: Rpc<StatusRequest, StatusResponse> =
    Rpc::repeatable("how it is", "/etcdserverpb.Maintenance/Status");
/// A stream both ways.
pub(super) const WATCH_PATH: &str = "/etcdserverpb.Watch/Watch";
