//! A request's text on its way into a namespace: read and stored on store threads, a bounded part at a time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use http_body_util::BodyExt;
use tsdb_core::AppendReport;

use super::app::App;
use super::envelope::ApiError;
use super::import_report::ImportReport;
use super::scope::Scope;
use crate::data::Writing;
use crate::import::{Intake, IntakeError};
use crate::store::{Opened, Reply, StoreError};
use crate::telemetry::{Telemetry, WriteSource};

/// Bytes of the body gathered before a store thread reads them.
const TEXT_BYTES: usize = 1 << 20;
/// How long a part is tried again that is turned away for now, once parts before it are stored.
const PATIENCE: Duration = Duration::from_secs(30);

/// What of a text is still to be done.
#[derive(Debug)]
struct Work {
    intake: Intake,
    /// Bytes of the body that came, and how many of them are read.
    text: Vec<u8>,
    read: usize,
    /// Whether these are the last.
    ended: bool,
    /// Whether the intake knows that.
    finished: bool,
    /// Whether what became of the lines in the rows is reported.
    reported: bool,
    /// Whether the sender was charged for the rows.
    charged: bool,
    /// Whether a part is stored.
    begun: bool,
    report: ImportReport,
}

/// Work that the task of the request and a store thread hold in turn.
type Shared = Arc<Mutex<Work>>;

/// No work is left half done under the lock, so a panic elsewhere does not matter here.
fn lock(work: &Shared) -> MutexGuard<'_, Work> {
    work.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Stores a text; what became of it so far, and why not all of it was taken.
pub(super) async fn import_text(
    app: &App,
    scope: &Scope,
    body: Body,
    intake: Intake,
) -> (ImportReport, Result<(), ApiError>) {
    let work = Arc::new(Mutex::new(Work {
        intake,
        text: Vec::new(),
        read: 0,
        ended: false,
        finished: false,
        reported: false,
        charged: false,
        begun: false,
        report: ImportReport::default(),
    }));
    let outcome = take_body(app, scope, body, &work).await;
    let mut report = std::mem::take(&mut lock(&work).report);
    report.sort();
    (report, outcome)
}

async fn take_body(
    app: &App,
    scope: &Scope,
    mut body: Body,
    work: &Shared,
) -> Result<(), ApiError> {
    let permit = app.inflight.try_acquire(0).map_err(unavailable)?;
    loop {
        let frame = body.frame().await.transpose().map_err(|error| {
            ApiError::bad_data(format!("cannot read the request body: {error}"))
        })?;
        let ended = frame.is_none();
        let piece = frame.and_then(|frame| frame.into_data().ok());
        let piece = piece.unwrap_or_default();
        let full = {
            let mut work = lock(work);
            work.ended = ended;
            let needed = work.text.len() + piece.len() + work.intake.held_bytes();
            let more = (needed as u64).saturating_sub(permit.held());
            permit.grow(more).map_err(unavailable)?;
            work.text.extend_from_slice(&piece);
            work.text.len() >= TEXT_BYTES
        };
        if !ended && !full {
            continue;
        }
        while !step(app, scope, work).await? {
            let held = lock(work).held_bytes();
            let more = held.saturating_sub(permit.held());
            permit.grow(more).map_err(unavailable)?;
        }
        if ended || lock(work).intake.rows().stopped() {
            return Ok(());
        }
    }
}

fn unavailable(fault: tsdb_remote::RequestFault) -> ApiError {
    StoreError::Unavailable(fault.to_string()).into()
}

/// Does one bounded part of the work; whether all is done that can be for now.
async fn step(app: &App, scope: &Scope, work: &Shared) -> Result<bool, ApiError> {
    let mut waited = Duration::ZERO;
    loop {
        let (telemetry, scope, part) =
            (Arc::clone(&app.telemetry), scope.clone(), Arc::clone(work));
        let job = move |opened: Opened, _: &mut _, reply| {
            store_part(&opened, &scope, part, &telemetry, reply);
        };
        match app.store.write(job).await {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(error)) => return Err(ApiError::bad_data(error.to_string())),
            // A long text is not given up for what passes; what was not begun can as well be sent again.
            Err(error) if error.is_passing() && lock(work).begun && waited < PATIENCE => {
                let pause = error.retry_after().min(PATIENCE);
                waited += pause;
                tokio::time::sleep(pause).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Reads a part, unless one that was read is still to be stored, and stores it.
fn store_part(
    opened: &Opened,
    scope: &Scope,
    part: Shared,
    telemetry: &Arc<Telemetry>,
    reply: Reply<Result<bool, IntakeError>>,
) {
    let mut work = lock(&part);
    if let Err(error) = work.advance(telemetry) {
        return reply.send(Ok(Err(error)));
    }
    let stored = work.store(opened, scope);
    drop(work);
    let writing = match stored {
        Err(error) => return reply.send(Err(error)),
        Ok(None) => return reply.send(Ok(Ok(lock(&part).settle(&AppendReport::default())))),
        Ok(Some(writing)) => writing,
    };
    let telemetry = Arc::clone(telemetry);
    writing.then(move |stored| {
        let settle = |report| lock(&part).settle_stored(&report, &telemetry);
        reply.send(stored.map(|report| Ok(settle(report))));
    });
}

impl Work {
    /// Bytes that it keeps.
    fn held_bytes(&self) -> u64 {
        (self.text.len() + self.intake.held_bytes()) as u64
    }

    /// Reads on until there are rows to store, or all is read that is there.
    fn advance(&mut self, telemetry: &Telemetry) -> Result<(), IntakeError> {
        if self.reported {
            return Ok(());
        }
        let rest = self.text.get(self.read..).unwrap_or_default();
        if !rest.is_empty() {
            self.read += self.intake.take(rest)?;
        }
        if self.ended && !self.finished && self.read == self.text.len() {
            self.intake.finish()?;
            self.finished = true;
        }
        let counts = self.intake.rows().counts();
        telemetry.imported(counts.0, counts.1);
        let problems = self.intake.rows().problems().to_vec();
        self.report.read(counts, problems);
        self.reported = true;
        Ok(())
    }

    /// Begins to store the rows; nothing where there are none.
    fn store(&mut self, opened: &Opened, scope: &Scope) -> Result<Option<Writing>, StoreError> {
        let rows = self.intake.rows();
        if rows.is_empty() {
            return Ok(None);
        }
        let namespace = scope.data(opened)?;
        let batch = rows.batch();
        if !batch.is_empty() && !self.charged {
            scope.charge(batch.samples_len() + batch.histograms().len())?;
            self.charged = true;
        }
        Ok(Some(namespace.write(&batch, rows.metadata())?))
    }

    /// As [`settle`](Self::settle), of rows that were not empty.
    fn settle_stored(&mut self, report: &AppendReport, telemetry: &Telemetry) -> bool {
        telemetry.stored(WriteSource::Import, report);
        let metadata = self.intake.rows().metadata().len();
        telemetry.extras(metadata as u64, 0);
        self.settle(report)
    }

    /// The rows are durable, but for what was refused; whether all is done that can be for now.
    fn settle(&mut self, report: &AppendReport) -> bool {
        let stored = report.appended + report.appended_histograms;
        self.begun |= stored > 0;
        self.report.stored += stored;
        self.report.rejected += report.rejected_samples;
        let problems = self.intake.rows().place(&report.rejected);
        self.report.list(problems);
        self.intake.clear();
        (self.reported, self.charged) = (false, false);
        if self.read == self.text.len() {
            self.text.clear();
            self.read = 0;
        }
        let done = self.text.is_empty() && (!self.ended || self.finished);
        done || self.intake.rows().stopped()
    }
}
