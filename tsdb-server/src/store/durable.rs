//! Waiting for several commits.

use tsdb_core::CommitTicket;

/// Calls `then` once every ticket's commit is done, or with the first failure.
pub(crate) fn when_durable(
    mut tickets: Vec<CommitTicket>,
    then: impl FnOnce(Result<(), tsdb_core::wal::WalError>) + Send + 'static,
) {
    match tickets.pop() {
        None => then(Ok(())),
        Some(ticket) => ticket.on_commit(move |durable| match durable {
            Ok(()) => when_durable(tickets, then),
            Err(error) => then(Err(error)),
        }),
    }
}
